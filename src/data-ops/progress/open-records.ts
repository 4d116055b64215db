/** An input record with frames that have no record yet. */
export interface OpenRecord {
  readonly offset: number;
  readonly atMs: number;
  /** Its frames, both ends inclusive. */
  readonly from: number;
  readonly to: number;
  /** Frames of it without a record. */
  left: number;
}

/** Taken places at the front of an array are cut off when they are this many. */
const COMPACT_AT = 256;

/** Input records in the order they came, until all their frames have ended. Each operation costs O(log n), or less over time. */
export class OpenRecords {
  #records: OpenRecord[] = [];
  #head = 0;

  /** The oldest one with frames left. */
  get first(): OpenRecord | undefined {
    while ((this.#records[this.#head]?.left ?? 1) === 0) this.#head += 1;
    if (this.#head >= COMPACT_AT && this.#head * 2 >= this.#records.length) {
      this.#records = this.#records.slice(this.#head);
      this.#head = 0;
    }
    return this.#records[this.#head];
  }

  add(record: OpenRecord): void { this.#records.push(record); }

  /** Takes a run of frames off the records that hold them; only where the records of one epoch are kept, lowest frame first. */
  end(from: number, to: number): void {
    for (let index = this.#firstReaching(from); index < this.#records.length; index += 1) {
      const record = this.#records[index];
      if (record === undefined || record.from > to) return;
      record.left -= Math.min(to, record.to) - Math.max(from, record.from) + 1;
    }
  }

  #firstReaching(frameSeq: number): number {
    let low = this.#head;
    let high = this.#records.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#records[middle]?.to ?? 0) < frameSeq) low = middle + 1; else high = middle;
    }
    return low;
  }
}
