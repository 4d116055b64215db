import type { EpochMicros } from '../engine/units.ts';

/** RFC 3339 text in UTC with microseconds: `2026-01-31T23:59:59.123456Z`. */
export function isoTime(at: EpochMicros): string {
  const millis = Math.floor(at / 1000);
  const micros = Math.floor(at - millis * 1000);
  return `${new Date(millis).toISOString().slice(0, -1)}${String(micros).padStart(3, '0')}Z`;
}
