import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { mergeByTime } from '../../src/serving-ops/merge-by-time.ts';
import { fakeClock, settle } from '../support/fake-clock.ts';

/** A source the test feeds by hand. */
function hand(): { source: AsyncGenerator<number, void>; give(item: number): void; end(): void } {
  const items: (number | undefined)[] = [];
  let wake = (): void => undefined;
  async function* run(): AsyncGenerator<number, void> {
    for (;;) {
      while (items.length > 0) { const item = items.shift(); if (item === undefined) return; yield item; }
      await new Promise<void>((resolve) => { wake = resolve; });
    }
  }
  const put = (item: number | undefined): void => { items.push(item); wake(); };
  return { source: run(), give: put, end: () => { put(undefined); } };
}

function collect(sources: AsyncIterator<number>[], clock = fakeClock()): { got: number[]; done: Promise<unknown>; stop: AbortController; clock: typeof clock } {
  const stop = new AbortController();
  const got: number[] = [];
  const done = (async () => {
    for await (const item of mergeByTime(sources, { timeOf: (each) => each, clock, maxWaitMs: 1_000, signal: stop.signal })) got.push(item);
  })().then(() => 'end', (error: unknown) => error);
  return { got, done, stop, clock };
}

test('gives items of all sources in order of time, however fast each is', async () => {
  const [a, b] = [hand(), hand()];
  const { got, done } = collect([a.source, b.source]);
  for (const item of [1, 3, 5, 7]) a.give(item);
  a.end();
  await settle();
  assert.equal(got, [], 'nothing before the other source has spoken');
  for (const item of [2, 4, 9]) b.give(item);
  b.end();
  assert.is(await done, 'end');
  assert.equal(got, [1, 2, 3, 4, 5, 7, 9]);
});

test('waits for a silent source once, not for every item', async () => {
  const [a, b] = [hand(), hand()];
  const { got, clock, stop, done } = collect([a.source, b.source]);
  a.give(1);
  await clock.advance(999);
  assert.equal(got, []);
  await clock.advance(1);
  assert.equal(got, [1]);
  for (const item of [2, 3, 4]) a.give(item);
  await settle();
  assert.equal(got, [1, 2, 3, 4]);
  b.give(5);
  await settle();
  a.give(6);
  await clock.advance(1_000);
  assert.equal(got, [1, 2, 3, 4, 5, 6]);
  stop.abort(new Error('left'));
  assert.match(String(await done), 'left');
  assert.is(clock.sleeping(), 0);
});

test('a failing source fails the whole', async () => {
  async function* broken(): AsyncGenerator<number, void> { yield 1; await Promise.resolve(); throw new Error('torn'); }
  const other = hand();
  const { done } = collect([broken(), other.source]);
  other.give(2);
  assert.match(String(await done), 'torn');
});

test.run();
