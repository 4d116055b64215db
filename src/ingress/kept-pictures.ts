import type { EpochMicros } from '../engine/units.ts';
import type { SourceUnit } from '../messages/access-unit.ts';
import type { StreamParameters } from '../messages/stream-parameters.ts';

/** How much of a stream is kept. */
export interface KeepLimits {
  /** A key frame at least this old stays, where the stream had one. */
  readonly coverMs: number;
  /** Never more than this. */
  readonly maxBytes: number;
}

interface Gop { readonly parameters: StreamParameters; readonly units: SourceUnit[]; sizeBytes: number }

/** The newest groups of pictures of a stream, from key frame to key frame, bounded in time and bytes. */
export class KeptPictures {
  readonly #limits: KeepLimits;
  #gops: Gop[] = [];
  #sizeBytes = 0;
  #parameters: StreamParameters | undefined;

  /** @param parameters of the stream, where its first unit was seen before */
  constructor(limits: KeepLimits, parameters?: StreamParameters) {
    this.#limits = limits;
    this.#parameters = parameters;
  }

  get isEmpty(): boolean { return this.#gops.length === 0; }
  get sizeBytes(): number { return this.#sizeBytes; }

  /** Takes the next unit; those before the first key frame are let go. */
  add(unit: SourceUnit): void {
    this.#parameters = unit.parameters ?? this.#parameters;
    if (unit.isKey && this.#parameters !== undefined) this.#gops.push({ parameters: this.#parameters, units: [], sizeBytes: 0 });
    const gop = this.#gops.at(-1);
    if (gop === undefined) return;
    gop.units.push(unit);
    gop.sizeBytes += unit.data.byteLength;
    this.#sizeBytes += unit.data.byteLength;
    const oldEnough = unit.arrivedAt - this.#limits.coverMs * 1000;
    while (this.#gops.length > 1 && (this.#gops[1]?.units[0]?.arrivedAt ?? 0) <= oldEnough) this.#dropOldest();
    while (this.#sizeBytes > this.#limits.maxBytes) this.#dropOldest();
  }

  /** Everything from the newest key frame on that was not captured after `until`; from the oldest kept one where all were. The first unit carries its parameters. */
  take(until: EpochMicros | undefined): readonly SourceUnit[] {
    const index = until === undefined ? 0 : Math.max(0, this.#gops.findLastIndex(({ units: [first] }) => first !== undefined && first.capturedAt <= until));
    const gops = this.#gops.slice(index);
    this.#gops = [];
    this.#sizeBytes = 0;
    const parameters = gops[0]?.parameters;
    return gops.flatMap(({ units }) => units).map((unit, position) => (position === 0 && parameters !== undefined ? { ...unit, parameters } : unit));
  }

  #dropOldest(): void {
    this.#sizeBytes -= this.#gops.shift()?.sizeBytes ?? 0;
  }
}
