/** How many random cases each test tries: `--cases` of `npm run fuzz`. */
export const FUZZ_CASES = Number(process.env['FUZZ_CASES'] ?? 1000);

/** Seed of this run: `--seed` of `npm run fuzz`, else the time. Printed, so that a failure can be repeated. */
export const FUZZ_SEED = Number(process.env['FUZZ_SEED'] ?? Date.now() % 2 ** 32);

/** A repeatable source of chance (mulberry32): whole numbers in `[0, below)`, bytes, and one of a list. */
export class FuzzRandom {
  #state: number;

  constructor(seed: number) { this.#state = seed >>> 0; }

  /** A number in [0, 1). */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }

  integer(below: number): number { return Math.floor(this.next() * below); }

  bytes(length: number): Uint8Array { return Uint8Array.from({ length }, () => this.integer(256)); }

  pick<Item>(items: readonly Item[]): Item { return items[this.integer(items.length)] as Item; }
}

/** Runs `one` for every case with a seed of its own, and names the case and seed of a failure. */
export async function forEachCase(name: string, one: (random: FuzzRandom) => void | Promise<void>): Promise<void> {
  for (let number = 0; number < FUZZ_CASES; number++) {
    const seed = (FUZZ_SEED + Math.imul(number, 0x9e3779b1)) >>> 0;
    try {
      await one(new FuzzRandom(seed));
    } catch (error) {
      throw new Error(`${name}: case ${number} of FUZZ_SEED=${FUZZ_SEED} (case seed ${seed}): ${error instanceof Error ? error.message : String(error)}`, { cause: error });
    }
  }
}
