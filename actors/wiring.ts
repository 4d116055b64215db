import type { Actor } from '../src/engine/actor.ts';
import type { Clock } from '../src/engine/clock.ts';
import type { Envelope, InPort, OutPort } from '../src/engine/ports.ts';
import type { Random } from '../src/engine/random.ts';
import { runStage } from '../src/engine/stage-host.ts';
import type { Stage, StageObserver } from '../src/engine/stage.ts';
import { gatherInput, type GatherRule } from '../src/transports/gather-input.ts';
import { createMemoryPort, type MemoryPort } from '../src/transports/memory.ts';

/** What every stage of a flow is hosted with. */
export interface FlowHost {
  readonly clock: Clock;
  readonly random: Random;
  readonly observer: StageObserver;
}

/** How a stage hands over to the next one. */
export interface Handover<Out> {
  /** Batches whose outputs are not yet acknowledged. */
  readonly maxInFlight: number;
  /** Items that may wait between the two; 0: the next stage takes each itself. */
  readonly maxWaiting: number;
  /** Most items given to the stage at once. @default 1 */
  readonly maxBatch?: number;
  /** Last outputs, when the input has ended. */
  readonly atEnd?: () => readonly Envelope<Out>[];
}

/** How the last stage of a chain hands over. */
export interface Ending<Out> extends Omit<Handover<Out>, 'maxWaiting'> {
  /** Told when the input has ended and everything was handed over. */
  readonly onEnd?: () => void;
}

/** A chain of stages under construction: each is an actor, joined to the next by a memory port. */
export class Flow<Body> {
  readonly #host: FlowHost;
  readonly #input: InPort<Body>;
  readonly #actors: readonly Actor[];
  /** Resolves when the next stage takes another item. */
  readonly whenWanted: (signal: AbortSignal) => Promise<void>;

  constructor(host: FlowHost, input: InPort<Body>, actors: readonly Actor[] = [], whenWanted: (signal: AbortSignal) => Promise<void> = async () => {}) {
    this.#host = host;
    this.#input = input;
    this.#actors = actors;
    this.whenWanted = whenWanted;
  }

  /** What comes out of the chain so far. */
  get output(): InPort<Body> { return this.#input; }
  /** Its stages so far, first one first. */
  get actors(): readonly Actor[] { return this.#actors; }

  /** Adds a stage and the port behind it. */
  through<Out>(name: string, stage: Stage<Body, Out>, handover: Handover<Out>): Flow<Out> {
    const port = memoryPort<Out>(handover.maxWaiting);
    const actor = this.#actor(name, stage, port.output, { ...handover, onEnd: () => port.end() });
    return new Flow(this.#host, port.input, [...this.#actors, actor], signal => port.output.room(signal));
  }

  /** The next stage gets several items at once, as the rule says. */
  gathered(rule: GatherRule<Body>): Flow<Body> {
    return new Flow(this.#host, gatherInput(this.#input, rule, this.#host.clock), this.#actors, this.whenWanted);
  }

  /** Ends the chain in a port and gives its actors, first stage first. */
  into<Out>(name: string, stage: Stage<Body, Out>, output: OutPort<Out>, handover: Ending<Out>): readonly Actor[] {
    return [...this.#actors, this.#actor(name, stage, output, handover)];
  }

  #actor<Out>(name: string, stage: Stage<Body, Out>, output: OutPort<Out>, handover: Ending<Out>): Actor {
    const { clock, random, observer } = this.#host;
    return {
      name,
      run: async ctx => {
        await runStage({
          stage, input: this.#input, output, observer, maxBatch: handover.maxBatch ?? 1, maxInFlight: handover.maxInFlight, drainMs: 1_000,
          ctx: { name, clock, random, signal: ctx.signal, progress: ctx.progress },
          retry: { maxRetries: 5, backoffMs: 20, backoffMaxMs: 500 },
        });
        const last = handover.atEnd?.() ?? [];
        if (last.length > 0 && !ctx.signal.aborted) await output.push(last, ctx.signal);
        handover.onEnd?.();
      },
    };
  }
}

/** A port between two stages of one process. Bytes are bounded by the items: one access unit or one model-size frame each. */
export function memoryPort<Body>(maxWaiting: number): MemoryPort<Body> {
  return createMemoryPort<Body>({ maxItems: 4096, maxBytes: Number.MAX_SAFE_INTEGER, maxWaiting, sizeOf: () => 0 });
}
