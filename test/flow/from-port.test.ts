import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { seededRandom } from '../../src/engine/seeded-random.ts';
import { fromPort, type Credited } from '../../src/flow/from-port.ts';
import { createMemoryPort, type MemoryPort } from '../../src/transports/memory.ts';
import { envelope, NEVER } from '../support/envelopes.ts';
import { settle } from '../support/fake-clock.ts';

const port = (): MemoryPort<number> => createMemoryPort<number>({ maxItems: 100, maxBytes: 1e6, sizeOf: () => 1 });
const push = (into: MemoryPort<number>, count: number): void => {
  for (let body = 0; body < count; body += 1) into.output.push([envelope(body)], NEVER).catch(() => assert.unreachable());
};

test('never has more outstanding than its credit, and pulls again as items are settled', async () => {
  const link = port();
  push(link, 10);
  link.end();
  const got: Credited<number>[] = [];
  let isComplete = false;
  fromPort(link.input, { credit: 3, signal: NEVER }).subscribe({ next(item) { got.push(item); }, complete() { isComplete = true; } });
  await settle();
  assert.equal(got.map(each => each.envelope.body), [0, 1, 2]);
  got[0]?.settle();
  got[0]?.settle();
  await settle();
  assert.is(got.length, 4, 'settling twice gives no second credit');
  for (let index = 1; index < 10; index += 1) { got[index]?.settle(); await settle(2); }
  assert.is(got.length, 10);
  assert.ok(isComplete);
  assert.is(link.depth().items, 0);
});

test('acknowledges a delivery when all its items are settled; a failed one is given back whole', async () => {
  const link = port();
  push(link, 2);
  const got: Credited<number>[] = [];
  fromPort(link.input, { credit: 2, signal: NEVER }).subscribe(item => { got.push(item); });
  await settle();
  got[0]?.settle();
  await settle();
  assert.is(link.depth().items, 2);
  got[1]?.fail(new Error('no'));
  await settle();
  assert.equal(got.map(each => each.envelope.body), [0, 1, 0, 1]);
  got[2]?.settle();
  got[3]?.settle();
  await settle();
  assert.is(link.depth().items, 0);
});

test('completes when its signal aborts; what is outstanding can still be settled', async () => {
  const link = port();
  push(link, 3);
  const stop = new AbortController();
  const got: Credited<number>[] = [];
  let isComplete = false;
  fromPort(link.input, { credit: 2, signal: stop.signal }).subscribe({ next(item) { got.push(item); }, complete() { isComplete = true; } });
  await settle();
  stop.abort();
  await settle();
  assert.ok(isComplete);
  for (const item of got) item.settle();
  await settle();
  assert.is(link.depth().items, 1);
});

test('gives back what is outstanding when nobody reads any more', async () => {
  const link = port();
  push(link, 3);
  const subscription = fromPort(link.input, { credit: 2, signal: NEVER }).subscribe();
  await settle();
  subscription.unsubscribe();
  await settle();
  assert.equal((await link.input.pull(9, NEVER))?.items.map(each => each.body), [0, 1, 2]);
});

test('an error of the port is an error of the stream', async () => {
  let failure: unknown;
  fromPort({ pull: () => Promise.reject(new Error('gone')) }, { credit: 1, signal: NEVER }).subscribe({ error(error) { failure = error; } });
  await settle();
  assert.is((failure as Error).message, 'gone');
});

test('for random work, the credit is never exceeded and nothing is lost', async () => {
  const seed = Math.floor(Math.random() * 1e9);
  console.log(`seed ${seed}`);
  const random = seededRandom(seed);
  const link = createMemoryPort<number>({ maxItems: 7, maxBytes: 1e6, sizeOf: () => 1 });
  const seen = new Set<number>();
  let outstanding = 0;
  const finished = new Promise<void>((resolve, reject) => {
    fromPort(link.input, { credit: 5, signal: NEVER }).subscribe({
      next(item) {
        outstanding += 1;
        assert.ok(outstanding <= 5, `seed ${seed}`);
        const work = async (): Promise<void> => {
          for (let turns = random.next() * 5; turns > 0; turns -= 1) await Promise.resolve();
          outstanding -= 1;
          if (seen.size < 450 && random.next() < 0.1) { item.fail(new Error('again')); return; }
          seen.add(item.envelope.body);
          item.settle();
        };
        void work();
      },
      complete: resolve, error: reject,
    });
  });
  for (let body = 0; body < 500; body += 1) await link.output.push([envelope(body)], NEVER).catch(reject => { throw reject; });
  link.end();
  await finished;
  assert.is(seen.size, 500);
});

test.run();
