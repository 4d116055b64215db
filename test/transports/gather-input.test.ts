import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { gatherInput } from '../../src/transports/gather-input.ts';
import { createMemoryPort } from '../../src/transports/memory.ts';
import { NEVER, envelope } from '../support/envelopes.ts';
import { fakeClock, settle } from '../support/fake-clock.ts';

function world(target: number, waitMs: number) {
  const clock = fakeClock();
  const port = createMemoryPort<number>({ maxItems: 100, maxBytes: 1e9, sizeOf: () => 1 });
  const input = gatherInput(port.input, { target, waitMs: () => waitMs }, clock);
  const push = (body: number): Promise<void> => port.output.push([envelope(body)], NEVER);
  return { clock, port, input, push };
}

test('hands out as many as wanted as soon as they are there', async () => {
  const { input, push, clock } = world(3, 1_000);
  for (const body of [1, 2]) void push(body);
  const pulled = input.pull(10, NEVER);
  await settle();
  const third = push(3);
  const delivery = await pulled;
  assert.equal(delivery?.items.map(({ body }) => body), [1, 2, 3]);
  assert.is(clock.sleeping(), 0, 'no timer is left');
  await delivery?.ack();
  await third;
});

test('hands out what there is when the time is over', async () => {
  const { input, push, clock } = world(3, 10);
  void push(1);
  const pulled = input.pull(10, NEVER);
  await settle();
  void push(2);
  await clock.advance(10);
  assert.equal((await pulled)?.items.map(({ body }) => body), [1, 2]);
  void push(3);
  const next = input.pull(10, NEVER);
  await clock.advance(10);
  assert.equal((await next)?.items.map(({ body }) => body), [3], 'nothing was lost by giving up the wait');
});

test('at the end of the input hands out what there is, then the end', async () => {
  const { input, push, port } = world(3, 1_000);
  void push(1);
  const pulled = input.pull(10, NEVER);
  await settle();
  port.end();
  assert.equal((await pulled)?.items.map(({ body }) => body), [1]);
  assert.is(await input.pull(10, NEVER), undefined);
});

test('what is given back comes again in order, and an abort loses nothing', async () => {
  const { input, push, clock } = world(3, 10);
  for (const body of [1, 2]) void push(body);
  const stop = new AbortController();
  const pulled = input.pull(10, stop.signal);
  await settle();
  stop.abort(new Error('stop'));
  await (await pulled)?.nack(new Error('stop'));
  const again = input.pull(10, NEVER);
  await clock.advance(10);
  assert.equal((await again)?.items.map(({ body }) => body), [1, 2]);
});

test('one at a time sets no timer', async () => {
  const { input, push, clock } = world(1, 1_000);
  for (const body of [1, 2]) void push(body);
  assert.equal((await input.pull(10, NEVER))?.items.map(({ body }) => body), [1]);
  assert.is(clock.sleeping(), 0);
});

test.run();
