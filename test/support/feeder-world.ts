import { Feeder } from '../../src/data-ops/feeder.ts';
import type { FeederHistory } from '../../src/data-ops/feed/backlog.ts';
import { countOf, difference, IntervalSet } from '../../src/data-ops/interval-set.ts';
import type { ChunkRow, SeqRange } from '../../src/data-ops/store.ts';
import { PlatformError } from '../../src/engine/errors.ts';
import type { Envelope, OutPort } from '../../src/engine/ports.ts';
import { epochMicros, type CameraId } from '../../src/engine/units.ts';
import type { AccessUnit } from '../../src/messages/access-unit.ts';
import type { ChunkPart } from '../../src/messages/chunk-part.ts';
import type { DroppedRecord } from '../../src/messages/terminal-record.ts';
import { parameters } from './archive-fixtures.ts';
import type { Dice } from './dice.ts';
import { fakeClock, type FakeClock } from './fake-clock.ts';

const CAMERA = 'cam' as CameraId;
const KEY_EVERY_MAX = 12;

/** What goes wrong in a world. */
export interface Trouble {
  readonly maxItems: number;
  readonly maxBytes: number;
  readonly maxRewindMs: number;
  /** The index hears of frames so much later. */
  readonly indexLagMs: number;
  /** What is on disk shows so much later. */
  readonly diskLagMs: number;
  /** Chunks that retention removes, and that are damaged. */
  readonly expiredShare: number;
  readonly damagedShare: number;
  /** The archive frames units otherwise than the source. */
  readonly isReframed: boolean;
}

interface Durable { readonly unit: AccessUnit; readonly chunkSeq: number; readonly atMs: number }
interface Item { readonly envelope: Envelope<ChunkPart>; readonly done: () => void; readonly lost: () => void }

/** One feed as its consumer saw it. */
export interface SeenFeed { readonly feed: number; readonly parts: ChunkPart[] }

/** A camera's archive, index and ledger, a link with one consumer after the other, and the feeder between them. */
export class FeederWorld {
  readonly clock: FakeClock = fakeClock();
  readonly feeder: Feeder;
  readonly frames = new Map<number, Durable[]>();
  readonly accounted = new Map<number, IntervalSet>();
  readonly dropped: DroppedRecord[] = [];
  readonly repeated: DroppedRecord[] = [];
  /** Feeds of the running consumer; of all consumers. */
  readonly seen: SeenFeed[] = [];
  readonly expired = new Set<string>();
  readonly damaged = new Set<string>();
  readonly ended = new Set<number>();
  readonly detectedOf = new Map<number, IntervalSet>();
  readBacks = 0;
  readonly #dice: Dice;
  readonly #trouble: Trouble;
  readonly #stop = new AbortController();
  readonly running: Promise<void>;
  #items: Item[] = [];
  /** The link breaks now and then. */
  isBreaking = true;
  #consumer: { feed: number; held: ChunkPart[] } | undefined;
  #rooms: (() => void)[] = [];
  #epoch = 0;
  #seq = 0;
  #chunkSeq = -1;
  #nextKeyIn = 0;

