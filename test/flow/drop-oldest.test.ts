import { map, Subject } from 'rxjs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { seededRandom } from '../../src/engine/seeded-random.ts';
import { dropOldest } from '../../src/flow/drop-oldest.ts';
import { latest } from '../../src/flow/latest.ts';
import { marbles } from '../support/marbles.ts';

test('works on one item at a time and lets go of the oldest that waits', () => {
  const dropped: string[] = [];
  marbles().run(({ hot, cold, expectObservable }) => {
    const source = hot('abcdef----------|');
    const result = source.pipe(dropOldest(2, { project: item => cold('---(r|)').pipe(map(() => item)), onDrop: (item, reason, isIntentional) => { dropped.push(`${item} ${reason} ${isIntentional}`); } }));
    expectObservable(result).toBe('---a--c--e--f----|'.slice(0, 16) + '|');
  });
  assert.equal(dropped, ['b stale false', 'd stale false']);
});

test('latest keeps only the newest that waits', () => {
  const dropped: string[] = [];
  marbles().run(({ hot, cold, expectObservable }) => {
    const result = hot('abcd---|').pipe(latest({ project: item => cold('-----(r|)').pipe(map(() => item)), onDrop: item => { dropped.push(item); } }));
    expectObservable(result).toBe('-----a----(d|)');
  });
  assert.equal(dropped, ['b', 'c']);
});

test('stays synchronous when the work is, however many items come', () => {
  const source = new Subject<number>();
  const got: number[] = [];
  source.pipe(dropOldest(1, { project: item => [item], onDrop: () => assert.unreachable() })).subscribe(item => { got.push(item); });
  for (let item = 0; item < 20_000; item += 1) { source.next(item); assert.is(got.length, item + 1); }
});

test('passes an error of the work on, and reports what waited as closed', () => {
  const source = new Subject<string>();
  const dropped: string[] = [];
  let failure: unknown;
  let fail: (error: Error) => void = () => {};
  source.pipe(dropOldest(3, { project: () => new Promise<never>((_resolve, reject) => { fail = reject; }), onDrop: (item, reason, isIntentional) => { dropped.push(`${item} ${reason} ${isIntentional}`); } }))
    .subscribe({ error(error) { failure = error; } });
  for (const item of ['a', 'b', 'c']) source.next(item);
  fail(new Error('broken'));
  return new Promise<void>(resolve => { setImmediate(resolve); }).then(() => {
    assert.is((failure as Error).message, 'broken');
    assert.equal(dropped, ['b closed true', 'c closed true']);
  });
});

test('a work that throws at once is an error of the stream', () => {
  const source = new Subject<string>();
  let failure: unknown;
  source.pipe(dropOldest(3, { project: () => { throw new Error('at once'); }, onDrop() {} })).subscribe({ error(error) { failure = error; } });
  source.next('a');
  assert.is((failure as Error).message, 'at once');
});

test('for random arrivals and work, never more than the bound waits and every item has one end', async () => {
  const seed = Math.floor(Math.random() * 1e9);
  console.log(`seed ${seed}`);
  const random = seededRandom(seed);
  for (let round = 0; round < 30; round += 1) {
    const bound = Math.floor(random.next() * 4);
    const source = new Subject<number>();
    const ends: number[] = [];
    let open = 0;
    let most = 0;
    let running = 0;
    const finished = new Promise<void>(resolve => {
      source.pipe(dropOldest(bound, {
        async project(item) {
          running += 1;
          assert.is(running, 1);
          for (let turns = random.next() * 4; turns > 0; turns -= 1) await Promise.resolve();
          running -= 1;
          open -= 1;
          return item;
        },
        onDrop(item) { open -= 1; ends.push(item); },
      })).subscribe({ next(item) { ends.push(item); }, complete: resolve });
    });
    for (let item = 0; item < 200; item += 1) {
      open += 1;
      source.next(item);
      most = Math.max(most, open);
      if (random.next() < 0.3) await Promise.resolve();
    }
    source.complete();
    await finished;
    assert.ok(most <= bound + 1, `seed ${seed}: ${most} open with a bound of ${bound} and one at work`);
    assert.equal(ends.toSorted((one, other) => one - other), Array.from({ length: 200 }, (_, index) => index));
  }
});

test.run();
