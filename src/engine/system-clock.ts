import type { Clock } from './clock.ts';
import { epochMicros } from './units.ts';

/** When this process started, by the wall clock. */
export const processStartedAt = epochMicros(Math.round(performance.timeOrigin * 1000));

/** The machine's time. `sleep` keeps the process alive while it waits. */
export const systemClock: Clock = {
  now: () => epochMicros(Math.round((performance.timeOrigin + performance.now()) * 1000)),
  monotonicMs: () => performance.now(),
  sleep(ms, signal) {
    return new Promise<void>((resolve, reject) => {
      if (signal?.aborted === true) { reject(signal.reason); return; }
      const onAbort = (): void => { clearTimeout(timer); reject(signal?.reason); };
      const timer = setTimeout(() => { signal?.removeEventListener('abort', onAbort); resolve(); }, Math.min(Math.max(0, ms), 2 ** 31 - 1));
      signal?.addEventListener('abort', onAbort, { once: true });
    });
  },
};
