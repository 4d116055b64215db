import type { EpochMicros } from './units.ts';

/** The only source of time. Tests pass one they can jump. */
export interface Clock {
  /** Wall time, for stamping events. May jump. */
  now(): EpochMicros;
  /** Milliseconds that only grow, for measuring and waiting. */
  monotonicMs(): number;
  /** Resolves after `ms`; rejects with the signal's reason when it aborts first. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}
