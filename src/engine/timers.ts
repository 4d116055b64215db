import type { Clock } from './clock.ts';

/** A promise with its handles outside. */
export interface Deferred<Value> {
  readonly promise: Promise<Value>;
  resolve(value: Value): void;
  reject(error: unknown): void;
}

/** Makes a promise that is settled from outside. */
export function deferred<Value>(): Deferred<Value> {
  return Promise.withResolvers<Value>();
}

/**
 * The promise's result, or `error` when it has not settled within `ms`. The promise itself goes on: whoever started it still stops it.
 * @throws `error` after `ms`; else whatever the promise rejects with
 */
export async function withTimeout<Value>(promise: Promise<Value>, ms: number, clock: Clock, error: Error): Promise<Value> {
  const timer = new AbortController();
  const late = clock.sleep(ms, timer.signal).then(() => { throw error; });
  late.catch(() => { /* the wait is over: the loser of the race has no reader */ });
  try {
    return await Promise.race([promise, late]);
  } finally {
    timer.abort();
  }
}

/**
 * Calls `fn` every `ms` until the signal aborts; the next wait starts when `fn` has settled, so two calls never overlap.
 * Resolves when the signal aborts.
 * @throws whatever `fn` throws, which ends the series
 */
export async function every(ms: number, clock: Clock, signal: AbortSignal, fn: () => void | Promise<void>): Promise<void> {
  while (!signal.aborted) {
    try {
      await clock.sleep(ms, signal);
    } catch (error) {
      if (signal.aborted) return;
      throw error;
    }
    await fn();
  }
}

/** Resolves when the signal aborts. */
export async function untilAborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  await new Promise<void>(resolve => { signal.addEventListener('abort', () => resolve(), { once: true }); });
}
