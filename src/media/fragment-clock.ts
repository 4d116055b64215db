import type { EpochMicros } from '../engine/units.ts';
import type { StreamParameters } from '../messages/stream-parameters.ts';
import { ticksOf, type Fragment } from './chunk-format.ts';
import { nalUnits } from './nal.ts';

/** Times of a unit. */
export interface TimedUnit {
  readonly pts: number | null;
  readonly dts: number | null;
  readonly duration: number;
  readonly isKey: boolean;
  readonly capturedAt?: EpochMicros;
}

const INT32_LIMIT = 2 ** 31;
/** Buffers of one `writev` (IOV_MAX is 1024 on Linux and macOS). */
const VECTOR_LIMIT = 512;

/** Places units on the time line of a container, one fragment each: its decode times go on as the source's as long as they rise, else by one tick more than the one before. */
export class FragmentClock {
  readonly #parameters: StreamParameters;
  /** Where the first decode time lies. */
  readonly #origin: number;
  #shift: number | undefined;
  #lastDecode: number;
  #lastDuration = 1;
  #sequence = 0;

  /** @param origin decode time of the first unit, in ticks */
  constructor(parameters: StreamParameters, origin = 0) {
    this.#parameters = parameters;
    this.#origin = origin;
    this.#lastDecode = origin - 1;
  }

  /** Fixes the time line by its first unit. Returns what is added to the source's times, and how far behind its decode time the first presentation lies; in ticks. */
  begin(unit: TimedUnit): { readonly shift: number; readonly compositionOffset: number } {
    const first = wantedDecodeTicks(unit, this.#parameters) ?? 0;
    this.#shift = this.#origin - first; // never -0
    const compositionOffset = unit.pts === null ? 0 : ticksOf(unit.pts, this.#parameters) - first;
    return { shift: this.#shift, compositionOffset: compositionOffset < INT32_LIMIT ? compositionOffset : 0 };
  }

  /** The place of a unit of `sizeBytes`. Counts once it was taken (`advance`). */
  place(unit: TimedUnit, sizeBytes: number): Fragment {
    const shift = this.#shift ?? 0;
    const presentation = unit.pts === null ? null : ticksOf(unit.pts, this.#parameters) + shift;
    const wanted = wantedDecodeTicks(unit, this.#parameters);
    const decodeTicks = Math.max(wanted === null ? this.#lastDecode + this.#lastDuration : wanted + shift, this.#lastDecode + 1);
    const offset = (presentation ?? decodeTicks) - decodeTicks;
    const duration = ticksOf(unit.duration, this.#parameters);
    return {
      sequence: this.#sequence + 1, decodeTicks, sizeBytes, isKey: unit.isKey,
      compositionOffset: Math.abs(offset) < INT32_LIMIT ? offset : 0,
      duration: duration > 0 && duration < 2 * INT32_LIMIT ? duration : 0,
      capturedMicros: unit.capturedAt ?? null,
    };
  }

  /** The fragment is where it belongs. */
  advance(fragment: Fragment): void {
    this.#sequence = fragment.sequence;
    this.#lastDecode = fragment.decodeTicks;
    this.#lastDuration = fragment.duration || 1;
  }
}

/**
 * The decode time a unit asks for. Where only the presentation time is known (Matroska before its first reordered picture), one second before
 * it: later than any reordering needs, so that composition offsets stay positive, which other readers expect.
 */
function wantedDecodeTicks(unit: TimedUnit, parameters: StreamParameters): number | null {
  if (unit.dts !== null) return ticksOf(unit.dts, parameters);
  return unit.pts === null ? null : ticksOf(unit.pts, parameters) - parameters.timeBase.den;
}

/** What a container holds of a unit: length-prefixed and raw ones as they are, Annex-B ones with 4-byte lengths for start codes. */
export function payloadOf(unit: Uint8Array, parameters: StreamParameters): readonly Uint8Array[] {
  if (parameters.framing !== 'annexb') return [unit];
  const units = nalUnits(unit, parameters);
  const lengths = Buffer.allocUnsafe(units.length * 4);
  const parts: Uint8Array[] = [];
  units.forEach((nal, index) => {
    lengths.writeUInt32BE(nal.length, index * 4);
    parts.push(lengths.subarray(index * 4, index * 4 + 4), nal);
  });
  return parts.length < VECTOR_LIMIT ? parts : [Buffer.concat(parts)];
}
