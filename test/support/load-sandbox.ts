import { fileURLToPath } from 'node:url';
import { ProcessActor } from '../../actors/process/child-process.ts';
import { POLICIES } from '../../actors/tree.ts';
import { createActorSystem, type ActorSystem } from '../../src/engine/actor-system.ts';
import type { Supervised } from '../../src/engine/actor.ts';
import { reportError, type ErrorReport } from '../../src/engine/errors.ts';
import { systemRandom } from '../../src/engine/seeded-random.ts';
import { systemClock } from '../../src/engine/system-clock.ts';

/** What is to be loaded. */
export interface LoadOrder { readonly id: number; readonly path: string; readonly family: string }

/** How it ended: `loaded`, `refused CODE`, `unnamed TEXT`; or the process itself ended, and how. */
export type LoadOutcome = { readonly outcome: string } | { readonly died: ErrorReport };

const ENTRY = fileURLToPath(new URL('load-sandbox-child.ts', import.meta.url));

/** A process that loads models as a vision process does, watched and started again as one. */
export class LoadSandbox {
  readonly #system: ActorSystem;
  readonly #actor: ProcessActor;
  readonly #supervised: Supervised;
  #waiting: { readonly id: number; readonly end: (outcome: LoadOutcome) => void } | undefined;
  #count = 0;
  /** How often it was started again. */
  deaths = 0;

  /** @param stallMs so long may a model block the process; a vision process gets longer to start, and 5 s to answer */
  constructor(stallMs = 20_000) {
    this.#system = createActorSystem({
      name: 'sandbox', clock: systemClock, random: systemRandom,
      onEvent: event => {
        if (event.type !== 'failed') return;
        this.deaths += 1;
        this.#end({ died: reportError(event.error) });
      },
    });
    this.#actor = new ProcessActor({
      name: 'loader', role: 'vision', settings: () => undefined, threadPoolSize: 2, clock: systemClock, stopMs: 100, entry: ENTRY, onLine: () => {},
      onNote: note => {
        const { id, outcome } = note as { readonly id: number; readonly outcome: string }; // told by our own child
        if (id === this.#waiting?.id) this.#end({ outcome });
      },
    });
    this.#supervised = this.#system.supervise(this.#actor, { ...POLICIES.vision, stallMs, backoffMs: 5, backoffMaxMs: 50 });
  }

  /** Loads and runs one model. One at a time. */
  async load(path: string, family: string): Promise<LoadOutcome> {
    await this.#actor.untilReady();
    return new Promise(resolve => {
      const id = ++this.#count;
      this.#waiting = { id, end: resolve };
      this.#supervised.tell({ id, path, family } satisfies LoadOrder);
    });
  }

  async close(): Promise<void> {
    await this.#system.stop();
  }

  #end(outcome: LoadOutcome): void {
    const waiting = this.#waiting;
    this.#waiting = undefined;
    waiting?.end(outcome);
  }
}
