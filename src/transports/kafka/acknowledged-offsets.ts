/** Which offsets of a partition are done, so that the lowest one that is not can be committed. */
export class AcknowledgedOffsets {
  /** Handed over for work and not done, in order. */
  #open: number[] = [];
  readonly #done = new Set<number>();
  #next: number;

  constructor(next: number) {
    this.#next = next;
  }

  /** Offsets are begun in their order. */
  begin(offset: number): void {
    this.#open.push(offset);
  }

  /** Everything before `next` was read: what of it is not open has no record, or one of a transaction that was aborted. */
  advance(next: number): void {
    this.#next = Math.max(this.#next, next);
  }

  done(offset: number): void {
    this.#done.add(offset);
    let gone = 0;
    for (const each of this.#open) { if (!this.#done.delete(each)) break; gone += 1; }
    if (gone > 0) this.#open = this.#open.slice(gone);
  }

  /** The offset a group commits: everything before it is done. */
  get position(): number {
    return this.#open[0] ?? this.#next;
  }
}
