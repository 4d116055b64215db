import { Subject } from 'rxjs';
import type { ActorReport } from '../../src/engine/actor.ts';
import { createActorSystem, type ActorSystem } from '../../src/engine/actor-system.ts';
import type { Clock } from '../../src/engine/clock.ts';
import { reportError } from '../../src/engine/errors.ts';
import type { Random } from '../../src/engine/random.ts';
import { systemRandom } from '../../src/engine/seeded-random.ts';
import { systemClock } from '../../src/engine/system-clock.ts';
import { every } from '../../src/engine/timers.ts';
import { latest } from '../../src/flow/latest.ts';
import { createLogger, type Logger } from '../../src/utility-ops/log.ts';
import { redactUri } from '../../src/utility-ops/redact-uri.ts';
import { createRecorder, type Recorder } from '../../src/utility-ops/telemetry/recorder.ts';
import { dieWithParent } from './parent-watch.ts';
import type { FromChild, Role, ToChild } from './protocol.ts';

/** What a role gets when its process starts. */
export interface RoleContext {
  readonly name: string;
  readonly system: ActorSystem;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly telemetry: Recorder;
  /** Aborts when the process must drain and end. */
  readonly signal: AbortSignal;
  /** The role serves now. */
  ready(): void;
  /** Tells something to whoever started the process. */
  note(note: unknown): void;
  /** Kills this process when it holds more than so many bytes, even while native code blocks it. */
  limitMemory(bytes: number): void;
  /** Control messages of the root. */
  onMessage(listener: (message: unknown) => void): void;
}

/** A role: runs until its signal aborts and everything it holds is drained and closed. */
export type RoleMain = (settings: unknown, ctx: RoleContext) => Promise<void>;

const REPORT_EVERY_MS = 500;

/** Runs one role in this child process, under the control of the parent that forked it. */
export function runRoleProcess(roles: Readonly<Record<Role, () => Promise<RoleMain>>>): void {
  const name = process.argv[2] ?? 'role';
  process.title = `vto ${name}`;
  const stopping = new AbortController();
  const send = (message: FromChild): void => { if (process.connected) process.send?.(message); };
  const watch = dieWithParent();
  process.on('disconnect', () => process.exit(1));
  process.on('SIGINT', () => { /* Ctrl-C goes to the whole group: the root tells us when to stop */ });
  process.on('SIGTERM', () => stopping.abort());
  // What the root tells a role that is still loading is kept until it listens: it is not in the settings it was started with.
  const early: unknown[] = [];
  let listener: (message: unknown) => void = message => { early.push(message); };
  let telemetry: Recorder | undefined;
  process.on('message', (message: ToChild) => {
    switch (message.type) {
      case 'stop': stopping.abort(); return;
      case 'tell': listener(message.message); return;
      case 'metrics':
        void telemetry?.snapshot().then(snapshot => send({ type: 'metrics', id: message.id, snapshot }));
        return;
      case 'start': {
        const log = createLogger({ level: 'debug', format: 'json', isTerminal: false, scrub: redactUri, fields: { process: name } });
        telemetry = createRecorder({ process: name });
        const system = createSystem(name, log, telemetry);
        const ctx: RoleContext = {
          name, system, clock: systemClock, random: systemRandom, log, telemetry, signal: stopping.signal,
          ready: () => send({ type: 'ready' }), note: note => send({ type: 'note', note }), limitMemory: bytes => watch.limitMemory(bytes), onMessage: added => {
            listener = added;
            for (const message of early.splice(0)) added(message);
          },
        };
        void reportTree(ctx);
        void run(roles[message.role], message.settings, ctx, send);
      }
    }
  });
}

function createSystem(name: string, log: Logger, telemetry: Recorder): ActorSystem {
  return createActorSystem({
    name, clock: systemClock, random: systemRandom,
    onEvent: event => {
      const actor = event.path.join('/');
      if (event.type === 'failed') {
        telemetry.count('actorRestarts', { actor });
        // A camera says itself that its session was lost.
        log[event.path.at(-1) === 'session' ? 'debug' : 'warn']({ actor, generation: event.generation, retryInMs: Math.round(event.retryInMs), error: reportError(event.error) }, 'actor failed');
      } else if (event.type === 'escalated') log.error({ actor, generation: event.generation, error: reportError(event.error) }, 'actor gave up');
      else if (event.type === 'stuck') log.error({ actor, generation: event.generation, waitedMs: event.waitedMs }, 'actor did not stop');
    },
  });
}

/** Tells the parent how the actors are. Node queues messages without limit: while the parent is too busy to read, only the newest report waits. */
async function reportTree({ system, clock, signal, telemetry }: RoleContext): Promise<void> {
  const reports = new Subject<ActorReport>();
  reports.pipe(latest({ project: report => sent({ type: 'report', report, isAlive: true }), onDrop: (_report, reason, isIntentional) => telemetry.dropped('report', reason, 1, isIntentional) })).subscribe();
  await every(REPORT_EVERY_MS, clock, signal, () => reports.next(system.report()));
}

/** Resolves when the channel has taken the message, or is gone. */
async function sent(message: FromChild): Promise<void> {
  await new Promise<void>(resolve => {
    if (process.connected && process.send) process.send(message, undefined, undefined, () => resolve());
    else resolve();
  });
}

async function run(load: () => Promise<RoleMain>, settings: unknown, ctx: RoleContext, send: (message: FromChild) => void): Promise<void> {
  let code = 0;
  try {
    const main = await load();
    await main(settings, ctx);
    await ctx.system.stop();
  } catch (error) {
    send({ type: 'failed', error: reportError(error) });
    ctx.log.error({ error: reportError(error) }, 'role failed');
    code = 1;
  }
  // Native libraries keep handles open; everything durable is written by now.
  await new Promise<void>(resolve => { process.stdout.write('', () => resolve()); });
  process.exit(code);
}
