import type { Clock } from '../engine/clock.ts';
import { PlatformError } from '../engine/errors.ts';
import type { Envelope, OutPort } from '../engine/ports.ts';
import type { EpochMicros } from '../engine/units.ts';
import type { ChunkPart } from '../messages/chunk-part.ts';

/** How parts are grouped, and who is told. */
export interface PartGroupingOptions {
  readonly clock: Clock;
  /** The first unit of a group waits at most so long for others. */
  readonly partMs: number;
  /** A group is no larger; a single unit may be. */
  readonly maxPartBytes: number;
  /** A group is acknowledged. Its pushes resolve after this does. `waitedMs`: since its first unit came. */
  readonly onDelivered: (part: ChunkPart, waitedMs: number) => Promise<void>;
  /** The topic does not take a unit as large as this one. Its push resolves after this does. */
  readonly onRefused: (part: ChunkPart, error: PlatformError) => Promise<void>;
  /** A group was refused and is tried again. */
  readonly onRetry: (error: unknown) => void;
}

interface Group { readonly items: Envelope<ChunkPart>[]; readonly pushes: Push[]; readonly signal: AbortSignal; readonly sinceMs: number; bytes: number; isClosed: boolean }
interface Push { resolve(): void; reject(error: unknown): void }

/** Topics take records of this size, unless somebody made them otherwise: a smaller one is never the reason for a refusal. */
const SURELY_TAKEN_BYTES = 900_000;
/** Groups that may wait behind the one under way: sessions that break off at once make small ones. */
const GROUPS_MAX = 64;
const RETRY_MS = 1_000;
/** A group that waited this much longer than it had to is no live one any more: whoever detects on it catches up. */
const LATE_MS = 1_000;

/**
 * An output for the parts of one camera that hands consecutive ones of a chunk on as one. One group is under way at a time, so that nothing
 * overtakes what must be sent again; what comes meanwhile gathers. A group is handed on when it is full, when another chunk or the end of the
 * epoch follows, or when its first unit waited for `partMs`.
 */
export class PartGrouping implements OutPort<ChunkPart> {
  readonly #output: OutPort<ChunkPart>;
  readonly #options: PartGroupingOptions;
  #groups: Group[] = [];
  #underWay: Group | undefined;
  #isRunning = false;
  #wake: () => void = () => {};
  #rooms: (() => void)[] = [];

  constructor(output: OutPort<ChunkPart>, options: PartGroupingOptions) {
    this.#output = output;
    this.#options = options;
  }

