import type { Random } from './random.ts';

/** Chance of the machine; not for secrets. */
export const systemRandom: Random = { next: () => Math.random() };

/**
 * A repeatable sequence: the same seed gives the same numbers on every machine.
 * Mulberry32 (Tommy Ettinger, 2017): 32 bits of state, period 2^32; good enough for jitter and tests, not for secrets.
 */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0;
  return {
    next() {
      state = (state + 0x6d2b79f5) >>> 0;
      let mixed = Math.imul(state ^ (state >>> 15), state | 1);
      mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
      return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
    },
  };
}
