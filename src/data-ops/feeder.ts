import type { Clock } from '../engine/clock.ts';
import { PlatformError } from '../engine/errors.ts';
import type { Envelope, OutPort } from '../engine/ports.ts';
import type { CameraId } from '../engine/units.ts';
import type { ChunkPart } from '../messages/chunk-part.ts';
import { DROP_REASONS, type DropReason, type DroppedRecord } from '../messages/terminal-record.ts';
import type { ChunkRow, SeqRange } from './store.ts';

/** The camera's past, as far as it is durable. */
export interface FeederHistory {
  /** Durable frames without a terminal record, oldest epoch first. */
  unaccounted(): Promise<readonly { readonly epoch: number; readonly ranges: readonly SeqRange[] }[]>;
  chunks(epoch: number): Promise<readonly ChunkRow[]>;
  /**
   * Parts of one unit each, from the key frame at or before `fromSeq` to the end of what the index knows now.
   * `onLost` is told of frames whose file is gone or damaged; reading goes on behind them.
   */
  read(epoch: number, fromSeq: number, signal: AbortSignal, onLost: (range: SeqRange) => void): AsyncIterable<ChunkPart>;
}

/** What a feeder works with. */
export interface FeederOptions {
  readonly camera: CameraId;
  readonly out: OutPort<ChunkPart>;
  readonly history: FeederHistory;
  /** Makes terminal records of frames that are not fed. Resolves when durable. */
  readonly publish: (records: readonly DroppedRecord[]) => Promise<void>;
  readonly clock: Clock;
  /** Older frames are not fed again: they end as `expired`. */
  readonly maxRewindMs: number;
  /** Bounds of the live parts kept in memory; older ones are read back from the archive. */
  readonly maxItems: number;
  readonly maxBytes: number;
}

/** Where a feed stands: the next frame of an epoch; frames up to `recoveredTo` were there before the feed began. */
interface Cursor { readonly epoch: number; readonly next: number; readonly recoveredTo: number }

interface Backlog { readonly epoch: number; readonly ranges: readonly SeqRange[] }

/** How long to wait for the index to know frames that left memory just now. */
const INDEX_LAG_MS = 100;

const sizeOf = (part: ChunkPart): number => part.units.reduce((sum, unit) => sum + unit.data.byteLength, 0);
const firstSeq = (part: ChunkPart): number => part.units[0]?.frameSeq ?? Number.POSITIVE_INFINITY;
const lastFrameOf = (rows: readonly ChunkRow[]): number => rows.reduce((last, row) => Math.max(last, row.firstFrameSeq + row.frameCount - 1), -1);
const contains = (ranges: readonly SeqRange[], seq: number): boolean => ranges.some(range => seq >= range.from && seq <= range.to);

/** Sorted ranges with one more that lies behind or overlaps the last of them. */
function joined(ranges: readonly SeqRange[], added: SeqRange): readonly SeqRange[] {
  const before = ranges.filter(range => range.to < added.from - 1);
  const touching = ranges.filter(range => range.to >= added.from - 1);
  return [...before, { from: Math.min(added.from, ...touching.map(range => range.from)), to: Math.max(added.to, ...touching.map(range => range.to)) }];
}

/**
 * Hands durable parts of one camera to vision. Recording never waits for it: `offer` does not block, and what no longer fits in
 * memory is read back from the archive. A new consumer gets everything again that has no terminal record yet.
 */
export class Feeder {
  readonly #options: FeederOptions;
  #live: ChunkPart[] = [];
  #liveBytes = 0;
  /** The end part of an epoch may be evicted with the rest: how each ended epoch ended, and its last frame. */
  readonly #ended = new Map<number, { readonly end: ChunkPart; readonly lastSeq: number }>();
  /** End of the newest epoch that has ended: a new consumer must hear of it too, or it keeps what its decoder holds back. */
  #lastEnd: ChunkPart | undefined;
  #epoch = -1;
  #headSeq = -1;
  #generation = 0;
  #feed = 0;
  #inFlight = 0;
  #wake: () => void = () => {};

  constructor(options: FeederOptions) {
    this.#options = options;
  }