  constructor(dice: Dice, trouble: Trouble) {
    this.#dice = dice;
    this.#trouble = trouble;
    this.feeder = new Feeder({
      camera: CAMERA, out: this.#port(), history: this.#history(), clock: this.clock, maxRewindMs: trouble.maxRewindMs,
      maxItems: trouble.maxItems, maxBytes: trouble.maxBytes,
      publish: async records => {
        await this.clock.sleep(this.#dice.between(0, 30));
        for (const record of records) {
          (this.#account(record.epoch, record) > 0 ? this.dropped : this.repeated).push(record);
        }
      },
    });
    this.running = this.feeder.run(this.#stop.signal, () => {});
  }

  /** Frames recorded by an earlier process. */
  inherit(epoch: number, count: number): void {
    this.#epoch = epoch;
    for (let index = 0; index < count; index += 1) this.#nextUnit(-100_000);
    this.ended.add(epoch);
  }

  /** A session is under way: one that breaks off begins the next epoch without an end. */
  get isRecording(): boolean { return this.#epoch > 0 && !this.ended.has(this.#epoch); }

  startEpoch(): void {
    this.#epoch += 1;
    this.#seq = 0;
    this.#chunkSeq = -1;
    this.#nextKeyIn = 0;
  }

  /** A durable frame. */
  record(isEpochEnd = false): void {
    const part = this.#nextUnit(this.clock.monotonicMs());
    this.feeder.offer({ ...part, isEpochEnd });
  }

  endEpoch(): void {
    const last = this.frames.get(this.#epoch)?.at(-1);
    if (!last || !this.isRecording) return;
    this.ended.add(this.#epoch);
    this.feeder.offer({ ...this.#part(last), units: [], isEpochEnd: true });
  }

  get hasConsumer(): boolean { return this.#consumer !== undefined; }

  /** A new consumer takes over; the link forgets what the one before had not acknowledged. */
  attach(): void {
    this.#consumer = { feed: -1, held: [] };
    for (const item of this.#items.splice(0)) item.lost();
    this.#admit();
    this.feeder.startOver();
  }

  crash(): void { this.#consumer = undefined; }

  /** The consumer takes up to `count` parts and acknowledges them; it holds back `hold` frames like a decoder. */
  consume(count: number, hold: number): void {
    const consumer = this.#consumer;
    if (!consumer) return;
    for (let taken = 0; taken < count && this.#items.length > 0; taken += 1) {
      const item = this.#items.shift();
      if (item) { this.#take(item.envelope.body, hold); item.done(); }
    }
    this.#admit();
  }

  /** Everything waiting and held: nothing is under way when true. */
  get isQuiet(): boolean { return this.feeder.isDrained && this.#items.length === 0; }

  missing(epoch: number): readonly SeqRange[] {
    const count = this.frames.get(epoch)?.length ?? 0;
    return count === 0 ? [] : difference([{ from: 0, to: count - 1 }], this.accounted.get(epoch)?.ranges() ?? []);
  }

  async close(): Promise<void> {
    this.#stop.abort(new Error('over'));
    await this.running;
  }

  #nextUnit(atMs: number): ChunkPart {
    const frameSeq = this.#seq++;
    const isKey = this.#nextKeyIn-- === 0;
    if (isKey) { this.#nextKeyIn = this.#dice.between(1, KEY_EVERY_MAX); this.#chunkSeq += frameSeq === 0 || this.#dice.chance(0.5) ? 1 : 0; }
    const arrivedAt = epochMicros(1_700_000_000_000_000 + atMs * 1000);
    const unit: AccessUnit = { frameSeq, pts: frameSeq, dts: frameSeq, duration: 1, isKey, isCorrupt: false, capturedAt: epochMicros(frameSeq * 40_000), arrivedAt, data: new Uint8Array(this.#dice.between(1, 40)) };
    const durable: Durable = { unit, chunkSeq: this.#chunkSeq, atMs };
    const list = this.frames.get(this.#epoch) ?? [];
    if (list.length === 0) this.frames.set(this.#epoch, list);
    if (list.at(-1)?.chunkSeq !== this.#chunkSeq && frameSeq > 0) this.#endChunk(list.at(-1)!.chunkSeq);
    list.push(durable);
    return this.#part(durable);
  }

  #endChunk(chunkSeq: number): void {
    const name = `${this.#epoch}/${chunkSeq}`;
    if (this.#dice.chance(this.#trouble.expiredShare)) this.expired.add(name);
    else if (this.#dice.chance(this.#trouble.damagedShare)) this.damaged.add(name);
  }

  #part({ unit, chunkSeq }: Durable, fields: Partial<ChunkPart> = {}): ChunkPart {
    return { camera: CAMERA, epoch: this.#epoch, chunkSeq, partSeq: 0, chunkStartedAt: epochMicros(0), parameters, units: [unit], isOpenGop: false, isEpochEnd: false, isRecovered: false, isAccounted: false, feed: 0, ...fields };
  }

  #account(epoch: number, range: SeqRange): number {
    const set = this.accounted.get(epoch) ?? new IntervalSet();
    this.accounted.set(epoch, set);
    return countOf(set.add({ from: range.from, to: range.to }));
  }

  #take(part: ChunkPart, hold: number): void {
    const consumer = this.#consumer;
    if (!consumer || part.feed < consumer.feed) return;
    if (part.feed > consumer.feed) {
      this.#consumer = { feed: part.feed, held: [] };
      this.seen.push({ feed: part.feed, parts: [] });
    }
    this.seen.at(-1)?.parts.push(part);
    const held = this.#consumer!.held;
    // A new decoder: the one before gives out what it holds.
    if (held[0] && (held[0].epoch !== part.epoch || held.at(-1)!.parameters.framing !== part.parameters.framing)) this.#publishHeld(0);
    if (part.units.length > 0) held.push(part);
    this.#publishHeld(part.isEpochEnd ? 0 : hold);
  }

  #publishHeld(hold: number): void {
    const held = this.#consumer?.held ?? [];
    while (held.length > hold) {
      const part = held.shift()!;
      const seq = part.units[0]!.frameSeq;
      if (part.isAccounted) continue;
      const { epoch } = part;
      // A record that is under way reaches the store whatever happens to the consumer.
      void this.clock.sleep(this.#dice.between(0, 40)).then(() => {
        this.#account(epoch, { from: seq, to: seq });
        const detected = this.detectedOf.get(epoch) ?? new IntervalSet();
        detected.add({ from: seq, to: seq });
        this.detectedOf.set(epoch, detected);
      });
    }
  }

  #port(): OutPort<ChunkPart> {
    const isFull = (): boolean => this.#items.length >= 8;
    return {
      push: items => new Promise((resolve, reject) => {
        for (const envelope of items) this.#items.push({ envelope, done: resolve, lost: () => reject(new PlatformError('PORT_CLOSED', 'forgotten')) });
        if (this.isBreaking && this.#dice.chance(0.001)) reject(new PlatformError('PORT_CLOSED', 'lost'));
      }),
      room: signal => new Promise((resolve, reject) => {
        if (this.isBreaking && this.#dice.chance(0.002)) { reject(new PlatformError('PORT_CLOSED', 'lost')); return; }
        if (!isFull()) { resolve(); return; }
        this.#rooms.push(resolve);
        signal.addEventListener('abort', () => reject(signal.reason), { once: true });
      }),
    };
  }

  #admit(): void { if (this.#items.length < 8) for (const room of this.#rooms.splice(0)) room(); }

  #rows(epoch: number): ChunkRow[] {
    const rows: ChunkRow[] = [];
    const nowMs = this.clock.monotonicMs();
    for (const [chunkSeq, list] of Map.groupBy(this.frames.get(epoch) ?? [], each => each.chunkSeq)) {
      const known = list.filter(({ atMs }) => atMs + this.#trouble.indexLagMs <= nowMs);
      if (known.length === 0) continue;
      rows.push({
        camera: CAMERA, epoch, chunkSeq, path: `${epoch}/${chunkSeq}`, firstFrameSeq: list[0]!.unit.frameSeq, frameCount: known.length, startedAt: epochMicros(0), endedAt: epochMicros(0),
        sizeBytes: 1, isOpenGop: false, contentHash: null, isClosed: false, isExpired: this.expired.has(`${epoch}/${chunkSeq}`),
      });
    }
    return rows;
  }

  #history(): FeederHistory {
    const { clock } = this;
    const wait = (): Promise<void> => clock.sleep(this.#dice.between(0, 20));
    return {
      unaccounted: async () => {
        await wait();
        return [...this.frames.keys()].map(epoch => {
          const received = this.#rows(epoch).map(row => ({ from: row.firstFrameSeq, to: row.firstFrameSeq + row.frameCount - 1 }));
          return { epoch, ranges: difference(received, this.accounted.get(epoch)?.ranges() ?? []) };
        }).filter(({ ranges }) => ranges.length > 0);
      },
      chunks: async epoch => { await wait(); return this.#rows(epoch); },
      arrivedAt: async row => this.frames.get(row.epoch)![row.firstFrameSeq + row.frameCount - 1]!.unit.arrivedAt,
      read: query => this.#read(query),
    };
  }

  async *#read({ epoch, from, startsAtKey, onLost }: Parameters<FeederHistory['read']>[0]): AsyncGenerator<ChunkPart> {
    this.readBacks += 1;
    await this.clock.sleep(this.#dice.between(0, 10));
    const nowMs = this.clock.monotonicMs();
    const all = (this.frames.get(epoch) ?? []).filter(({ atMs }) => atMs + this.#trouble.diskLagMs <= nowMs);
    const onDisk = all.filter(({ chunkSeq }) => !this.expired.has(`${epoch}/${chunkSeq}`));
    const last = onDisk.at(-1)?.unit.frameSeq ?? -1;
    if (from > last) return;
    const key = onDisk.findLast(({ unit }) => unit.isKey && unit.frameSeq <= from)?.unit.frameSeq ?? onDisk[0]!.unit.frameSeq;
    const start = startsAtKey ? key : from;
    for (const [chunkSeq, list] of Map.groupBy(onDisk, each => each.chunkSeq)) {
      const lostFrom = this.damaged.has(`${epoch}/${chunkSeq}`) ? list[0]!.unit.frameSeq + (list.length >> 1) : Number.POSITIVE_INFINITY;
      for (const each of list) {
        const { frameSeq } = each.unit;
        if (frameSeq < start) continue;
        if (frameSeq >= lostFrom) {
          const lost = { from: Math.max(from, frameSeq), to: list.at(-1)!.unit.frameSeq };
          if (lost.from <= lost.to) onLost(lost);
          break;
        }
        yield this.#part(each, { epoch, ...this.#trouble.isReframed ? { parameters: { ...parameters, framing: 'annexb' } } : {}, isRecovered: true, isAccounted: frameSeq < from });
      }
    }
  }
}
