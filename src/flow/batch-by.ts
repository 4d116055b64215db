import { Observable, type ObservableInput, type OperatorFunction } from 'rxjs';
import type { Clock } from '../engine/clock.ts';
import { PlatformError } from '../engine/errors.ts';
import type { OnDrop } from './drop.ts';
import { serialProjector } from './serial-projector.ts';

/** Options of {@link batchBy}. */
export interface BatchByOptions<Item, Result> {
  /** Most items of a batch. */
  readonly max: number;
  /** A batch that is not full is projected this long after its first item came. */
  readonly withinMs: number;
  /** At the earliest so long after the batch before it began, unless it is full: many small ones become fewer larger ones, and one that comes alone waits for nothing. @default 0 */
  readonly restMs?: number;
  /** Most bytes of a batch, as `sizeOf` counts them; an item larger than this is a batch of its own. @default no limit */
  readonly maxBytes?: number;
  /** Bytes of an item. @default 0 */
  sizeOf?(item: Item): number;
  /** Items that may wait, including those of the next batch. More is an error: bound the source with credit. At least `max`. */
  readonly maxPending: number;
  readonly clock: Clock;
  /** The work; one batch at a time. */
  project(batch: readonly Item[]): ObservableInput<Result>;
  /** Told of the items that waited when the stream ended by error or unsubscription. */
  readonly onDrop?: OnDrop<Item>;
}

/**
 * Projects batches, one at a time: when full, or `withinMs` after the first item came and `restMs` after the batch before.
 * Bound: `maxPending` items wait. Loss: none; more than the bound ends the stream with OVERLOADED.
 */
export function batchBy<Item, Result>(options: BatchByOptions<Item, Result>): OperatorFunction<Item, Result> {
  return source => new Observable<Result>(subscriber => {
    const pending = new Pending(options);
    const projector = serialProjector<readonly Item[], Result>(subscriber, {
      take: () => pending.take(),
      isEmpty: () => pending.size === 0,
      project: batch => options.project(batch),
    });
    pending.onDue = () => projector.poke();
    subscriber.add(() => pending.clear());
    subscriber.add(source.subscribe({
      next(item) {
        pending.add(item);
        projector.poke();
        if (pending.size <= options.maxPending) return;
        subscriber.error(new PlatformError('OVERLOADED', `${pending.size} items wait for a batch`, { maxPending: options.maxPending }));
      },
      error(error) { subscriber.error(error); },
      complete() { pending.flush(); projector.finish(); },
    }));
  });
}

/** Items with the time they came, and the timer of the first. */
class Pending<Item, Result> {
  onDue: () => void = () => { /* set before the first item */ };
  readonly #options: BatchByOptions<Item, Result>;
  readonly #items: { readonly item: Item; readonly sizeBytes: number; readonly dueMs: number }[] = [];
  #bytes = 0;
  #takenAtMs = Number.NEGATIVE_INFINITY;
  #isFlushing = false;
  #timer: AbortController | undefined;

  constructor(options: BatchByOptions<Item, Result>) {
    this.#options = options;
  }

  get size(): number {
    return this.#items.length;
  }

  add(item: Item): void {
    const sizeBytes = this.#options.sizeOf?.(item) ?? 0;
    this.#bytes += sizeBytes;
    this.#items.push({ item, sizeBytes, dueMs: this.#options.clock.monotonicMs() + this.#options.withinMs });
  }

  /** From now on every batch is ready at once. */
  flush(): void {
    this.#isFlushing = true;
  }

  take(): readonly Item[] | undefined {
    const first = this.#items[0];
    if (first === undefined) return undefined;
    const { max, maxBytes = Infinity, restMs = 0, clock } = this.#options;
    const nowMs = clock.monotonicMs();
    const waitMs = Math.max(first.dueMs, this.#takenAtMs + restMs) - nowMs;
    if (!this.#isFlushing && this.#items.length < max && this.#bytes < maxBytes && waitMs > 0) { this.#arm(waitMs); return undefined; }
    this.#timer?.abort();
    this.#timer = undefined;
    this.#takenAtMs = nowMs;
    let count = 0;
    let bytes = 0;
    for (const { sizeBytes } of this.#items) {
      if (count === max || (count > 0 && bytes + sizeBytes > maxBytes)) break;
      count += 1;
      bytes += sizeBytes;
    }
    this.#bytes -= bytes;
    return this.#items.splice(0, count).map(each => each.item);
  }

  clear(): void {
    this.#timer?.abort();
    for (const { item } of this.#items.splice(0)) this.#options.onDrop?.(item, 'closed', true);
  }

  #arm(waitMs: number): void {
    if (this.#timer !== undefined) return;
    const timer = new AbortController();
    this.#timer = timer;
    void this.#options.clock.sleep(waitMs, timer.signal).then(
      () => { if (this.#timer === timer) { this.#timer = undefined; this.onDue(); } },
      () => { /* the batch was taken, or the stream ended, before its deadline */ },
    );
  }
}