  /** When the oldest unit that is not acknowledged reached this machine; undefined when all are. */
  get oldest(): EpochMicros | undefined {
    return (this.#underWay ?? this.#groups[0])?.items[0]?.body.units[0]?.arrivedAt;
  }

  /** Parts that are not acknowledged. */
  depth(): { readonly items: number; readonly bytes: number } {
    const all = this.#underWay ? [this.#underWay, ...this.#groups] : this.#groups;
    return { items: all.reduce((sum, { items }) => sum + items.length, 0), bytes: all.reduce((sum, { bytes }) => sum + bytes, 0) };
  }

  async push(items: readonly Envelope<ChunkPart>[], signal: AbortSignal): Promise<void> {
    if (signal.aborted) throw signal.reason;
    await Promise.all(items.map(item => new Promise<void>((resolve, reject) => { this.#add(item, { resolve, reject }, signal); })));
  }

  room(signal: AbortSignal): Promise<void> {
    if (signal.aborted) return Promise.reject(signal.reason);
    if (!this.#isFull()) return Promise.resolve();
    return new Promise((resolve, reject) => {
      const left = (): void => { this.#rooms = this.#rooms.filter(each => each !== enter); reject(signal.reason); };
      const enter = (): void => { signal.removeEventListener('abort', left); resolve(); };
      signal.addEventListener('abort', left, { once: true });
      this.#rooms.push(enter);
    });
  }

  #isFull(): boolean {
    return this.#groups.length >= GROUPS_MAX || this.#groups.reduce((sum, { bytes }) => sum + bytes, 0) >= this.#options.maxPartBytes;
  }

  #add(item: Envelope<ChunkPart>, push: Push, signal: AbortSignal): void {
    const { clock, maxPartBytes } = this.#options;
    const bytes = sizeOf(item.body);
    let group = this.#groups.at(-1);
    if (group && (group.isClosed || group.signal !== signal || group.bytes + bytes > maxPartBytes || !isContinued(group.items.at(-1)?.body, item.body))) {
      group.isClosed = true;
      group = undefined;
    }
    if (!group) {
      group = { items: [], pushes: [], signal, sinceMs: clock.monotonicMs(), bytes: 0, isClosed: false };
      this.#groups.push(group);
    }
    group.items.push(item);
    group.pushes.push(push);
    group.bytes += bytes;
    if (item.body.isEpochEnd || item.body.contentHash !== undefined || group.bytes >= maxPartBytes) group.isClosed = true;
    if (this.#isRunning) this.#wake();
    else void this.#run();
  }

  async #run(): Promise<void> {
    this.#isRunning = true;
    for (let [group] = this.#groups; group; [group] = this.#groups) {
      await this.#untilDue(group);
      this.#groups.shift();
      this.#underWay = group;
      await this.#handOver(group);
      this.#underWay = undefined;
      if (!this.#isFull()) for (const enter of this.#rooms.splice(0)) enter();
    }
    this.#isRunning = false;
  }

  async #untilDue(group: Group): Promise<void> {
    const { clock, partMs } = this.#options;
    while (!group.isClosed && !group.signal.aborted) {
      const leftMs = group.sinceMs + partMs - clock.monotonicMs();
      if (leftMs <= 0) return;
      const woken = new AbortController();
      this.#wake = () => { if (group.isClosed) woken.abort(); };
      await clock.sleep(leftMs, AbortSignal.any([woken.signal, group.signal])).catch(() => { /* woken: looked at again */ });
      this.#wake = () => {};
    }
  }

  async #handOver(group: Group): Promise<void> {
    try {
      await this.#send(group.items, group);
      for (const { resolve } of group.pushes) resolve();
    } catch (error) {
      for (const { reject } of group.pushes) reject(error);
    }
  }

  /** Until it is acknowledged, or refused for good. */
  async #send(items: readonly Envelope<ChunkPart>[], group: Group): Promise<void> {
    const { clock, partMs, onDelivered, onRefused, onRetry } = this.#options;
    const envelope = merged(items, clock.monotonicMs() - group.sinceMs > partMs + LATE_MS);
    for (let tries = 1; ; tries += 1) {
      try {
        await this.#output.push([envelope], group.signal);
        break;
      } catch (error) {
        const failure = error instanceof PlatformError ? error : undefined;
        if (group.signal.aborted || failure?.code === 'PORT_CLOSED') throw error;
        if (failure?.code === 'RECORD_INVALID' && tries > 1) {
          if (items.length > 1) {
            for (const item of items) await this.#send([item], group); // the topic takes less than a group: what is it that it does not take?
            return;
          }
          if (sizeOf(envelope.body) > SURELY_TAKEN_BYTES) return onRefused(envelope.body, failure);
        }
        onRetry(error);
        await clock.sleep(RETRY_MS, group.signal);
      }
    }
    await onDelivered(envelope.body, clock.monotonicMs() - group.sinceMs);
  }
}

function sizeOf(part: ChunkPart): number {
  let bytes = 0;
  for (const unit of part.units) bytes += unit.data.byteLength;
  return bytes;
}

/** True when `next` may lie in one part with `last`: the following unit of the same chunk, or its end. */
function isContinued(last: ChunkPart | undefined, next: ChunkPart): boolean {
  const lastSeq = last?.units.at(-1)?.frameSeq;
  const nextSeq = next.units[0]?.frameSeq;
  return last !== undefined && last.epoch === next.epoch && last.chunkSeq === next.chunkSeq && last.isRecovered === next.isRecovered
    && (lastSeq === undefined || nextSeq === undefined || nextSeq === lastSeq + 1);
}

/** The group as one part, as every reader of the log is to see it: who has which records is for each of them to know. */
function merged(items: readonly Envelope<ChunkPart>[], isLate: boolean): Envelope<ChunkPart> {
  const first = items[0];
  const last = items.at(-1)?.body;
  if (!first || !last) throw new Error('a group without parts');
  const { contentHash } = last;
  return {
    ...first,
    body: {
      ...first.body, units: items.flatMap(({ body }) => body.units), isEpochEnd: last.isEpochEnd, isRecovered: first.body.isRecovered || isLate, isAccounted: false, feed: 0,
      ...contentHash === undefined ? {} : { contentHash },
    },
  };
}