  /** Takes a durable part. Never waits. */
  offer(part: ChunkPart): void {
    if (part.epoch > this.#epoch) this.#headSeq = -1;
    this.#epoch = Math.max(this.#epoch, part.epoch);
    this.#headSeq = Math.max(this.#headSeq, part.units.at(-1)?.frameSeq ?? -1);
    if (part.isEpochEnd) {
      this.#lastEnd = { ...part, units: [] };
      this.#ended.set(part.epoch, { end: this.#lastEnd, lastSeq: this.#headSeq });
    }
    this.#live.push(part);
    this.#liveBytes += sizeOf(part);
    while (this.#live.length > this.#options.maxItems || this.#liveBytes > this.#options.maxBytes) this.#evict();
    this.#wake();
  }

  /** A consumer attached: everything without a record is fed again to it. */
  startOver(): void {
    this.#generation += 1;
    this.#wake();
  }

  /** True when everything offered has been fed and acknowledged. */
  get isDrained(): boolean {
    return this.#live.length === 0 && this.#inFlight === 0 && this.#ended.size === 0;
  }

  /** Ends every durable frame that has no record yet; a record that vision still makes of one comes too late and is left out. */
  async giveUp(reason: DropReason): Promise<void> {
    for (const { epoch, ranges } of await this.#options.history.unaccounted()) await this.#publishRanges(epoch, ranges, reason);
  }

  /** Feeds until the signal aborts. */
  async run(signal: AbortSignal, progress: () => void): Promise<void> {
    while (!signal.aborted) {
      const generation = this.#generation;
      this.#feed = Math.max(this.#feed + 1, this.#options.clock.now());
      try {
        await this.#feedFrom(generation, signal, progress);
      } catch (error) {
        // A link that broke starts over when the consumer is back; the abort ends the loop.
        if (signal.aborted || this.#isSuperseded(generation)) continue;
        if (!(error instanceof PlatformError) || error.code !== 'PORT_CLOSED') throw error;
        await this.#idle(signal);
      }
    }
  }

  #isSuperseded(generation: number): boolean {
    return generation !== this.#generation;
  }

  async #feedFrom(generation: number, signal: AbortSignal, progress: () => void): Promise<void> {
    const currentEpoch = this.#epoch;
    const headSeq = this.#headSeq;
    const endedBefore = [...this.#ended.keys()].filter(epoch => epoch < currentEpoch);
    const backlog = await this.#backlog();
    while (this.#live[0] && this.#live[0].epoch < currentEpoch) this.#evict();
    for (const { epoch, ranges } of backlog) {
      if (epoch !== currentEpoch) await this.#refeedEpoch(epoch, ranges, generation, signal);
    }
    if (signal.aborted || this.#isSuperseded(generation)) return;
    for (const epoch of endedBefore) this.#ended.delete(epoch);
    let cursor = await this.#joinCurrent({ epoch: currentEpoch, headSeq }, backlog.find(entry => entry.epoch === currentEpoch)?.ranges ?? [], generation, signal);
    if (this.#lastEnd?.epoch === currentEpoch && !this.#live.some(part => part.epoch === currentEpoch && part.isEpochEnd)) await this.#send(this.#lastEnd, generation, signal);
    while (!signal.aborted && !this.#isSuperseded(generation)) {
      progress();
      const part = this.#live[0];
      if (!part) { await this.#idle(signal); continue; }
      cursor = await this.#finishEvicted(cursor, part.epoch, generation, signal);
      if (part.epoch !== cursor.epoch) cursor = { epoch: part.epoch, next: 0, recoveredTo: -1 };
      if (part.units.length > 0 && firstSeq(part) > cursor.next) {
        cursor = await this.#readBack(cursor, firstSeq(part), generation, signal);
        // The index is told of new frames a little later than this feeder.
        if (firstSeq(part) > cursor.next) { await this.#options.clock.sleep(INDEX_LAG_MS, signal); continue; }
      }
      await this.#feedLive(part, cursor, generation, signal);
      cursor = { ...cursor, next: Math.max(cursor.next, (part.units.at(-1)?.frameSeq ?? -1) + 1) };
    }
  }

  /**
   * Durable frames without a record, by epoch. Those that the index does not know yet count as without: a few may be fed in vain,
   * and the store leaves out what it has.
   */
  async #backlog(): Promise<readonly Backlog[]> {
    const { history } = this.#options;
    const heads = new Map([...this.#ended].map(([epoch, { lastSeq }]) => [epoch, lastSeq]));
    if (this.#epoch >= 0 && !heads.has(this.#epoch)) heads.set(this.#epoch, this.#headSeq);
    const unknown = new Map<number, SeqRange>();
    for (const [epoch, head] of heads) { // asked before `unaccounted`: what is indexed in between is then in one of the two
      const indexedTo = lastFrameOf(await history.chunks(epoch));
      if (indexedTo < head) unknown.set(epoch, { from: indexedTo + 1, to: head });
    }
    const backlog = new Map((await history.unaccounted()).map(({ epoch, ranges }) => [epoch, ranges]));
    for (const [epoch, range] of unknown) backlog.set(epoch, joined(backlog.get(epoch) ?? [], range));
    return this.#expireOld([...backlog].sort(([a], [b]) => a - b).map(([epoch, ranges]) => ({ epoch, ranges })));
  }

  /** Brings the consumer to the current epoch's first frame without a record, from the key frame before it. */
  async #joinCurrent(at: { readonly epoch: number; readonly headSeq: number }, ranges: readonly SeqRange[], generation: number, signal: AbortSignal): Promise<Cursor> {
    const { epoch, headSeq } = at;
    const next = ranges[0]?.from ?? headSeq + 1;
    const cursor: Cursor = { epoch, next, recoveredTo: headSeq };
    const isInMemory = this.#live.some(part => part.epoch === epoch && firstSeq(part) === next && part.units[0]?.isKey);
    if (epoch < 0 || headSeq < 0 || isInMemory) return cursor;
    return this.#refeedCurrent(cursor, ranges, generation, signal);
  }

  /** Epochs that ended and left memory before they were fed to their end. */
  async #finishEvicted(cursor: Cursor, upTo: number, generation: number, signal: AbortSignal): Promise<Cursor> {
    let at = cursor;
    for (const [epoch, { end }] of [...this.#ended].sort(([a], [b]) => a - b)) {
      if (epoch >= upTo) break;
      at = await this.#readBack(epoch === at.epoch ? at : { epoch, next: 0, recoveredTo: -1 }, Number.POSITIVE_INFINITY, generation, signal);
      await this.#send(end, generation, signal);
      this.#ended.delete(epoch);
    }
    return at;
  }

  async #feedLive(part: ChunkPart, cursor: Cursor, generation: number, signal: AbortSignal): Promise<void> {
    const isRepeat = part.epoch === cursor.epoch && part.units.length > 0 && firstSeq(part) < cursor.next;
    const isRecovered = part.epoch === cursor.epoch && firstSeq(part) <= cursor.recoveredTo;
    if (!isRepeat) await this.#send({ ...part, isRecovered }, generation, signal);
    else if (part.isEpochEnd) await this.#send({ ...part, units: [] }, generation, signal);
    if (this.#live[0] === part) this.#evict();
    if (part.isEpochEnd) this.#ended.delete(part.epoch);
  }

  /** Frames of the current epoch that were fed to an earlier consumer: again from the key frame on, up to what is in memory. */
  async #refeedCurrent(cursor: Cursor, ranges: readonly SeqRange[], generation: number, signal: AbortSignal): Promise<Cursor> {
    let { next } = cursor;
    const from = Math.min(next, cursor.recoveredTo); // also where nothing is missing: the next live frame needs the GOP before it
    for await (const part of this.#read(cursor.epoch, from, signal)) {
      if (signal.aborted || this.#isSuperseded(generation)) return cursor;
      const seq = firstSeq(part);
      const isKnown = seq <= (ranges.at(-1)?.to ?? -1);
      await this.#send({ ...part, isRecovered: true, isAccounted: seq < cursor.next || (isKnown && !contains(ranges, seq)) }, generation, signal);
      next = Math.max(next, seq + 1);
    }
    return { ...cursor, next };
  }

  /** Live parts that were evicted before they could be fed. */
  async #readBack(cursor: Cursor, toSeq: number, generation: number, signal: AbortSignal): Promise<Cursor> {
    let { next } = cursor;
    const cutoff = this.#options.clock.now() - this.#options.maxRewindMs * 1000;
    const expired: number[] = [];
    let isPastCutoff = false;
    for await (const part of this.#read(cursor.epoch, next, signal)) {
      const seq = firstSeq(part);
      if (seq >= toSeq || signal.aborted || this.#isSuperseded(generation)) break;
      const unit = part.units[0];
      if (seq >= next && unit && !isPastCutoff && (unit.arrivedAt < cutoff || !unit.isKey && expired.length > 0)) {
        expired.push(seq);
        next = seq + 1;
        continue;
      }
      isPastCutoff = seq >= next;
      await this.#send({ ...part, isRecovered: true, isAccounted: seq < cursor.next }, generation, signal);
      next = Math.max(next, seq + 1);
    }
    await this.#publishSeqs(cursor.epoch, expired, 'expired');
    return { ...cursor, next };
  }

  async #refeedEpoch(epoch: number, ranges: readonly SeqRange[], generation: number, signal: AbortSignal): Promise<void> {
    const from = ranges[0]?.from ?? 0;
    const to = ranges.at(-1)?.to ?? -1;
    let last: ChunkPart | undefined;
    let reached = from - 1;
    for await (const part of this.#read(epoch, from, signal)) {
      const seq = firstSeq(part);
      if (seq > to || signal.aborted || this.#isSuperseded(generation)) break;
      last = part;
      reached = seq;
      await this.#send({ ...part, isRecovered: true, isAccounted: !contains(ranges, seq) }, generation, signal);
    }
    if (signal.aborted || this.#isSuperseded(generation)) return;
    if (last) await this.#send({ ...last, units: [], isEpochEnd: true, isRecovered: true }, generation, signal);
    const unreadable = ranges.filter(range => range.to > reached).map(range => ({ from: Math.max(range.from, reached + 1), to: range.to }));
    await this.#publishRanges(epoch, unreadable, 'expired');
  }

  /** Ends what is older than the rewind limit as `expired`, by whole chunks, and returns the rest. */
  async #expireOld(backlog: readonly Backlog[]): Promise<readonly Backlog[]> {
    const cutoff = this.#options.clock.now() - this.#options.maxRewindMs * 1000;
    const rest: Backlog[] = [];
    for (const { epoch, ranges } of backlog) {
      const rows = await this.#options.history.chunks(epoch);
      const isOld = (row: ChunkRow): boolean => row.isExpired || row.endedAt < cutoff;
      const keepFrom = rows.find(row => !isOld(row))?.firstFrameSeq ?? lastFrameOf(rows) + 1; // what is not indexed yet is new
      const old = ranges.filter(range => range.from < keepFrom).map(range => ({ from: range.from, to: Math.min(range.to, keepFrom - 1) }));
      await this.#publishRanges(epoch, old, 'expired');
      const fresh = ranges.filter(range => range.to >= keepFrom).map(range => ({ from: Math.max(range.from, keepFrom), to: range.to }));
      if (fresh.length > 0) rest.push({ epoch, ranges: fresh });
    }
    return rest;
  }

  async #send(part: ChunkPart, generation: number, signal: AbortSignal): Promise<void> {
    await this.#options.out.room(signal);
    if (this.#isSuperseded(generation)) return;
    const envelope: Envelope<ChunkPart> = {
      body: { ...part, feed: this.#feed }, key: this.#options.camera, capturedAt: part.units[0]?.capturedAt ?? part.chunkStartedAt, trace: '',
    };
    this.#inFlight += 1;
    // The acknowledgement returns credit; a lost one is fed again to the next consumer by `startOver`.
    this.#options.out.push([envelope], signal).catch(() => {}).finally(() => {
      this.#inFlight -= 1;
      this.#wake();
    });
  }

  /** Reads back; frames that cannot be read any more end as `undecodable`. */
  async *#read(epoch: number, fromSeq: number, signal: AbortSignal): AsyncGenerator<ChunkPart> {
    const lost: SeqRange[] = [];
    yield* this.#options.history.read(epoch, fromSeq, signal, range => lost.push(range));
    await this.#publishRanges(epoch, lost, 'undecodable');
  }

  #evict(): void {
    const part = this.#live.shift();
    if (part) this.#liveBytes -= sizeOf(part);
  }

  #idle(signal: AbortSignal): Promise<void> {
    return new Promise(resolve => {
      const done = (): void => { signal.removeEventListener('abort', done); this.#wake = () => {}; resolve(); };
      this.#wake = done;
      signal.addEventListener('abort', done, { once: true });
      if (signal.aborted) done();
    });
  }

  async #publishSeqs(epoch: number, seqs: readonly number[], reason: DropReason): Promise<void> {
    const ranges: { from: number; to: number }[] = [];
    for (const seq of seqs) {
      const last = ranges.at(-1);
      if (last && last.to + 1 === seq) last.to = seq;
      else ranges.push({ from: seq, to: seq });
    }
    await this.#publishRanges(epoch, ranges, reason);
  }

  async #publishRanges(epoch: number, ranges: readonly SeqRange[], reason: DropReason): Promise<void> {
    if (ranges.length === 0) return;
    const { camera, clock, publish } = this.#options;
    await publish(ranges.map(range => ({ kind: 'dropped', camera, epoch, ...range, reason, isIntentional: DROP_REASONS[reason].isIntentional, capturedAt: clock.now() })));
  }
}
