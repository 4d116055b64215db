import { Observable, type ObservableInput, type OperatorFunction } from 'rxjs';
import type { OnDrop } from './drop.ts';
import { serialProjector } from './serial-projector.ts';
import type { TimeShares } from './time-shares.ts';

/** Options of {@link fairShare}. */
export interface FairShareOptions<Item, Result> {
  /** Where the items wait, and who chooses among them. Told by others what each key's items take. */
  readonly shares: TimeShares<Item>;
  /** Whose share the item belongs to; a camera. As in `shares`. */
  key(item: Item): string;
  /** Items of one key that may wait. */
  readonly maxPerKey: number;
  /** Now, in the milliseconds of the deadlines. */
  nowMs(): number;
  /** The work; one item at a time over all keys: chosen when the one before is done. `waiting`: items of the same key that still wait. */
  project(item: Item, state: { readonly waiting: number }): ObservableInput<Result>;
  readonly onDrop?: OnDrop<Item>;
}

/**
 * Projects one item at a time, chosen by {@link TimeShares}: by deadline, and by shares of the time when there is not enough for all.
 * Bound: `maxPerKey` items wait per key. Loss: the oldest of its own key, as `stale`, unintended.
 */
export function fairShare<Item, Result>(options: FairShareOptions<Item, Result>): OperatorFunction<Item, Result> {
  const { shares, maxPerKey, onDrop } = options;
  return source => new Observable<Result>(subscriber => {
    const projector = serialProjector<{ readonly item: Item; readonly waiting: number }, Result>(subscriber, {
      take: () => shares.take(options.nowMs()),
      isEmpty: () => shares.isEmpty,
      project: turn => options.project(turn.item, turn),
    });
    subscriber.add(() => { for (const item of shares.clear()) onDrop?.(item, 'closed', true); });
    subscriber.add(source.subscribe({
      next(item) {
        const isFull = shares.add(item) > maxPerKey;
        projector.poke();
        if (!isFull) return;
        const key = options.key(item);
        while (shares.waiting(key) > maxPerKey) onDrop?.(shares.takeOldest(key) as Item, 'stale', false); // there is one: more than the bound wait
      },
      error(error) { subscriber.error(error); },
      complete() { projector.finish(); },
    }));
  });
}
