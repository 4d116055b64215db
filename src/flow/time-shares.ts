/** Options of {@link TimeShares}. */
export interface TimeSharesOptions<Item> {
  /** Whose share the item is of; a camera. */
  keyOf(item: Item): string;
  /** When work on the item should be over, in the milliseconds of `take`. Asked of a key's oldest item at every choice. @default never */
  deadlineMs?(item: Item): number;
  /** The key's share of the time when there is not enough for all, relative to the others of its group; above 0. Asked whenever time was spent. @default 1 */
  weightOf?(key: string): number;
  /** Whose key it is; a tenant. Asked of every item. @default all keys are of one group */
  groupOf?(key: string): string;
  /** The group's share of the time, relative to the other groups, however many keys it has; above 0. Asked whenever time was spent. @default 1 */
  groupWeightOf?(group: string): number;
}

/** What a group of keys had. */
interface Group {
  readonly name: string;
  /** Its keys of which something waits. */
  waitingKeys: number;
  /** Time its keys were given, by its weight. */
  virtualMs: number;
  /** What a key of it had for its weight that is neither ahead nor behind. */
  keysVirtualMs: number;
}

/** What waits of a key and what it had. */
interface Share<Item> {
  readonly key: string;
  group: Group;
  readonly waiting: Item[];
  /** Time it was given, by weight: its virtual time (SFQ, Goyal, Vin and Cheng 1996), among those of its group. */
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
 * until nothing waits, the group goes first that had the least time for its weight, and of it the key that had the least (hierarchical fair queueing, Bennett and
 * Zhang 1996). So a key that asks for less than its share hardly waits, and the rest share what is left in time, not in items; a group with many keys has no more
 * than one with few. Shares of groups that always wait, and of such keys of a group, differ by less than what an item of each takes.
 */
export class TimeShares<Item> {
  readonly #options: TimeSharesOptions<Item>;
  /** Those that wait, in the order they began to. */
  readonly #queues = new Map<string, Share<Item>>();
  readonly #shares = new Map<string, Share<Item>>();
  readonly #groups = new Map<string, Group>();
  /** What a group had for its weight that is neither ahead nor behind. */
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
    const group = this.#groupOf(key);
    if (share.waiting.length > 0 && share.group !== group) this.#quit(share); // it waits for another one from now on
    if (share.waiting.push(item) === 1 || share.group !== group) this.#enter(share, group);
    return share.waiting.length;
  }

  /** Takes the item whose turn it is. `waiting`: items of its key that are left. */
  take(nowMs: number): { readonly item: Item; readonly waiting: number } | undefined {
    const share = this.#next(nowMs);
    const item = share?.waiting.shift();
    if (share === undefined || item === undefined) return undefined;
    const { group } = share;
    this.#virtualMs = Math.max(this.#virtualMs, group.virtualMs);
    group.keysVirtualMs = Math.max(group.keysVirtualMs, share.virtualMs);
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
    const { group } = share;
    share.virtualMs += ms / (this.#options.weightOf?.(key) ?? 1);
    group.virtualMs += ms / (this.#options.groupWeightOf?.(group.name) ?? 1);
    share.spentMs += ms;
  }

  /** What an item of the key takes, learnt; 0 for one that was never seen. */
  costMs(key: string): number { return this.#shares.get(key)?.costMs ?? 0; }

  /** Takes all that waits. */
  clear(): readonly Item[] {
    const items = [...this.#queues.values()].flatMap(share => share.waiting.splice(0));
    for (const { group } of this.#queues.values()) group.waitingKeys = 0;
    this.#queues.clear();
    this.#isOverloaded = false;
    return items;
  }

  #next(nowMs: number): Share<Item> | undefined {
    if (this.#queues.size === 0) return undefined;
    const group = this.#poorestGroup();
    let urgent: Share<Item> | undefined;
    let urgentMs = Number.POSITIVE_INFINITY;
    let poorest: Share<Item> | undefined;
    let poorestMs = Number.POSITIVE_INFINITY;
    for (const share of this.#queues.values()) {
      const deadlineMs = this.#options.deadlineMs?.(share.waiting[0] as Item) ?? Number.POSITIVE_INFINITY; // a share without items is not kept among those that wait
      const { virtualMs } = share;
      if (urgent === undefined || deadlineMs < urgentMs || (deadlineMs === urgentMs && isPoorer(share, urgent))) { urgent = share; urgentMs = deadlineMs; }
      if (share.group !== group) continue;
      if (poorest === undefined || virtualMs < poorest.virtualMs || (virtualMs === poorest.virtualMs && deadlineMs < poorestMs)) { poorest = share; poorestMs = deadlineMs; }
    }
    if (urgent !== undefined && nowMs + urgent.costMs > urgentMs) this.#isOverloaded = true;
    return this.#isOverloaded ? poorest : urgent;
  }

  /** Of those of which something waits. */
  #poorestGroup(): Group | undefined {
    let poorest: Group | undefined;
    for (const group of this.#groups.values()) if (group.waitingKeys > 0 && (poorest === undefined || group.virtualMs < poorest.virtualMs)) poorest = group;
    return poorest;
  }

  /** Time that a key or a group did not ask for is not saved up. */
  #enter(share: Share<Item>, group: Group): void {
    share.virtualMs = share.group === group ? Math.max(share.virtualMs, group.keysVirtualMs) : group.keysVirtualMs;
    share.group = group;
    if (group.waitingKeys === 0) group.virtualMs = Math.max(group.virtualMs, this.#virtualMs);
    group.waitingKeys += 1;
    this.#queues.set(share.key, share);
  }

  #leave(share: Share<Item>): void {
    if (share.waiting.length > 0) return;
    this.#quit(share);
    if (this.#queues.size === 0) this.#isOverloaded = false;
  }

  #quit(share: Share<Item>): void {
    if (this.#queues.delete(share.key)) share.group.waitingKeys -= 1;
  }

  #shareOf(key: string): Share<Item> {
    let share = this.#shares.get(key);
    if (share === undefined) {
      if (this.#shares.size >= REMEMBERED) this.#forget();
      const group = this.#groupOf(key);
      share = { key, group, waiting: [], virtualMs: group.keysVirtualMs, spentMs: 0, costMs: 0 };
      this.#shares.set(key, share);
    }
    return share;
  }

  #groupOf(key: string): Group {
    const name = this.#options.groupOf?.(key) ?? '';
    let group = this.#groups.get(name);
    if (group === undefined) {
      group = { name, waitingKeys: 0, virtualMs: this.#virtualMs, keysVirtualMs: 0 };
      this.#groups.set(name, group);
    }
    return group;
  }

  #forget(): void {
    for (const [key, share] of this.#shares) if (share.waiting.length === 0) this.#shares.delete(key);
    const held = new Set([...this.#shares.values()].map(({ group }) => group));
    for (const [name, group] of this.#groups) if (!held.has(group)) this.#groups.delete(name);
  }
}

/** Of two that are equally urgent: which of their groups had less, or which of the two in their group. */
function isPoorer<Item>(one: Share<Item>, other: Share<Item>): boolean {
  return one.group === other.group ? one.virtualMs < other.virtualMs : one.group.virtualMs < other.group.virtualMs;
}
