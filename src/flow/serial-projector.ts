import { from, Subscription, type ObservableInput, type Subscriber } from 'rxjs';

/** Where a {@link serialProjector} takes from and what it does. */
export interface SerialProjection<Item, Result> {
  /** The next item to work on; undefined when none is ready. */
  take(): Item | undefined;
  /** True when nothing waits any more: with a finished source, the stream is complete. */
  isEmpty(): boolean;
  project(item: Item): ObservableInput<Result>;
}

/** Runs projections one at a time. */
export interface SerialProjector {
  /** Something may be ready. */
  poke(): void;
  /** The source is complete: so is the subscriber, once nothing waits. */
  finish(): void;
}

/** Works on one item at a time, as soon as one is ready; a projection that answers at once keeps the whole path synchronous. */
export function serialProjector<Item, Result>(subscriber: Subscriber<Result>, work: SerialProjection<Item, Result>): SerialProjector {
  let isBusy = false;
  let isLooping = false;
  let isFinished = false;
  const running = new Subscription();
  subscriber.add(running);

  function start(item: Item): void {
    isBusy = true;
    let input: ObservableInput<Result>;
    try {
      input = work.project(item);
    } catch (error) {
      subscriber.error(error);
      return;
    }
    const inner = from(input).subscribe({
      next(result) { subscriber.next(result); },
      error(error) { subscriber.error(error); },
      complete() { isBusy = false; if (!isLooping) poke(); },
    });
    if (isBusy) { running.add(inner); inner.add(() => running.remove(inner)); }
  }

  function poke(): void {
    if (isLooping) return;
    isLooping = true; // a loop, not recursion: thousands of synchronous answers must not grow the stack
    while (!isBusy && !subscriber.closed) {
      const item = work.take();
      if (item === undefined) break;
      start(item);
    }
    isLooping = false;
    if (isFinished && !isBusy && work.isEmpty()) subscriber.complete();
  }

  return { poke, finish() { isFinished = true; poke(); } };
}
