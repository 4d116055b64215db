import { Observable, type ObservableInput, type OperatorFunction } from 'rxjs';
import type { OnDrop } from './drop.ts';
import { serialProjector } from './serial-projector.ts';

/** Options of {@link fairShare}. */
export interface FairShareOptions<Item, Result> {
  /** Whose share the item belongs to; a camera. */
  key(item: Item): string;
  /** Items of one key that may wait. */
  readonly maxPerKey: number;
  /** The work; one item at a time over all keys. `waiting`: items of the same key that still wait. */
  project(item: Item, state: { readonly waiting: number }): ObservableInput<Result>;
  /** Keys whose first item has a higher number go first; round robin among equals. Absent: all are equal. */
  priority?(item: Item): number;
  readonly onDrop?: OnDrop<Item>;
}

/**
 * Projects one item at a time, round robin over keys, so that one busy camera cannot starve the others.
 * Bound: `maxPerKey` items wait per key. Loss: the oldest of its own key, as `stale`, unintended.
 */
export function fairShare<Item, Result>(options: FairShareOptions<Item, Result>): OperatorFunction<Item, Result> {
  return source => new Observable<Result>(subscriber => {
    const shares = new Shares(options);
    const projector = serialProjector<Turn<Item>, Result>(subscriber, {
      take: () => shares.take(),
      isEmpty: () => shares.isEmpty(),
      project: turn => options.project(turn.item, turn),
    });
    subscriber.add(() => shares.clear());
    subscriber.add(source.subscribe({
      next(item) {
        shares.add(item);
        projector.poke();
        shares.trim(options.key(item));
      },
      error(error) { subscriber.error(error); },
      complete() { projector.finish(); },
    }));
  });
}

interface Turn<Item> { readonly item: Item; readonly waiting: number }

/** The waiting items. A map keeps its keys in the order they were put in: whose turn it was goes to the end. */
class Shares<Item, Result> {
  readonly #options: FairShareOptions<Item, Result>;
  readonly #queues = new Map<string, Item[]>();

  constructor(options: FairShareOptions<Item, Result>) {
    this.#options = options;
  }

  isEmpty(): boolean {
    return this.#queues.size === 0;
  }

  add(item: Item): void {
    const key = this.#options.key(item);
    const queue = this.#queues.get(key);
    if (queue === undefined) this.#queues.set(key, [item]);
    else queue.push(item);
  }

  trim(key: string): void {
    const queue = this.#queues.get(key);
    while (queue !== undefined && queue.length > this.#options.maxPerKey) this.#options.onDrop?.(queue.shift() as Item, 'stale', false);
    if (queue?.length === 0) this.#queues.delete(key);
  }

  take(): Turn<Item> | undefined {
    const key = this.#next();
    const queue = key === undefined ? undefined : this.#queues.get(key);
    if (key === undefined || queue === undefined) return undefined;
    const item = queue.shift() as Item; // a key without items is not kept
    this.#queues.delete(key);
    if (queue.length > 0) this.#queues.set(key, queue);
    return { item, waiting: queue.length };
  }

  clear(): void {
    for (const queue of this.#queues.values()) for (const item of queue) this.#options.onDrop?.(item, 'closed', true);
    this.#queues.clear();
  }

  #next(): string | undefined {
    const priority = this.#options.priority?.bind(this.#options);
    let best: string | undefined;
    let bestPriority = -Infinity;
    for (const [key, queue] of this.#queues) {
      if (priority === undefined) return key;
      const value = priority(queue[0] as Item);
      if (best !== undefined && value <= bestPriority) continue;
      best = key;
      bestPriority = value;
    }
    return best;
  }
}
