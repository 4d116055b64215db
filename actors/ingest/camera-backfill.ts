import type { ActorContext, Supervised } from '../../src/engine/actor.ts';
import type { Clock } from '../../src/engine/clock.ts';
import { untilAborted } from '../../src/engine/timers.ts';
import type { Feeder } from '../../src/data-ops/feeder.ts';
import type { ChunkPart } from '../../src/messages/chunk-part.ts';
import { POLICIES } from '../tree.ts';
import { BACKFILL_TRIES, Backfill, type BackfillOptions, type Gap } from './backfill.ts';

/** What filling gaps of a camera works with. */
export interface CameraBackfillOptions {
  readonly backfill: Omit<BackfillOptions, 'onDurable'>;
  /** Hands what was filled to vision, beside the live frames. */
  readonly feeder: Feeder;
  readonly onConsumer: (listener: () => void) => () => void;
  readonly onDurable: (part: ChunkPart) => void;
  /** Frames of a camera that needs no detection end here. */
  readonly recordedOnly: ((part: ChunkPart) => Promise<void>) | undefined;
  readonly clock: Clock;
}

/** A camera's gaps being filled. */
export interface Filling {
  /** Ends in order: what was received becomes durable. Resolves when nothing is received any more. */
  end(): Promise<void>;
  /** Ends the frames that vision was too slow for. */
  giveUp(): Promise<void>;
}

/** A replay may take this long to pass on what it received. */
const END_MS = 400;

/** What joins the back-fill of a camera to it: two children beside its live session and feeder. */
export class CameraBackfill {
  readonly #options: CameraBackfillOptions;
  readonly #backfill: Backfill;

  constructor(options: CameraBackfillOptions) {
    const { recordedOnly, feeder, onDurable } = options;
    this.#options = options;
    this.#backfill = new Backfill({
      ...options.backfill,
      onDurable: part => {
        onDurable(part);
        if (recordedOnly) recordedOnly(part).catch(() => { /* the link is closing: the next start accounts for them */ });
        else feeder.offer(part);
      },
    });
  }

  /** Takes a gap; never waits. */
  offer(gap: Gap): void { this.#backfill.offer(gap); }

  /** Keeps epochs free in front of the one that comes next. */
  async reserve(nextEpoch: () => Promise<number>): Promise<readonly number[]> {
    if (!this.#backfill.isSupported) return [];
    const first = await nextEpoch();
    return Array.from({ length: BACKFILL_TRIES }, (_, index) => first + index);
  }

  /** Starts the children of the camera. */
  begin(ctx: ActorContext, finishing: AbortSignal): Filling {
    const { feeder, onConsumer, recordedOnly, clock } = this.#options;
    const filling: Supervised = ctx.supervise({ name: 'backfill', run: child => this.#backfill.run(child, finishing) }, POLICIES.feeder);
    ctx.supervise({
      name: 'backfill-feeder',
      run: async child => {
        if (recordedOnly) return untilAborted(child.signal);
        const detach = onConsumer(() => feeder.startOver());
        await feeder.run(child.signal, child.progress).finally(detach);
      },
    }, POLICIES.feeder);
    return {
      async end() {
        await Promise.race([filling.exit, clock.sleep(END_MS)]);
        await filling.stop();
      },
      giveUp: async () => { if (!recordedOnly) await feeder.giveUp('stale'); },
    };
  }
}
