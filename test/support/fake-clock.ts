import type { Clock } from '../../src/engine/clock.ts';
import { epochMicros } from '../../src/engine/units.ts';

interface Sleeper { readonly dueMs: number; readonly order: number; wake(): void }

/** A clock that stands still until told to move. */
export interface FakeClock extends Clock {
  /** Moves time on by `ms`, waking sleepers in order of their due time and letting the loop settle after each. */
  advance(ms: number): Promise<void>;
  /** Number of waits under way. */
  sleeping(): number;
}

/** Lets promise chains and immediates run until nothing more happens at once. */
export async function settle(turns = 24): Promise<void> {
  for (let turn = 0; turn < turns; turn += 1) await new Promise<void>(resolve => { setImmediate(resolve); });
}

/** Makes a clock for tests, starting at `startMicros` of wall time and 0 ms of monotonic time. */
export function fakeClock(startMicros = 1_700_000_000_000_000): FakeClock {
  let nowMs = 0;
  let order = 0;
  const sleepers = new Set<Sleeper>();
  const earliest = (untilMs: number): Sleeper | undefined => {
    let first: Sleeper | undefined;
    for (const sleeper of sleepers) {
      if (sleeper.dueMs > untilMs) continue;
      if (first === undefined || sleeper.dueMs < first.dueMs || (sleeper.dueMs === first.dueMs && sleeper.order < first.order)) first = sleeper;
    }
    return first;
  };
  return {
    now: () => epochMicros(startMicros + Math.round(nowMs * 1000)),
    monotonicMs: () => nowMs,
    sleeping: () => sleepers.size,
    sleep(ms, signal) {
      return new Promise<void>((resolve, reject) => {
        if (signal?.aborted === true) { reject(signal.reason); return; }
        const onAbort = (): void => { sleepers.delete(sleeper); reject(signal?.reason); };
        const sleeper: Sleeper = {
          dueMs: nowMs + Math.max(0, ms),
          order: order++,
          wake() { sleepers.delete(sleeper); signal?.removeEventListener('abort', onAbort); resolve(); },
        };
        sleepers.add(sleeper);
        signal?.addEventListener('abort', onAbort, { once: true });
      });
    },
    async advance(ms) {
      const untilMs = nowMs + ms;
      await settle();
      for (let next = earliest(untilMs); next !== undefined; next = earliest(untilMs)) {
        nowMs = Math.max(nowMs, next.dueMs);
        next.wake();
        await settle();
      }
      nowMs = untilMs;
    },
  };
}
