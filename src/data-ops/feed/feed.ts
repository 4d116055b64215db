import type { Clock } from '../../engine/clock.ts';
import type { EpochMicros } from '../../engine/units.ts';
import type { ChunkPart } from '../../messages/chunk-part.ts';
import { isSameDecoding } from '../../messages/stream-parameters.ts';
import type { DropReason } from '../../messages/terminal-record.ts';
import type { SeqRange } from '../store.ts';
import { type Backlog, type FeederHistory, wantedWithin } from './backlog.ts';
import { firstSeq, lastSeq, type LiveWindow } from './live-window.ts';

/** What a feed works with. */
export interface FeedOptions {
  readonly window: LiveWindow;
  readonly history: FeederHistory;
  readonly backlog: readonly Backlog[];
  readonly clock: Clock;
  /** The consumer keeps what it was given, as a log does: nothing is repeated for a decoder's sake. @default false */
  readonly isLog?: boolean;
  /** Frames that arrived before this end as expired when they are read back. */
  readonly cutoff: () => EpochMicros;
  /** False when the consumer is gone: nothing is sent to it any more. */
  readonly send: (part: ChunkPart) => Promise<boolean>;
  readonly publish: (epoch: number, ranges: readonly SeqRange[], reason: DropReason) => Promise<void>;
  readonly onEpochEnd: (epoch: number) => void;
  readonly isCurrent: () => boolean;
  readonly signal: AbortSignal;
}

/**
 * `joining`: the consumer's decoder knows nothing of the epoch yet. `following`: it stands at the next frame.
 * `skipping`: frames before that one are missing, so that none can be decoded up to the next key frame.
 */
type Mode = 'joining' | 'following' | 'skipping';

/** How long to wait, and how often, for the archive to hold frames that left memory just now. */
const LAG_MS = 100;
const LAG_TRIES = 50;

/** Frames left out are published in runs of at most this many. */
const LEFT_OUT_MAX = 256;

/**
 * Everything one consumer is given, in order: what of earlier epochs has no record, then the current epoch from memory, or from the
 * archive where memory was too small. Each epoch starts at a key frame, has no hole up to where frames are left out, and ends once.
 */
export class Feed {
  readonly #options: FeedOptions;
  readonly #backlog: ReadonlyMap<number, Backlog>;
  #epoch = -1;
  /** The next frame to end: to be sent, or to be left out. */
  #next = 0;
  #mode: Mode = 'following';
  #hasEnded = true;
  #lastSent: ChunkPart | undefined;
  #isLastFromArchive = false;
  #tries = 0;
  #leftOut: { from: number; to: number; readonly reason: DropReason } | undefined;
  #skipReason: DropReason = 'undecodable';

  constructor(options: FeedOptions) {
    this.#options = options;
    this.#backlog = new Map(options.backlog.map(entry => [entry.epoch, entry]));
  }

