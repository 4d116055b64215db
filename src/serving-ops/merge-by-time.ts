import type { Clock } from '../engine/clock.ts';
import { abortable } from '../engine/abortable.ts';

/** Options of {@link mergeByTime}. */
export interface MergeByTimeOptions<Item> {
  /** Milliseconds; must not decrease within a source. */
  timeOf(item: Item): number;
  readonly clock: Clock;
  /** A source that gave nothing for this long is not waited for until it gives again. */
  readonly maxWaitMs: number;
  readonly signal: AbortSignal;
}

interface Head<Item> { readonly iterator: AsyncIterator<Item>; item?: Item; askedAtMs: number; isAsked: boolean; isEnded: boolean; failure?: { readonly error: unknown } }

function ask<Item>(head: Head<Item>, nowMs: number, wake: () => void): void {
  if (head.isAsked || head.isEnded || head.item !== undefined) return;
  head.isAsked = true;
  head.askedAtMs = nowMs;
  head.iterator.next().then((next) => {
    head.isAsked = false;
    if (next.done === true) head.isEnded = true;
    else head.item = next.value;
  }, (error: unknown) => { head.failure = { error }; }).finally(wake);
}

function takeOldest<Item>(heads: readonly Head<Item>[], timeOf: (item: Item) => number): Item | undefined {
  let oldest: Head<Item> | undefined;
  for (const head of heads) {
    if (head.item === undefined) continue;
    if (oldest?.item === undefined || timeOf(head.item) < timeOf(oldest.item)) oldest = head;
  }
  const item = oldest?.item;
  if (oldest !== undefined) delete oldest.item;
  return item;
}

/**
 * Merges sources in order of time, so that reading history keeps cameras in step however fast each is read. Holds one item per source.
 * Order is kept but for a source that was silent for `maxWaitMs`. The first failure of a source ends the whole.
 */
export async function* mergeByTime<Item>(sources: readonly AsyncIterator<Item>[], options: MergeByTimeOptions<Item>): AsyncGenerator<Item, void> {
  const { clock, maxWaitMs, signal } = options;
  const heads: Head<Item>[] = sources.map((iterator) => ({ iterator, askedAtMs: 0, isAsked: false, isEnded: false }));
  let wake = (): void => undefined;
  try {
    for (;;) {
      for (const head of heads) ask(head, clock.monotonicMs(), () => { wake(); });
      const failed = heads.find((head) => head.failure !== undefined);
      if (failed?.failure !== undefined) throw failed.failure.error;
      const nowMs = clock.monotonicMs();
      const awaited = heads.filter((head) => head.isAsked && nowMs - head.askedAtMs < maxWaitMs);
      if (awaited.length === 0) {
        const item = takeOldest(heads, options.timeOf);
        if (item !== undefined) { yield item; continue; }
        if (heads.every((head) => head.isEnded)) return;
      }
      const timer = new AbortController();
      const woken = new Promise<void>((resolve) => { wake = () => { timer.abort(); resolve(); }; });
      const dueMs = Math.max(...awaited.map((head) => head.askedAtMs + maxWaitMs));
      if (awaited.length > 0) clock.sleep(dueMs - nowMs, timer.signal).then(() => { wake(); }, () => undefined);
      try { await abortable(woken, signal); } finally { timer.abort(); }
    }
  } finally {
    for (const head of heads) void Promise.resolve(head.iterator.return?.()).catch(() => undefined); // may be busy: not waited for
  }
}
