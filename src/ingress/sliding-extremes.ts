/** The smallest and largest of the values of the last seconds, kept by the second: room and work are bounded whatever the rate. */
export class SlidingExtremes {
  readonly #slots: { readonly number: number; min: number; max: number }[] = [];
  readonly #capacity: number;

  /** @param seconds how many of them are remembered, the one under way included */
  constructor(seconds: number) { this.#capacity = seconds; }

  /** Seconds in which there was a value. */
  get length(): number { return this.#slots.length; }

  /** Adds a value at a time; earlier than the newest counts as then. */
  add(value: number, atMicros: number): void {
    const number = Math.floor(atMicros / 1e6);
    const last = this.#slots.at(-1);
    if (last !== undefined && last.number >= number) {
      if (value < last.min) last.min = value;
      if (value > last.max) last.max = value;
    } else this.#slots.push({ number, min: value, max: value });
    if (this.#slots.length > this.#capacity) this.#slots.shift();
  }

  /** Of the newest seconds, all when absent; Infinity without values. */
  min(newest = this.#slots.length): number {
    let min = Infinity;
    for (let index = Math.max(0, this.#slots.length - newest); index < this.#slots.length; index++) min = Math.min(min, this.#slots[index]?.min ?? min);
    return min;
  }

  /** Difference of the largest and the smallest; 0 without values. */
  range(): number {
    let [min, max] = [Infinity, -Infinity];
    for (const slot of this.#slots) {
      if (slot.min < min) min = slot.min;
      if (slot.max > max) max = slot.max;
    }
    return Math.max(0, max - min);
  }

  /** Forgets all but the newest seconds. */
  keep(newest: number): void { this.#slots.splice(0, Math.max(0, this.#slots.length - newest)); }
}
