import type { ChunkPart } from '../../src/messages/chunk-part.ts';
import type { TerminalRecord } from '../../src/messages/terminal-record.ts';
import type { LatencyFrame } from './latency-order.ts';

/** A frame as its part tells of it; times in microseconds since the Unix epoch. */
interface Published { readonly arrivedAt: number; readonly part: Part; readonly place: number }
interface Part { readonly first: number; readonly chunkSeq: number; closedAt: number; readonly sentAt: number; readonly ownMs: Map<number, number> }
interface Ended { readonly readAt: number; readonly key: string; readonly ageMs: number }

/** Joins what two topics tell of frames: when they arrived and what they shared a part with, and when their records could be read. */
export class FrameTimes {
  readonly #partMicros: number;
  readonly #published = new Map<string, Published>();
  readonly #lastParts = new Map<string, Part>();
  readonly #cameras = new Set<string>();
  #ended: Ended[] = [];
  readonly #own = new Map<string, number>();
  #isMeasuring = false;

  constructor(partMs: number) {
    this.#partMicros = partMs * 1000;
  }

  /** Cameras of which a record was read. */
  get cameras(): number { return this.#cameras.size; }

  /** A part lies on Kafka. It ended when its time was over, or, before that, when the first frame of the next chunk came. */
  published({ camera, epoch, chunkSeq, units }: ChunkPart, sentAtMs: number): void {
    const first = units[0];
    if (first === undefined) return;
    const before = this.#lastParts.get(camera);
    if (before !== undefined && before.chunkSeq !== chunkSeq) before.closedAt = Math.min(before.closedAt, first.arrivedAt);
    const part: Part = { first: first.arrivedAt, chunkSeq, closedAt: first.arrivedAt + this.#partMicros, sentAt: sentAtMs * 1000, ownMs: new Map() };
    this.#lastParts.set(camera, part);
    for (const [place, { frameSeq, arrivedAt }] of units.entries()) this.#published.set(`${camera}/${epoch}/${frameSeq}`, { arrivedAt, part, place });
  }

  /** A record could be read. */
  ended(record: TerminalRecord, readAt: number): void {
    this.#cameras.add(record.camera);
    if (record.kind !== 'detected' || !this.#isMeasuring) return;
    const { camera, epoch, frameSeq, timings } = record;
    const key = `${camera}/${epoch}/${frameSeq}`;
    this.#own.set(key, timings.decodeMs + timings.inferMs);
    this.#ended.push({ readAt, key, ageMs: timings.ageMs });
  }

  begin(): void { this.#isMeasuring = true; }

  /** Every frame whose record was read since the beginning, and whose part is known. */
  end(): readonly LatencyFrame[] {
    this.#isMeasuring = false;
    const known = this.#ended.flatMap(each => { const frame = this.#published.get(each.key); return frame === undefined ? [] : [{ ...each, ...frame }]; });
    for (const { key, part, place } of known) part.ownMs.set(place, this.#own.get(key) ?? 0);
    return known.map(({ key, readAt, ageMs, arrivedAt, part, place }) => ({
      inAllMs: (readAt - arrivedAt) / 1000, partMs: (part.closedAt - arrivedAt) / 1000, ownMs: this.#own.get(key) ?? 0,
      beforeMs: [...part.ownMs].reduce((sum, [other, ms]) => sum + (other < place ? ms : 0), 0), place, ageMs,
      toKafkaMs: (part.sentAt - part.closedAt) / 1000,
    }));
  }
}
