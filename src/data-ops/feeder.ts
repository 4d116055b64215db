import type { Clock } from '../engine/clock.ts';
import { PlatformError } from '../engine/errors.ts';
import type { OutPort } from '../engine/ports.ts';
import { epochMicros, type CameraId } from '../engine/units.ts';
import type { ChunkPart } from '../messages/chunk-part.ts';
import { DROP_REASONS, type DropReason, type DroppedRecord } from '../messages/terminal-record.ts';
import { findBacklog, type FeederHistory } from './feed/backlog.ts';
import { Feed } from './feed/feed.ts';
import { LiveWindow } from './feed/live-window.ts';
import type { SeqRange } from './store.ts';

/** What a feeder works with. */
export interface FeederOptions {
  readonly camera: CameraId;
  readonly out: OutPort<ChunkPart>;
  readonly history: FeederHistory;
  /** Makes terminal records of frames that are not fed. Resolves when durable. */
  readonly publish: (records: readonly DroppedRecord[]) => Promise<void>;
  readonly clock: Clock;
  /** The output is a log that keeps what it was given: it goes on where it was acknowledged, in mid-GOP. @default false: a decoder, which joins at key frames */
  readonly isLog?: boolean;
  /** Frames that arrived longer ago are not fed again: they end as `expired`. */
  readonly maxRewindMs: number;
  /** Bounds of the live parts kept in memory; older ones are read back from the archive. */
  readonly maxItems: number;
  readonly maxBytes: number;
}

/**
 * Hands durable parts of one camera to vision. Recording never waits for it: `offer` does not block, and what no longer fits in
 * memory is read back from the archive. A new consumer gets everything again that has no terminal record yet: a new feed.
 */
export class Feeder {
  readonly #options: FeederOptions;
  readonly #window: LiveWindow;
  #generation = 0;
  #feed = 0;
  /** The newest epoch whose end the current feed has sent. */
  #endedEpoch = -1;
  #inFlight = 0;
  #isCaughtUp = true;
  /** Something was offered since the feed looked last. */
  #hasNews = false;
  #wake: () => void = () => {};

  constructor(options: FeederOptions) {
    this.#options = options;
    this.#window = new LiveWindow(options);
  }

  /** Parts held in memory. */
  get depth(): { readonly items: number; readonly bytes: number } { return this.#window.depth; }

  /** Takes a durable part. Never waits. */
  offer(part: ChunkPart): void {
    this.#window.add(part);
    this.#isCaughtUp = false;
    this.#hasNews = true;
    // The index told of this epoch before its first part came here, and it was taken for one that is over.
    if (part.units.length > 0 && part.epoch <= this.#endedEpoch) this.#generation += 1;
    this.#wake();
  }

  /** A consumer attached: everything without a record is fed again to it. */
  startOver(): void {
    this.#generation += 1;
    this.#isCaughtUp = false;
    this.#wake();
  }

  /** True when everything offered has been fed and acknowledged. */
  get isDrained(): boolean {
    return this.#isCaughtUp && this.#inFlight === 0;
  }

  /** True when besides nothing durable is without a record: also of earlier processes. */
  async isSettled(): Promise<boolean> {
    return this.isDrained && (await this.#options.history.unaccounted()).length === 0;
  }

  /** Ends every durable frame that has no record yet; a record that vision still makes of one comes too late and is left out. */
  async giveUp(reason: DropReason): Promise<void> {
    for (const { epoch, ranges } of await this.#options.history.unaccounted()) await this.#publish(epoch, ranges, reason);
  }

  /** Feeds until the signal aborts. */
  async run(signal: AbortSignal, progress: () => void): Promise<void> {
    while (!signal.aborted) {
      const generation = this.#generation;
      this.#feed = Math.max(this.#feed + 1, this.#options.clock.now());
      this.#endedEpoch = -1;
      const isCurrent = (): boolean => !signal.aborted && generation === this.#generation;
      try {
        await this.#feedOn(isCurrent, signal, progress);
      } catch (error) {
        // A link that broke starts over when the consumer is back; the abort ends the loop.
        if (!isCurrent()) continue;
        if (!(error instanceof PlatformError) || error.code !== 'PORT_CLOSED') throw error;
        await this.#idle(signal);
      }
    }
  }

  async #feedOn(isCurrent: () => boolean, signal: AbortSignal, progress: () => void): Promise<void> {
    const { history, clock } = this.#options;
    const publish = (epoch: number, ranges: readonly SeqRange[], reason: DropReason): Promise<void> => this.#publish(epoch, ranges, reason);
    const cutoff = (): ReturnType<Clock['now']> => epochMicros(clock.now() - this.#options.maxRewindMs * 1000);
    const backlog = await findBacklog({ history, heads: this.#window.heads(), cutoff: cutoff(), onExpired: (epoch, ranges) => publish(epoch, ranges, 'expired') });
    const feed = new Feed({
      window: this.#window, history, clock, cutoff, backlog, publish, isCurrent, signal, isLog: this.#options.isLog ?? false,
      send: async part => {
        await this.#options.out.room(signal);
        if (!isCurrent()) return false;
        this.#push({ ...part, feed: this.#feed }, signal);
        return true;
      },
      onEpochEnd: epoch => { this.#endedEpoch = epoch; },
    });
    while (isCurrent()) {
      progress();
      this.#hasNews = false;
      if (await feed.step() || this.#hasNews || !isCurrent()) continue;
      this.#isCaughtUp = true;
      await this.#idle(signal);
    }
  }

  #push(part: ChunkPart, signal: AbortSignal): void {
    this.#inFlight += 1;
    const capturedAt = part.units[0]?.capturedAt ?? part.chunkStartedAt;
    // The acknowledgement returns credit; a lost one is fed again to the next consumer by `startOver`.
    this.#options.out.push([{ body: part, key: this.#options.camera, capturedAt, trace: '' }], signal).catch(() => {}).finally(() => { this.#inFlight -= 1; });
  }

  #idle(signal: AbortSignal): Promise<void> {
    return new Promise(resolve => {
      const done = (): void => { signal.removeEventListener('abort', done); this.#wake = () => {}; resolve(); };
      this.#wake = done;
      signal.addEventListener('abort', done, { once: true });
      if (signal.aborted) done();
    });
  }

  async #publish(epoch: number, ranges: readonly SeqRange[], reason: DropReason): Promise<void> {
    if (ranges.length === 0) return;
    const { camera, clock, publish } = this.#options;
    const capturedAt = clock.now();
    await publish(ranges.map(({ from, to }) => ({ kind: 'dropped', camera, epoch, from, to, reason, isIntentional: DROP_REASONS[reason].isIntentional, capturedAt })));
  }
}
