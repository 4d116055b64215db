import type { Actor, ActorReport, RestartPolicy, Supervised } from './actor.ts';
import { PlatformError } from './errors.ts';
import { Family } from './family.ts';
import { startMailboxes } from './mailbox.ts';
import { Supervisor, type SupervisorDeps } from './supervisor.ts';

/** The supervision tree of a process. */
export interface ActorSystem {
  /**
   * Starts an actor at the top of the tree.
   * @throws PlatformError PORT_CLOSED after `stop`; CONFIG_INVALID when the name is malformed or taken
   */
  supervise(actor: Actor, policy: RestartPolicy): Supervised;
  /** The whole tree as it stands; its root is the system. */
  report(): ActorReport;
  /** Stops every actor, last started first. Idempotent. */
  stop(): Promise<void>;
}

/** Options of {@link createActorSystem}. */
export interface ActorSystemOptions extends SupervisorDeps {
  /** Name of the root in reports; `a-z 0-9 - _ .` only. */
  readonly name: string;
}

/** Starts a supervision tree on nact. @throws Error when nact cannot start */
export function createActorSystem(options: ActorSystemOptions): ActorSystem {
  const mailboxes = startMailboxes(options.name);
  const family = new Family();
  let stopped: Promise<void> | undefined;
  let isStopped = false;
  return {
    supervise(actor, policy) {
      if (stopped !== undefined) throw new PlatformError('PORT_CLOSED', `actor system '${options.name}' has stopped`, { system: options.name });
      return family.add(actor, () => new Supervisor(actor, policy, { mailbox: mailboxes.root, path: [] }, options));
    },
    report() {
      const state = stopped === undefined ? 'running' : isStopped ? 'stopped' : 'stopping';
      return { name: options.name, state, generation: 1, restarts: 0, children: family.report() };
    },
    stop() {
      stopped ??= family.stop().then(() => { isStopped = true; mailboxes.close(); });
      return stopped;
    },
  };
}
