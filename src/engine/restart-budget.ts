import type { RestartPolicy } from './actor.ts';
import type { Random } from './random.ts';

/** How many past restarts are remembered when their number is not limited: enough for any back-off to reach its maximum. */
const UNLIMITED_MEMORY = 64;

/** Counts restarts within the policy's window. */
export interface RestartBudget {
  /** Enters a failure. Returns the wait before the next start, or undefined when the actor has failed too often. */
  spend(nowMs: number): number | undefined;
}

/** Makes a budget: exponential back-off over the restarts of the last `windowMs`, less up to `jitter` of it at random. */
export function createRestartBudget(policy: RestartPolicy, random: Random): RestartBudget {
  let recent: number[] = [];
  const memory = Number.isFinite(policy.maxRestarts) ? policy.maxRestarts + 1 : UNLIMITED_MEMORY;
  return {
    spend(nowMs) {
      recent = [...recent.filter(atMs => nowMs - atMs < policy.windowMs), nowMs].slice(-memory);
      if (recent.length > policy.maxRestarts) return undefined;
      const fullMs = Math.min(policy.backoffMs * 2 ** (recent.length - 1), policy.backoffMaxMs);
      return fullMs * (1 - policy.jitter * random.next());
    },
  };
}
