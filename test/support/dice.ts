/** Repeatable chance for property tests. */
export interface Dice {
  readonly seed: number;
  /** A whole number from `low` to `high`, both inclusive. */
  between(low: number, high: number): number;
  /** True with probability `share`. */
  chance(share: number): boolean;
  pick<T>(choices: readonly T[]): T;
}

/** Dice of a printed seed: that of the environment's `SEED`, or a new one. */
export function rollDice(name: string): Dice {
  const seed = Number(process.env['SEED'] ?? Math.floor(Math.random() * 2 ** 31));
  console.log(`${name}: SEED=${seed}`);
  return diceOf(seed);
}

/** Dice of a given seed (Mulberry32, Tommy Ettinger, 2017). */
export function diceOf(seed: number): Dice {
  let state = seed >>> 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const between = (low: number, high: number): number => low + Math.floor(next() * (high - low + 1));
  return { seed, between, chance: (share) => next() < share, pick: (choices) => choices[between(0, choices.length - 1)]! };
}
