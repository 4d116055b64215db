import { abortable } from '../engine/abortable.ts';
import type { Clock } from '../engine/clock.ts';
import { PlatformError } from '../engine/errors.ts';

/**
 * The promise, unless it takes longer than `limitMs` or the signal aborts.
 * @throws PlatformError TIMED_OUT naming `what`; the signal's reason
 */
export async function withinLimit<Value>(promise: Promise<Value>, what: string, limit: { readonly ms: number; readonly clock: Clock; readonly signal: AbortSignal }): Promise<Value> {
  const timer = new AbortController();
  const tooLate = new Promise<never>((_resolve, reject) => {
    limit.clock.sleep(limit.ms, timer.signal).then(() => { reject(new PlatformError('TIMED_OUT', `${what} took longer than ${String(limit.ms)} ms`, { limitMs: limit.ms })); }, () => undefined);
  });
  try {
    return await abortable(Promise.race([promise, tooLate]), limit.signal);
  } finally {
    timer.abort();
  }
}
