import { Subject } from 'rxjs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { PlatformError } from '../../src/engine/errors.ts';
import { seededRandom } from '../../src/engine/seeded-random.ts';
import { batchBy } from '../../src/flow/batch-by.ts';
import { fakeClock, settle } from '../support/fake-clock.ts';
import { marbles } from '../support/marbles.ts';

test('a full batch goes at once; the rest goes when the source completes', () => {
  marbles().run(({ hot, expectObservable }) => {
    const result = hot('abcde-|').pipe(batchBy({ max: 2, withinMs: 1000, maxPending: 10, clock: fakeClock(), project: batch => [batch.join('')] }));
    expectObservable(result).toBe('-p-q--(r|)', { p: 'ab', q: 'cd', r: 'e' });
  });
});

test('a batch that is not full goes withinMs after its first item', async () => {
  const clock = fakeClock();
  const source = new Subject<string>();
  const got: string[] = [];
  source.pipe(batchBy({ max: 10, withinMs: 100, maxPending: 10, clock, project: batch => [batch.join('')] })).subscribe(batch => { got.push(batch); });
  source.next('a');
  await clock.advance(60);
  source.next('b');
  await clock.advance(39);
  assert.equal(got, []);
  await clock.advance(1);
  assert.equal(got, ['ab']);
  source.next('c');
  await clock.advance(99);
  assert.equal(got, ['ab']);
  await clock.advance(1);
  assert.equal(got, ['ab', 'c']);
});

test('a batch that is not full rests restMs after the one before; one that comes later waits for nothing, and a full one neither', async () => {
  const clock = fakeClock();
  const source = new Subject<string>();
  const got: string[] = [];
  source.pipe(batchBy({ max: 3, withinMs: 1, restMs: 20, maxPending: 10, clock, project: batch => [batch.join('')] })).subscribe(batch => { got.push(batch); });
  source.next('a');
  await clock.advance(1);
  assert.equal(got, ['a']);
  source.next('b');
  await clock.advance(10);
  source.next('c');
  await clock.advance(9);
  assert.equal(got, ['a']);
  await clock.advance(1);
  assert.equal(got, ['a', 'bc']);
  for (const item of ['d', 'e', 'f', 'g']) source.next(item);
  assert.equal(got, ['a', 'bc', 'def']);
  await clock.advance(20);
  assert.equal(got, ['a', 'bc', 'def', 'g']);
  await clock.advance(40);
  source.next('h');
  await clock.advance(1);
  assert.equal(got.at(-1), 'h');
});

test('cuts batches by bytes, and a larger item is a batch of its own', () => {
  const source = new Subject<number>();
  const got: number[][] = [];
  source.pipe(batchBy({ max: 10, withinMs: 1000, maxBytes: 10, sizeOf: item => item, maxPending: 20, clock: fakeClock(), project: batch => [[...batch]] })).subscribe(batch => { got.push(batch); });
  for (const item of [4, 4, 4, 25, 1]) source.next(item);
  source.complete();
  assert.equal(got, [[4, 4], [4], [25], [1]]);
});

test('what comes while a batch is at work waits, up to maxPending; one more ends the stream', async () => {
  const source = new Subject<number>();
  const dropped: number[] = [];
  let failure: unknown;
  source.pipe(batchBy({ max: 2, withinMs: 10, maxPending: 3, clock: fakeClock(), project: () => new Promise<never>(() => {}), onDrop: item => { dropped.push(item); } }))
    .subscribe({ error(error) { failure = error; } });
  for (let item = 0; item < 5; item += 1) source.next(item);
  assert.is(failure, undefined);
  source.next(5);
  assert.is((failure as PlatformError).code, 'OVERLOADED');
  assert.equal(dropped, [2, 3, 4, 5]);
});

test('for random arrivals, batches keep order, lose nothing and never exceed their size or their deadline', async () => {
  const seed = Math.floor(Math.random() * 1e9);
  console.log(`seed ${seed}`);
  const random = seededRandom(seed);
  const clock = fakeClock();
  const source = new Subject<{ id: number; atMs: number }>();
  const got: number[] = [];
  let atWork = 0;
  const finished = new Promise<void>(resolve => {
    source.pipe(batchBy({
      max: 4, withinMs: 50, maxPending: 500, clock,
      async project(batch) {
        atWork += 1;
        assert.is(atWork, 1);
        assert.ok(batch.length >= 1 && batch.length <= 4);
        assert.ok(clock.monotonicMs() - (batch[0]?.atMs ?? 0) <= 50, `seed ${seed}`);
        await Promise.resolve();
        atWork -= 1;
        got.push(...batch.map(each => each.id));
        return undefined;
      },
    })).subscribe({ complete: resolve });
  });
  for (let id = 0; id < 300; id += 1) {
    source.next({ id, atMs: clock.monotonicMs() });
    if (random.next() < 0.5) await clock.advance(random.next() * 40);
  }
  source.complete();
  await finished;
  assert.equal(got, Array.from({ length: 300 }, (_, index) => index));
  await settle();
  assert.is(clock.sleeping(), 0);
});

test.run();
