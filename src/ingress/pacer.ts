import type { Clock } from '../engine/clock.ts';
import { epochMicros } from '../engine/units.ts';
import type { EpochMicros } from '../engine/units.ts';

/** Turns stream time into waiting and event time. Times in seconds since the first unit. */
export interface Pacer {
  /** Waits until a unit with this decode time is due; at once when it is late. */
  until(decodeSeconds: number, signal: AbortSignal): Promise<void>;
  /** Event time of a picture. */
  capturedAt(pictureSeconds: number): EpochMicros;
}

/** A reader that comes back later than this sees the rest of its absence as a pause of the stream, not as a burst. */
const BURST_MAX_MS = 1000;

/** A longer gap in the time stamps is a fault of the recording, and is played as one of this length. */
const GAP_MAX_MS = 10_000;

/** Plays in real time from now on. Due times derive from the start, so that waits that end late do not add up. */
export function realTimePacer(clock: Clock, startedAt: EpochMicros | null): Pacer {
  let startMs = clock.monotonicMs();
  let startMicros: number = startedAt ?? clock.now();
  const startBy = (laterMs: number): void => {
    startMs += laterMs;
    if (startedAt === null) startMicros += laterMs * 1000;
  };
  return {
    async until(decodeSeconds, signal) {
      const lateMs = clock.monotonicMs() - (startMs + decodeSeconds * 1000);
      if (lateMs < -GAP_MAX_MS) startBy(lateMs + GAP_MAX_MS);
      if (lateMs < 0) return clock.sleep(Math.min(-lateMs, GAP_MAX_MS), signal);
      signal.throwIfAborted();
      if (lateMs <= BURST_MAX_MS) return;
      startBy(lateMs - BURST_MAX_MS);
    },
    capturedAt: (pictureSeconds) => epochMicros(Math.round(startMicros + pictureSeconds * 1e6)),
  };
}

/** Plays as fast as it is read. */
export function batchPacer(startedAt: EpochMicros): Pacer {
  return {
    async until(_decodeSeconds, signal) { signal.throwIfAborted(); },
    capturedAt: (pictureSeconds) => epochMicros(Math.round(startedAt + pictureSeconds * 1e6)),
  };
}
