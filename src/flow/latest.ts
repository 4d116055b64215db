import type { OperatorFunction } from 'rxjs';
import { dropOldest, type DropOldestOptions } from './drop-oldest.ts';

/** Projects one item at a time, then the newest that came meanwhile. Bound: 1 item waits. Loss: all but the newest, as `stale`, unintended. */
export function latest<Item, Result>(options: DropOldestOptions<Item, Result>): OperatorFunction<Item, Result> {
  return dropOldest(1, options);
}
