/** Options of {@link TimeShares}. */
export interface TimeSharesOptions<Item> {
  /** Whose share the item is of; a camera. */
  keyOf(item: Item): string;
  /** When work on the item should be over, in the milliseconds of `take`. Asked of a key's oldest item at every choice. @default never */
  deadlineMs?(item: Item): number;
  /** The key's share of the time when there is not enough for all, relative to the others; above 0. Asked when a key appears. @default 1 */
  weightOf?(key: string): number;
}

/** What waits of a key and what it had. */
interface Share<Item> {
  readonly key: string;
  readonly weight: number;
  readonly waiting: Item[];
  /** Time it was given, by weight: its virtual time (SFQ, Goyal, Vin and Cheng 1996). */
  virtualMs: number;
  /** Spent since an item of it was last taken. */
  spentMs: number;
  /** What one of its items takes, learnt. */
  costMs: number;
}

/** How much of a new observation goes into the learnt cost. */
const LEARNING_RATE = 0.1;

/** Keys that are remembered; beyond it those of which nothing waits are forgotten, and start over with what everybody had. */
const REMEMBERED = 4096;

/**
 * Whose turn it is. While there is time for all: the item with the earliest deadline, which meets every deadline that any order could meet (Jeffay, Stanat and
 * Martel 1991: no run is interrupted). Where one cannot be met, earliest deadlines would let one key that asks for too much make all others late: from then
 * until nothing waits, the key goes first that had the least time for its weight. So a key that asks for less than its share hardly waits, and the rest share what
 * is left in time, not in items. Shares of keys that always wait differ by less than what an item of each takes.
 */
export class TimeShares<Item> {
  readonly #options: TimeSharesOptions<Item>;
  /** Those that wait, in the order they began to. */
  readonly #queues = new Map<string, Share<Item>>();
  readonly #shares = new Map<string, Share<Item>>();
  /** What a key had for its weight that is neither ahead nor behind. */
  #virtualMs = 0;
  #isOverloaded = false;

  constructor(options: TimeSharesOptions<Item>) {
    this.#options = options;
  }

  /** Nothing waits. */
  get isEmpty(): boolean { return this.#queues.size === 0; }

  /** A deadline could not be met since something waits: shares decide. */
  get isOverloaded(): boolean { return this.#isOverloaded; }

  /** Items of the key that wait. */
  waiting(key: string): number { return this.#queues.get(key)?.waiting.length ?? 0; }

  /** Puts an item behind those of its key. Returns how many of it wait. */
  add(item: Item): number {
    const key = this.#options.keyOf(item);
    const share = this.#shareOf(key);
    if (share.waiting.push(item) === 1) {
      share.virtualMs = Math.max(share.virtualMs, this.#virtualMs); // time that it did not ask for is not saved up
      this.#queues.set(key, share);
    }
    return share.waiting.length;
  }

  /** Takes the item whose turn it is. `waiting`: items of its key that are left. */
  take(nowMs: number): { readonly item: Item; readonly waiting: number } | undefined {
    const share = this.#next(nowMs);
    const item = share?.waiting.shift();
    if (share === undefined || item === undefined) return undefined;
    this.#virtualMs = Math.max(this.#virtualMs, share.virtualMs);
    this.#leave(share);
    share.costMs += (share.spentMs - share.costMs) * LEARNING_RATE;
    share.spentMs = 0;
    return { item, waiting: share.waiting.length };
  }

  /** Takes the oldest item of a key. */
  takeOldest(key: string): Item | undefined {
    const share = this.#queues.get(key);
    const item = share?.waiting.shift();
    if (share !== undefined) this.#leave(share);
    return item;
  }

  /** Says that `ms` were spent on a key. An item may cost several times, and after later ones were taken. */
  spend(key: string, ms: number): void {
    const share = this.#shareOf(key);
    share.virtualMs += ms / share.weight;
    share.spentMs += ms;
  }

  /** What an item of the key takes, learnt; 0 for one that was never seen. */
  costMs(key: string): number { return this.#shares.get(key)?.costMs ?? 0; }

  /** Takes all that waits. */
  clear(): readonly Item[] {
    const items = [...this.#queues.values()].flatMap(share => share.waiting.splice(0));
    this.#queues.clear();
    this.#isOverloaded = false;
    return items;
  }

  #next(nowMs: number): Share<Item> | undefined {
    if (this.#queues.size === 0) return undefined;
    let urgent: Share<Item> | undefined;
    let urgentMs = Number.POSITIVE_INFINITY;
    let poorest: Share<Item> | undefined;
    let poorestMs = Number.POSITIVE_INFINITY;
    for (const share of this.#queues.values()) {
      const deadlineMs = this.#options.deadlineMs?.(share.waiting[0] as Item) ?? Number.POSITIVE_INFINITY; // a share without items is not kept among those that wait
      const { virtualMs } = share;
      if (urgent === undefined || deadlineMs < urgentMs || (deadlineMs === urgentMs && virtualMs < urgent.virtualMs)) { urgent = share; urgentMs = deadlineMs; }
      if (poorest === undefined || virtualMs < poorest.virtualMs || (virtualMs === poorest.virtualMs && deadlineMs < poorestMs)) { poorest = share; poorestMs = deadlineMs; }
    }
    if (urgent !== undefined && nowMs + urgent.costMs > urgentMs) this.#isOverloaded = true;
    return this.#isOverloaded ? poorest : urgent;
  }

  #leave(share: Share<Item>): void {
    if (share.waiting.length > 0) return;
    this.#queues.delete(share.key);
    if (this.#queues.size === 0) this.#isOverloaded = false;
  }

  #shareOf(key: string): Share<Item> {
    let share = this.#shares.get(key);
    if (share === undefined) {
      if (this.#shares.size >= REMEMBERED) this.#forget();
      share = { key, weight: this.#options.weightOf?.(key) ?? 1, waiting: [], virtualMs: this.#virtualMs, spentMs: 0, costMs: 0 };
      this.#shares.set(key, share);
    }
    return share;
  }

  #forget(): void {
    for (const [key, share] of this.#shares) if (share.waiting.length === 0) this.#shares.delete(key);
  }
}
