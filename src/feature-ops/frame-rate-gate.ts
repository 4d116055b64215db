import type { EpochMicros } from '../engine/units.ts';

/** Chooses frames so that on average no more than `maxFps` pass, evenly spaced in event time. */
export class FrameRateGate {
  readonly #periodMicros: number;
  #nextDue = Number.NEGATIVE_INFINITY;

  /** @param maxFps frames per second; null lets every frame pass */
  constructor(maxFps: number | null) {
    this.#periodMicros = maxFps === null ? 0 : 1e6 / maxFps;
  }

  /** True when the frame captured at `at` is wanted. Frames come in presentation order; a jump back in time starts over. */
  admits(at: EpochMicros): boolean {
    const period = this.#periodMicros;
    if (period === 0) return true;
    // Half a millisecond of tolerance: time bases such as 1/90000 do not hit the grid exactly.
    if (at + 500 < this.#nextDue && at > this.#nextDue - 2 * period) return false;
    const isOnGrid = at - this.#nextDue < period && at + 500 >= this.#nextDue;
    this.#nextDue = (isOnGrid ? this.#nextDue : at) + period;
    return true;
  }
}
