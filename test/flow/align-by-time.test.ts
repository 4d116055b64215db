import { map, Subject } from 'rxjs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { seededRandom } from '../../src/engine/seeded-random.ts';
import { alignByTime, type AlignByTimeOptions } from '../../src/flow/align-by-time.ts';
import { fakeClock } from '../support/fake-clock.ts';
import { marbles } from '../support/marbles.ts';

interface Item { readonly key: string; readonly atMs: number }
const item = (key: string, atMs: number): Item => ({ key, atMs });

function options(dropped: string[], clock = fakeClock()): AlignByTimeOptions<Item> {
  return {
    keys: ['a', 'b'], toleranceMs: 5, maxWaitMs: 100, clock, timeOf: each => each.atMs, keyOf: each => each.key,
    onDrop: (each, reason) => { dropped.push(`${each.key}${each.atMs} ${reason}`); },
  };
}

const show = ({ items, isComplete }: { items: ReadonlyMap<string, Item>; isComplete: boolean }): string =>
  `${[...items.values()].map(each => `${each.key}${each.atMs}`).toSorted().join('+')}${isComplete ? '' : '?'}`;

test('emits a group as soon as every key has an item of its instant', () => {
  marbles().run(({ hot, expectObservable }) => {
    const values = { a: item('a', 0), b: item('b', 4), c: item('b', 31), d: item('a', 33) };
    const result = hot('ab-cd|', values).pipe(alignByTime(options([])), map(show));
    expectObservable(result).toBe('-p--q|', { p: 'a0+b4', q: 'a33+b31' });
  });
});

test('a complete group first lets the older, incomplete ones go', () => {
  const got: string[] = [];
  const source = new Subject<Item>();
  source.pipe(alignByTime(options([])), map(show)).subscribe(each => { got.push(each); });
  for (const each of [item('a', 0), item('a', 33), item('b', 33)]) source.next(each);
  assert.equal(got, ['a0?', 'a33+b33']);
});

test('a group goes incomplete after maxWaitMs, and what comes later for it is late', async () => {
  const clock = fakeClock();
  const dropped: string[] = [];
  const got: string[] = [];
  const source = new Subject<Item>();
  source.pipe(alignByTime(options(dropped, clock)), map(show)).subscribe(each => { got.push(each); });
  source.next(item('a', 0));
  await clock.advance(50);
  source.next(item('a', 33));
  await clock.advance(49);
  assert.equal(got, []);
  await clock.advance(1);
  assert.equal(got, ['a0?']);
  source.next(item('b', 2));
  source.next(item('b', 33));
  assert.equal(dropped, ['b2 late']);
  assert.equal(got, ['a0?', 'a33+b33']);
});

test('reports second items of a key in one instant and items of unknown keys', () => {
  const dropped: string[] = [];
  const source = new Subject<Item>();
  source.pipe(alignByTime(options(dropped))).subscribe();
  for (const each of [item('a', 0), item('a', 1), item('z', 0)]) source.next(each);
  assert.equal(dropped, ['a1 late', 'z0 unknown-key']);
});

test('for random delays, every item is emitted once or reported once, in order of time, with a bounded number of open groups', async () => {
  const seed = Math.floor(Math.random() * 1e9);
  console.log(`seed ${seed}`);
  const random = seededRandom(seed);
  const clock = fakeClock();
  const dropped: string[] = [];
  const times: number[] = [];
  let emitted = 0;
  let sent = 0;
  const source = new Subject<Item>();
  source.pipe(alignByTime({ ...options(dropped, clock), maxOpen: 5 })).subscribe(group => { times.push(group.atMs); emitted += group.items.size; });
  const next: Record<string, number> = { a: 0, b: 0 };
  for (let step = 0; step < 400; step += 1) {
    const key = random.next() < 0.5 ? 'a' : 'b';
    next[key] = (next[key] ?? 0) + 33;
    if (random.next() < 0.8) { sent += 1; source.next(item(key, next[key] ?? 0)); }
    assert.ok(sent - emitted - dropped.length <= 10, `seed ${seed}: 5 groups of 2`);
    if (random.next() < 0.2) await clock.advance(random.next() * 60);
  }
  source.complete();
  assert.is(emitted + dropped.length, sent);
  assert.equal(times, times.toSorted((one, other) => one - other));
});

test.run();
