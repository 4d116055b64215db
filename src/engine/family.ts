import type { Actor, ActorReport, Supervised } from './actor.ts';
import { PlatformError } from './errors.ts';

/** Ended children that reports still show, newest last. */
const SHOWN_ENDED = 64;

const NAME = /^[a-z0-9_.-]+$/;

/** The children of one parent: those that live, in the order they were started, and the last of those that ended. */
export class Family {
  readonly #living = new Map<string, Supervised>();
  readonly #ended = new Map<string, ActorReport>();

  /** Starts a child. @throws PlatformError CONFIG_INVALID when its name is malformed or a living sibling has it */
  add(actor: Actor, start: () => Supervised): Supervised {
    const { name } = actor;
    if (!NAME.test(name)) throw new PlatformError('CONFIG_INVALID', `'${name}' is no actor name: only a-z 0-9 - _ . are allowed`, { actor: name });
    if (this.#living.has(name)) throw new PlatformError('CONFIG_INVALID', `an actor named '${name}' runs already`, { actor: name });
    const child = start();
    this.#ended.delete(name);
    this.#living.set(name, child);
    void child.exit.then(() => this.#retire(name, child));
    return child;
  }

  /** Stops every child, last started first, each one before the next. */
  async stop(): Promise<void> {
    for (const child of [...this.#living.values()].toReversed()) await child.stop();
  }

  report(): readonly ActorReport[] {
    return [...this.#ended.values(), ...[...this.#living.values()].map(child => child.report())];
  }

  #retire(name: string, child: Supervised): void {
    this.#living.delete(name);
    this.#ended.set(name, child.report());
    const oldest = this.#ended.keys().next();
    if (this.#ended.size > SHOWN_ENDED && oldest.done !== true) this.#ended.delete(oldest.value);
  }
}
