import { Observable, type ObservableInput, type OperatorFunction } from 'rxjs';
import type { OnDrop } from './drop.ts';
import { serialProjector } from './serial-projector.ts';

/** Options of {@link dropOldest} and `latest`. */
export interface DropOldestOptions<Item, Result> {
  /** The work; one item at a time. */
  project(item: Item): ObservableInput<Result>;
  readonly onDrop: OnDrop<Item>;
}

/** Projects one item at a time. Bound: `maxWaiting` items wait. Loss: the oldest waiting one, as `stale`, unintended. */
export function dropOldest<Item, Result>(maxWaiting: number, options: DropOldestOptions<Item, Result>): OperatorFunction<Item, Result> {
  return source => new Observable<Result>(subscriber => {
    const waiting: Item[] = [];
    const projector = serialProjector<Item, Result>(subscriber, {
      take: () => waiting.shift(),
      isEmpty: () => waiting.length === 0,
      project: item => options.project(item),
    });
    subscriber.add(() => { for (const item of waiting.splice(0)) options.onDrop(item, 'closed', true); });
    subscriber.add(source.subscribe({
      next(item) {
        waiting.push(item);
        projector.poke();
        while (waiting.length > maxWaiting) {
          const [oldest] = waiting.splice(0, 1) as [Item]; // longer than maxWaiting, which is at least 0
          options.onDrop(oldest, 'stale', false);
        }
      },
      error(error) { subscriber.error(error); },
      complete() { projector.finish(); },
    }));
  });
}
