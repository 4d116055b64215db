/** Options of {@link BatchSize}. */
export interface BatchSizeOptions {
  /** Most frames of a batch; 1: there is nothing to learn. */
  readonly max: number;
  /** A batch that takes longer is too large, milliseconds. */
  readonly budgetMs: number;
}

/** What is known of one size. */
interface Row { readonly size: number; readonly recentMs: number[]; isWarm: boolean }

/** A larger or smaller batch must save so much of a frame's time to be taken: less is noise. */
const GAIN = 0.05;
/** Runs of a size that its time is judged by. */
const JUDGED_RUNS = 9;
const REMEMBERED_RUNS = 17;
/** Batches up to the first try of another size, and at most between two tries; each one in vain doubles it. */
const EXPLORE_AFTER = 32;
const EXPLORE_AFTER_MAX = 8_192;
/** A try ends when so many batches in a row had too few frames for it: larger ones are not needed. */
const SHORT_MAX = 32;

/**
 * Learns how many frames to give a model at once: the size of the least time a frame within the budget, told from the times of whole batches. Sizes are 1, 2, 4, … up
 * to `max`. Tries the next larger and the next smaller one now and then, more rarely each time that is in vain, so that a device on which batches do
 * not pay is not made to run them.
 */
export class BatchSize {
  readonly #budgetMs: number;
  readonly #rows: readonly Row[];
  #best = 0;
  #tried: number | undefined;
  #triesLarger = true;
  #batches = 0;
  #short = 0;
  #exploreAfter = EXPLORE_AFTER;

  constructor({ max, budgetMs }: BatchSizeOptions) {
    const sizes: number[] = [];
    for (let size = 1; size < max; size *= 2) sizes.push(size);
    sizes.push(max);
    this.#budgetMs = budgetMs;
    this.#rows = sizes.map(size => ({ size, recentMs: [], isWarm: false }));
  }

  /** The size found best so far. */
  get best(): number { return this.#rows[this.#best]?.size ?? 1; }

  /** Frames to gather for the next batch. */
  get target(): number { return this.#rows[this.#tried ?? this.#best]?.size ?? 1; }

  /** What a batch of the target size takes, as far as that is known; else what one frame takes. */
  get expectedMs(): number { return medianOf(this.#rows[this.#tried ?? this.#best]) ?? medianOf(this.#rows[0]) ?? 0; }

  /** Takes the time of a batch. */
  observe(frames: number, ms: number): void {
    const row = this.#rows.find(({ size }) => size === frames);
    if (row !== undefined) note(row, ms);
    if (this.#rows.length === 1) return;
    if (this.#tried === undefined) this.#maybeTry();
    else this.#goOnTrying(frames);
    while (this.#best > 0 && (medianOf(this.#rows[this.#best]) ?? 0) > this.#budgetMs) this.#best -= 1;
  }

  #maybeTry(): void {
    this.#batches += 1;
    if (this.#batches < this.#exploreAfter) return;
    const other = this.#best + (this.#triesLarger ? 1 : -1);
    this.#triesLarger = !this.#triesLarger;
    const row = this.#rows[other];
    if (row === undefined) return;
    this.#batches = 0;
    this.#short = 0;
    this.#tried = other;
    row.recentMs.length = 0; // what it took long ago was another machine
    row.isWarm = false;
  }

  #goOnTrying(frames: number): void {
    const row = this.#rows[this.#tried ?? 0];
    if (row === undefined) return;
    if (frames < row.size) { if (++this.#short >= SHORT_MAX) this.#endTry(false); return; }
    this.#short = 0;
    if (row.recentMs.length < JUDGED_RUNS) return;
    const best = this.#rows[this.#best];
    const isBetter = best !== undefined && undisturbedMs(row) / row.size < undisturbedMs(best) / best.size * (1 - GAIN);
    this.#endTry(isBetter && (medianOf(row) ?? 0) <= this.#budgetMs);
  }

  #endTry(isBetter: boolean): void {
    if (isBetter) {
      this.#triesLarger = (this.#tried ?? 0) > this.#best; // goes on in the direction that paid
      this.#best = this.#tried ?? this.#best;
    }
    this.#exploreAfter = isBetter ? EXPLORE_AFTER : Math.min(2 * this.#exploreAfter, EXPLORE_AFTER_MAX);
    this.#tried = undefined;
    this.#batches = 0;
  }
}

function note(row: Row, ms: number): void {
  if (!row.isWarm) { row.isWarm = true; return; } // the first run of a size allocates, and chooses its kernels
  row.recentMs.push(ms);
  if (row.recentMs.length > REMEMBERED_RUNS) row.recentMs.shift();
}

/** What a batch takes when nothing else uses the machine: the lower quartile, as disturbances only add. */
function undisturbedMs({ recentMs }: Row): number {
  return recentMs.toSorted((a, b) => a - b)[recentMs.length >> 2] ?? Number.POSITIVE_INFINITY;
}

function medianOf(row: Row | undefined): number | undefined {
  return row?.recentMs.toSorted((a, b) => a - b)[row.recentMs.length >> 1];
}
