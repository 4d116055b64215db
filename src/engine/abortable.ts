/**
 * The promise, or a rejection with the signal's reason when that comes first. Leaves nothing behind, however long the signal lives: `Promise.race` with a promise
 * that stays pending keeps the outcome of every race in memory until it settles (nodejs/node#17469).
 */
export function abortable<Value>(promise: Promise<Value>, signal: AbortSignal): Promise<Value> {
  return new Promise<Value>((resolve, reject) => {
    const onAbort = (): void => reject(signal.reason);
    if (signal.aborted) {
      promise.then(resolve, reject); // one that has settled already was first
      queueMicrotask(onAbort);
      return;
    }
    signal.addEventListener('abort', onAbort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}
