import type { SeqRange } from './store.ts';

/** Numbers covered by ranges, both ends inclusive. */
export function countOf(ranges: readonly SeqRange[]): number {
  let count = 0;
  for (const range of ranges) count += range.to - range.from + 1;
  return count;
}

/** What of `minuend` is not in `subtrahend`. Both sorted and disjoint; so is the result. Linear in the number of ranges. */
export function difference(minuend: readonly SeqRange[], subtrahend: readonly SeqRange[]): readonly SeqRange[] {
  const left: SeqRange[] = [];
  let next = 0;
  for (const range of minuend) {
    let from = range.from;
    while (next < subtrahend.length && (subtrahend[next]?.to ?? 0) < from) next += 1;
    for (let index = next; from <= range.to; index += 1) {
      const taken = subtrahend[index];
      if (taken === undefined || taken.from > range.to) break;
      if (taken.from > from) left.push({ from, to: taken.from - 1 });
      from = taken.to + 1;
    }
    if (from <= range.to) left.push({ from, to: range.to });
  }
  return left;
}

/**
 * A set of whole numbers kept as sorted, disjoint ranges that never touch each other.
 * Adding at the end and looking up cost O(log ranges); adding in the middle moves what lies behind it.
 */
export class IntervalSet {
  readonly #starts: number[] = [];
  readonly #ends: number[] = [];
  #count = 0;

  /** Numbers in the set. */
  get count(): number { return this.#count; }

  /** The ranges, lowest first; a copy. */
  ranges(): readonly SeqRange[] {
    return this.#starts.map((from, index) => ({ from, to: this.#ends[index] ?? from }));
  }

  /** True when `value` is in the set. */
  has(value: number): boolean {
    const index = this.#firstEndingAt(value);
    return index < this.#starts.length && (this.#starts[index] ?? 0) <= value;
  }

  /** End of the range that starts exactly at `start`. */
  endOf(start: number): number | undefined {
    const index = this.#firstEndingAt(start);
    return this.#starts[index] === start ? this.#ends[index] : undefined;
  }

  /**
   * Adds a range and returns the parts of it that were not in the set, lowest first.
   * `touched` collects the start of every range that appeared, changed or vanished, so that a copy of the set can follow.
   */
  add(range: SeqRange, touched?: Set<number>): readonly SeqRange[] {
    const first = this.#firstEndingAt(range.from - 1);
    let last = first;
    let { from, to } = range;
    let open = range.from;
    const added: SeqRange[] = [];
    for (; last < this.#starts.length; last += 1) {
      const start = this.#starts[last] ?? 0;
      const end = this.#ends[last] ?? 0;
      if (start > range.to + 1) break;
      if (start > open) added.push({ from: open, to: Math.min(start - 1, range.to) });
      open = Math.max(open, end + 1);
      from = Math.min(from, start);
      to = Math.max(to, end);
      touched?.add(start);
    }
    if (open <= range.to) added.push({ from: open, to: range.to });
    touched?.add(from);
    this.#replace(first, last - first, [{ from, to }]);
    this.#count += countOf(added);
    return added;
  }

  /** Takes a range out of the set; `touched` as for `add`. */
  delete(range: SeqRange, touched?: Set<number>): void {
    const first = this.#firstEndingAt(range.from);
    let last = first;
    const kept: SeqRange[] = [];
    for (; last < this.#starts.length; last += 1) {
      const start = this.#starts[last] ?? 0;
      const end = this.#ends[last] ?? 0;
      if (start > range.to) break;
      touched?.add(start);
      this.#count -= Math.min(end, range.to) - Math.max(start, range.from) + 1;
      if (start < range.from) kept.push({ from: start, to: range.from - 1 });
      if (end > range.to) kept.push({ from: range.to + 1, to: end });
    }
    for (const piece of kept) touched?.add(piece.from);
    this.#replace(first, last - first, kept);
  }

  #replace(at: number, removed: number, pieces: readonly SeqRange[]): void {
    if (removed === 1 && pieces.length === 1) {
      this.#starts[at] = pieces[0]?.from ?? 0;
      this.#ends[at] = pieces[0]?.to ?? 0;
      return;
    }
    this.#starts.splice(at, removed, ...pieces.map((piece) => piece.from));
    this.#ends.splice(at, removed, ...pieces.map((piece) => piece.to));
  }

  /** Index of the first range that ends at `value` or later. */
  #firstEndingAt(value: number): number {
    let low = 0;
    let high = this.#ends.length;
    if (high > 0 && (this.#ends[high - 1] ?? 0) < value) return high;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#ends[middle] ?? 0) < value) low = middle + 1; else high = middle;
    }
    return low;
  }
}
