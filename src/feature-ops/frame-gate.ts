import type { EpochMicros } from '../engine/units.ts';

/** Chooses frames before they are scaled. Asked once per picture, in presentation order. */
export interface FrameGate {
  /** True when the frame captured at `at` is wanted. */
  admits(at: EpochMicros): boolean;
}

/** Every `n`th picture, the first one included. */
export class EveryNth implements FrameGate {
  readonly #n: number;
  #count = 0;

  constructor(n: number) {
    this.#n = n;
  }

  admits(): boolean {
    const isWanted = this.#count % this.#n === 0;
    this.#count += 1;
    return isWanted;
  }
}

/** Chooses frames so that on average no more than `maxFps` pass, evenly spaced in event time. */
export class FrameRateGate implements FrameGate {
  readonly #maxFps: () => number | null;
  #nextDue = Number.NEGATIVE_INFINITY;

  /** @param maxFps frames per second, asked at every frame where it may change; null lets every frame pass */
  constructor(maxFps: number | null | (() => number | null)) {
    this.#maxFps = typeof maxFps === 'function' ? maxFps : () => maxFps;
  }

  /** A jump back in time starts over. */
  admits(at: EpochMicros): boolean {
    const maxFps = this.#maxFps();
    if (maxFps === null) return true;
    const period = 1e6 / maxFps;
    // Half a millisecond of tolerance: time bases such as 1/90000 do not hit the grid exactly.
    if (at + 500 < this.#nextDue && at > this.#nextDue - 2 * period) return false;
    const isOnGrid = at - this.#nextDue < period && at + 500 >= this.#nextDue;
    this.#nextDue = (isOnGrid ? this.#nextDue : at) + period;
    return true;
  }
}
