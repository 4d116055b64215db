import { filter, type MonoTypeOperatorFunction } from 'rxjs';
import type { OnDrop } from './drop.ts';

/** Options of {@link stalenessBudget}. */
export interface StalenessBudgetOptions<Item> {
  /** Items older than this are not worth working on. */
  readonly budgetMs: number;
  /** Age of an item now, in milliseconds. */
  ageMs(item: Item): number;
  readonly onDrop: OnDrop<Item>;
}

/** Passes items that are young enough. Bound: holds nothing. Loss: items older than the budget, as `stale`, unintended. */
export function stalenessBudget<Item>(options: StalenessBudgetOptions<Item>): MonoTypeOperatorFunction<Item> {
  return filter(item => {
    if (options.ageMs(item) <= options.budgetMs) return true;
    options.onDrop(item, 'stale', false);
    return false;
  });
}
