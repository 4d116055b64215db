import { epochMicros } from '../engine/units.ts';
import type { EpochMicros } from '../engine/units.ts';

/** When a camera's own clock is believed. */
export interface CameraClockLimits {
  /** Largest difference between the camera's clock and ours. */
  readonly offsetMaxMs: number;
  /** Largest difference between the offsets of the last seconds. */
  readonly jitterMaxMs: number;
}

/** Decides per unit whether the camera's clock or the arrival says when a picture was taken. */
export interface CameraClock {
  /** True when the last unit got the camera's time. */
  readonly isTrusted: boolean;
  capturedAt(cameraMicros: number | null, arrivedAt: EpochMicros): EpochMicros;
}

const SLOT_MICROS = 1e6;
const SLOTS = 5;

/**
 * Judges the camera's clock by the smallest (arrival - camera time) of each of the last five seconds: delays of the network only
 * add to it, so the minimum is the clock's offset plus the shortest way, and a burst after a hold-up does not cost the trust.
 */
export function cameraClock(limits: CameraClockLimits): CameraClock {
  const slots: { readonly number: number; min: number }[] = [];
  let isTrusted = false;
  const note = (offset: number, arrivedAt: number): void => {
    const number = Math.floor(arrivedAt / SLOT_MICROS);
    const last = slots.at(-1);
    if (last !== undefined && last.number === number) last.min = Math.min(last.min, offset);
    else slots.push({ number, min: offset });
    while (slots.length > SLOTS) slots.shift();
  };
  return {
    get isTrusted() { return isTrusted; },
    capturedAt(cameraMicros, arrivedAt) {
      if (cameraMicros === null) {
        isTrusted = false;
        return arrivedAt;
      }
      note(arrivedAt - cameraMicros, arrivedAt);
      let low = Infinity;
      let high = -Infinity;
      for (const [index, { min }] of slots.entries()) {
        low = Math.min(low, min);
        if (index < slots.length - 1 || index === 0) high = Math.max(high, min); // the second under way may have begun with a hold-up
      }
      isTrusted = high - low <= limits.jitterMaxMs * 1000 && Math.max(Math.abs(low), Math.abs(high)) <= limits.offsetMaxMs * 1000;
      return isTrusted ? epochMicros(cameraMicros) : arrivedAt;
    },
  };
}
