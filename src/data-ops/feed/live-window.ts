import type { ChunkPart } from '../../messages/chunk-part.ts';

/** How far an epoch of this process has come. */
interface Track { headSeq: number; end: ChunkPart | undefined }

/** Epochs that are remembered: an index that is further behind than so many sessions is mended by recovery. */
const EPOCHS_MAX = 1024;

/** Number of the first frame of a part; infinity when it has none. */
export function firstSeq(part: ChunkPart): number { return part.units[0]?.frameSeq ?? Number.POSITIVE_INFINITY; }

/** Number of the last frame of a part; -1 when it has none. */
export function lastSeq(part: ChunkPart): number { return part.units.at(-1)?.frameSeq ?? -1; }

const sizeOf = (part: ChunkPart): number => part.units.reduce((sum, unit) => sum + unit.data.byteLength, 0);

/** The newest durable parts, as many as the bounds allow, and how far each epoch reached. */
export class LiveWindow {
  readonly #maxItems: number;
  readonly #maxBytes: number;
  readonly #tracks = new Map<number, Track>();
  #parts: ChunkPart[] = [];
  #bytes = 0;
  #newest = -1;

  constructor(bounds: { readonly maxItems: number; readonly maxBytes: number }) {
    this.#maxItems = bounds.maxItems;
    this.#maxBytes = bounds.maxBytes;
  }

  /** The newest epoch that was offered; -1 before the first. */
  get newestEpoch(): number { return this.#newest; }

  /** The oldest part that is still held; never without units. */
  get first(): ChunkPart | undefined { return this.#parts[0]; }

  /** What is held, for gauges and tests. */
  get depth(): { readonly items: number; readonly bytes: number } { return { items: this.#parts.length, bytes: this.#bytes }; }

  add(part: ChunkPart): void {
    this.#newest = Math.max(this.#newest, part.epoch);
    const track = this.#track(part.epoch);
    track.headSeq = Math.max(track.headSeq, lastSeq(part));
    if (part.isEpochEnd) track.end = { ...part, units: [] };
    if (part.units.length === 0) return;
    this.#parts.push(part.isEpochEnd ? { ...part, isEpochEnd: false } : part);
    this.#bytes += sizeOf(part);
    while (this.#parts.length > this.#maxItems || this.#bytes > this.#maxBytes) this.#shift();
  }

  /** Lets go of what lies before a frame. */
  dropBefore(epoch: number, seq: number): void {
    for (let part = this.first; part && (part.epoch < epoch || (part.epoch === epoch && lastSeq(part) < seq)); part = this.first) this.#shift();
  }

  /** The first frame of the epoch that is held, when the oldest part held is of it. */
  firstOf(epoch: number): number | undefined {
    const { first } = this;
    return first?.epoch === epoch ? firstSeq(first) : undefined;
  }

  /** The last frame of an epoch that was offered; undefined when none of it ever was. */
  headOf(epoch: number): number | undefined { return this.#tracks.get(epoch)?.headSeq; }

  /** The end of an epoch, without units, once it was offered. */
  endOf(epoch: number): ChunkPart | undefined { return this.#tracks.get(epoch)?.end; }

  /** Epochs that were offered, oldest first, and their last frames; a copy. */
  heads(): ReadonlyMap<number, number> {
    return new Map([...this.#tracks].map(([epoch, { headSeq }]) => [epoch, headSeq]));
  }

  #track(epoch: number): Track {
    const known = this.#tracks.get(epoch);
    if (known) return known;
    const track: Track = { headSeq: -1, end: undefined };
    this.#tracks.set(epoch, track);
    const [oldest] = this.#tracks.keys();
    if (this.#tracks.size > EPOCHS_MAX && oldest !== undefined) this.#tracks.delete(oldest);
    return track;
  }

  #shift(): void {
    const part = this.#parts.shift();
    if (part) this.#bytes -= sizeOf(part);
  }
}
