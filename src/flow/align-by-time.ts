import { Observable, type OperatorFunction } from 'rxjs';
import type { Clock } from '../engine/clock.ts';
import type { OnDrop } from './drop.ts';

/** Items of several keys that belong to one instant. */
export interface Aligned<Item> {
  /** Time of the item that opened the group, in the milliseconds of `timeOf`. */
  readonly atMs: number;
  readonly items: ReadonlyMap<string, Item>;
  /** Every key has an item. */
  readonly isComplete: boolean;
}

/** Options of {@link alignByTime}. */
export interface AlignByTimeOptions<Item> {
  /** The keys a complete group has; cameras. */
  readonly keys: readonly string[];
  /** Items at most this far from the group's first belong to it. */
  readonly toleranceMs: number;
  /** A group is emitted incomplete this long after its first item came. */
  readonly maxWaitMs: number;
  /** Groups that may be open; one more emits the oldest. @default 64 */
  readonly maxOpen?: number;
  /** Event time in milliseconds; must not decrease within a key. */
  timeOf(item: Item): number;
  keyOf(item: Item): string;
  readonly clock: Clock;
  readonly onDrop: OnDrop<Item>;
}

/**
 * Joins the items of several keys by event time: one group per instant, in order of time, complete or as it stands after `maxWaitMs`.
 * A complete group first emits the older ones: within a key time does not go back, so nothing more can come for them.
 * Bound: `maxOpen` groups of one item per key. Loss: items of groups already emitted (and second ones of a key), as `late`, unintended.
 */
export function alignByTime<Item>(options: AlignByTimeOptions<Item>): OperatorFunction<Item, Aligned<Item>> {
  return source => new Observable<Aligned<Item>>(subscriber => {
    const groups = new Groups(options, group => subscriber.next(group));
    subscriber.add(() => groups.clear());
    subscriber.add(source.subscribe({
      next(item) { groups.add(item); },
      error(error) { subscriber.error(error); },
      complete() { groups.emitUpTo(Infinity); subscriber.complete(); },
    }));
  });
}

interface Group<Item> { readonly atMs: number; readonly dueMs: number; readonly items: Map<string, Item> }

class Groups<Item> {
  readonly #options: AlignByTimeOptions<Item>;
  readonly #emit: (group: Aligned<Item>) => void;
  readonly #keys: ReadonlySet<string>;
  /** By time. */
  readonly #open: Group<Item>[] = [];
  #emittedMs = -Infinity;
  #timer: AbortController | undefined;

  constructor(options: AlignByTimeOptions<Item>, emit: (group: Aligned<Item>) => void) {
    this.#options = options;
    this.#emit = emit;
    this.#keys = new Set(options.keys);
  }

  add(item: Item): void {
    const { toleranceMs, maxWaitMs, maxOpen = 64, clock, onDrop } = this.#options;
    const key = this.#options.keyOf(item);
    if (!this.#keys.has(key)) { onDrop(item, 'unknown-key', false); return; }
    const atMs = this.#options.timeOf(item);
    let group = this.#nearest(atMs);
    if (group === undefined) {
      if (atMs <= this.#emittedMs + toleranceMs) { onDrop(item, 'late', false); return; }
      group = { atMs, dueMs: clock.monotonicMs() + maxWaitMs, items: new Map() };
      const after = this.#open.findLastIndex(each => each.atMs < atMs);
      this.#open.splice(after + 1, 0, group);
    }
    if (group.items.has(key)) { onDrop(item, 'late', false); return; }
    group.items.set(key, item);
    if (group.items.size === this.#keys.size) this.emitUpTo(group.atMs);
    const oldest = this.#open[0];
    if (oldest !== undefined && this.#open.length > maxOpen) this.emitUpTo(oldest.atMs);
    this.#arm();
  }

  /** Emits the open groups up to and including a time, oldest first. */
  emitUpTo(atMs: number): void {
    while (this.#open[0] !== undefined && this.#open[0].atMs <= atMs) {
      const [group] = this.#open.splice(0, 1) as [Group<Item>]; // its first element was just seen
      this.#emittedMs = group.atMs;
      this.#emit({ atMs: group.atMs, items: group.items, isComplete: group.items.size === this.#keys.size });
    }
  }

  clear(): void {
    this.#timer?.abort();
    for (const group of this.#open.splice(0)) for (const item of group.items.values()) this.#options.onDrop(item, 'closed', true);
  }

  #nearest(atMs: number): Group<Item> | undefined {
    let nearest: Group<Item> | undefined;
    for (const group of this.#open) {
      const distanceMs = Math.abs(group.atMs - atMs);
      if (distanceMs <= this.#options.toleranceMs && (nearest === undefined || distanceMs < Math.abs(nearest.atMs - atMs))) nearest = group;
    }
    return nearest;
  }

  #arm(): void {
    if (this.#timer !== undefined || this.#open.length === 0) return;
    const timer = new AbortController();
    this.#timer = timer;
    const { clock } = this.#options;
    const firstDueMs = Math.min(...this.#open.map(group => group.dueMs));
    void clock.sleep(firstDueMs - clock.monotonicMs(), timer.signal).then(() => {
      this.#timer = undefined;
      const nowMs = clock.monotonicMs();
      const due = this.#open.findLast(group => group.dueMs <= nowMs);
      if (due !== undefined) this.emitUpTo(due.atMs);
      this.#arm();
    }, () => { /* the stream ended before the deadline */ });
  }
}