  /** Goes on by a frame or a reading. False when there is nothing to do before something is offered. */
  async step(): Promise<boolean> {
    const { window } = this.#options;
    window.dropBefore(this.#epoch, this.#next);
    const liveSeq = window.firstOf(this.#epoch);
    if (liveSeq !== undefined && liveSeq <= this.#next && this.#canTake(window.first)) return this.#take(window.first, false);
    if (this.#next <= this.#headSeq || (liveSeq !== undefined && this.#mode === 'joining')) return this.#readBack();
    if (this.#leftOut) { await this.#flushLeftOut(); return true; }
    if (!this.#isOver()) return false;
    if (!this.#hasEnded) return this.#end();
    return this.#enterNext();
  }

  /** The last frame of the epoch, as far as known. */
  get #headSeq(): number {
    return Math.max(this.#options.window.headOf(this.#epoch) ?? -1, this.#backlog.get(this.#epoch)?.knownTo ?? -1);
  }

  /** No unit of the epoch follows: it was ended, a newer one has begun, or an earlier process recorded it. */
  #isOver(): boolean {
    const { window } = this.#options;
    return window.endOf(this.#epoch) !== undefined || this.#epoch < window.newestEpoch || window.headOf(this.#epoch) === undefined;
  }

  #enterNext(): boolean {
    const { window } = this.#options;
    const waiting = [...this.#backlog.values()].filter(({ epoch, ranges, knownTo }) => ranges.length > 0 || epoch === window.newestEpoch || (window.headOf(epoch) ?? -1) > knownTo).map(({ epoch }) => epoch);
    const fresh = [...window.heads().keys()].filter(epoch => !this.#backlog.has(epoch));
    const epoch = Math.min(...[...waiting, ...fresh].filter(candidate => candidate > this.#epoch));
    if (!Number.isFinite(epoch)) return false;
    const entry = this.#backlog.get(epoch);
    this.#epoch = epoch;
    this.#next = entry ? entry.ranges[0]?.from ?? entry.knownTo + 1 : 0;
    this.#mode = this.#next === 0 || this.#options.isLog === true ? 'following' : 'joining';
    this.#hasEnded = false;
    this.#lastSent = undefined;
    this.#tries = 0;
    return true;
  }

  async #end(): Promise<boolean> {
    const end = this.#options.window.endOf(this.#epoch) ?? (this.#lastSent && { ...this.#lastSent, units: [], isEpochEnd: true });
    if (end && !await this.#options.send({ ...end, isRecovered: this.#lastSent?.isRecovered ?? false })) return true;
    this.#hasEnded = true;
    this.#options.onEpochEnd(this.#epoch);
    return true;
  }

  /**
   * A decoder that knows nothing can start at a key frame that needs nothing before it. One that was given frames as the archive has them
   * goes on with those of the source at a key frame only, where the two are framed differently.
   */
  #canTake(part: ChunkPart | undefined): part is ChunkPart {
    const isKey = part?.units[0]?.isKey === true;
    switch (this.#mode) {
      case 'joining': return isKey && part?.isOpenGop === false;
      case 'skipping': return part !== undefined;
      case 'following': return part !== undefined && (isKey || !this.#lastSent || !this.#isLastFromArchive || isSameDecoding(this.#lastSent.parameters, part.parameters));
    }
  }

  /** Sends the next part or leaves it out. */
  async #take(part: ChunkPart, isFromArchive: boolean): Promise<boolean> {
    const [unit] = part.units;
    if (!unit) return true;
    const isWanted = wantedWithin(this.#backlog.get(this.#epoch), firstSeq(part), lastSeq(part)).length > 0;
    if (isFromArchive && isWanted && unit.arrivedAt < this.#options.cutoff()) this.#skip('expired');
    else if (this.#mode === 'joining' || unit.isKey) this.#mode = 'following';
    if (this.#mode === 'skipping') {
      if (isWanted) await this.#leaveOut(firstSeq(part), lastSeq(part));
    } else {
      await this.#flushLeftOut();
      const units = part.units.filter(({ frameSeq }) => frameSeq >= this.#next);
      const isRecovered = isFromArchive || firstSeq(part) <= (this.#backlog.get(this.#epoch)?.knownTo ?? -1);
      if (!await this.#send({ ...part, units, isRecovered, isAccounted: !isWanted }, isFromArchive)) return true;
    }
    this.#next = lastSeq(part) + 1;
    this.#tries = 0;
    return true;
  }

  async #send(part: ChunkPart, isFromArchive: boolean): Promise<boolean> {
    if (!await this.#options.send(part)) return false;
    this.#lastSent = part;
    this.#isLastFromArchive = isFromArchive;
    return true;
  }

  #skip(reason: DropReason): void {
    this.#mode = 'skipping';
    this.#skipReason = reason;
  }

  /** From the archive up to what is in memory, with the frames that a new decoder needs before the next one. */
  async #readBack(): Promise<boolean> {
    const { history, signal, isCurrent, window } = this.#options;
    const before = { next: this.#next, mode: this.#mode };
    const lost: SeqRange[] = [];
    let reference = -1;
    let isSwitching = this.#options.isLog !== true && this.#mode === 'following' && this.#lastSent !== undefined && !this.#isLastFromArchive;
    const startsAtKey = this.#mode === 'joining' || isSwitching;
    for await (const part of history.read({ epoch: this.#epoch, from: this.#next, startsAtKey, signal, onLost: range => { lost.push(range); } })) {
      await this.#endLost(lost.splice(0));
      if (!isCurrent()) return true;
      // A decoder of the source's framing starts anew at the key frame with the archive's.
      if (isSwitching && this.#lastSent && !isSameDecoding(this.#lastSent.parameters, part.parameters)) this.#mode = 'joining';
      isSwitching = false;
      const seq = firstSeq(part);
      if (seq < this.#next) {
        if (this.#mode !== 'joining') continue; // the decoder has it already
        if (reference >= 0 && seq !== reference + 1 && part.units[0]?.isKey !== true) break;
        if (!await this.#send({ ...part, isRecovered: true, isAccounted: true }, true)) return true;
        reference = seq;
        continue;
      }
      if (this.#mode === 'joining') this.#join(part, reference);
      if (seq > this.#next) await this.#miss(seq - 1, 'expired');
      window.dropBefore(this.#epoch, this.#next);
      if (window.firstOf(this.#epoch) === seq && this.#canTake(window.first)) break;
      await this.#take(part, true);
      if (!isCurrent()) return true;
    }
    await this.#endLost(lost);
    if (this.#mode === 'joining' && reference >= 0) this.#join(undefined, reference);
    await this.#flushLeftOut();
    if (isCurrent() && this.#next === before.next && this.#mode === before.mode) await this.#waitForArchive();
    return true;
  }

  /** The frames before the next one are sent, as far as there are any. */
  #join(next: ChunkPart | undefined, reference: number): void {
    if (reference === this.#next - 1 || next?.units[0]?.isKey === true) this.#mode = 'following';
    else this.#skip('undecodable');
  }

  /** The archive hears of a frame a little after this feed does; one that it never shows is given up. */
  async #waitForArchive(): Promise<void> {
    const { history, clock, signal } = this.#options;
    const rows = await history.chunks(this.#epoch);
    const gone = rows.find(row => row.isExpired && row.firstFrameSeq <= this.#next && this.#next < row.firstFrameSeq + row.frameCount);
    if (gone) return this.#miss(Math.min(gone.firstFrameSeq + gone.frameCount - 1, this.#lastUnheld()), 'expired');
    this.#tries += 1;
    if (this.#tries <= LAG_TRIES) return clock.sleep(LAG_MS, signal);
    this.#skip('undecodable');
    await this.#miss(this.#lastUnheld(), 'undecodable');
  }

  /** The last known frame that is not in memory. */
  #lastUnheld(): number {
    return Math.min(this.#headSeq, (this.#options.window.firstOf(this.#epoch) ?? Number.POSITIVE_INFINITY) - 1);
  }

  async #endLost(ranges: readonly SeqRange[]): Promise<void> {
    for (const range of ranges) {
      if (range.from > this.#next) await this.#miss(range.from - 1, 'expired');
      await this.#miss(Math.min(range.to, this.#lastUnheld()), 'undecodable');
      this.#skip('undecodable'); // what is in memory behind them needs them
    }
  }

  /** Frames up to `to` cannot be had any more. */
  async #miss(to: number, reason: DropReason): Promise<void> {
    if (to < this.#next) return;
    await this.#options.publish(this.#epoch, wantedWithin(this.#backlog.get(this.#epoch), this.#next, to), reason);
    this.#next = to + 1;
    this.#tries = 0;
    this.#skip('undecodable');
  }

  async #leaveOut(from: number, to: number): Promise<void> {
    const run = this.#leftOut;
    if (run && run.to + 1 === from && run.reason === this.#skipReason) run.to = to;
    else {
      await this.#flushLeftOut();
      this.#leftOut = { from, to, reason: this.#skipReason };
    }
    if (this.#leftOut && this.#leftOut.to - this.#leftOut.from >= LEFT_OUT_MAX) await this.#flushLeftOut();
  }

  async #flushLeftOut(): Promise<void> {
    const run = this.#leftOut;
    this.#leftOut = undefined;
    if (run) await this.#options.publish(this.#epoch, [{ from: run.from, to: run.to }], run.reason);
  }
}
