import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { createMemoryPort } from '../../src/transports/memory.ts';
import { transportContract } from '../contracts/transport-contract.ts';
import type { Block } from '../support/byte-codec.ts';
import { rollDice } from '../support/dice.ts';
import { envelope, NEVER } from '../support/envelopes.ts';
import { settle } from '../support/fake-clock.ts';

transportContract('memory', { acknowledgedBy: 'consumer' }, async bounds => {
  const port = createMemoryPort<Block>({ ...bounds, sizeOf: body => body.bytes.length });
  return { output: port.output, input: () => port.input, end: () => port.end(), depth: () => port.depth(), async close() { port.end(); } };
});

test('passes bodies by reference', async () => {
  const port = createMemoryPort<{ pixels: Uint8Array }>({ maxItems: 1, maxBytes: 10, sizeOf: body => body.pixels.length });
  const body = { pixels: new Uint8Array(4) };
  void port.output.push([envelope(body)], NEVER);
  assert.is((await port.input.pull(1, NEVER))?.items[0]?.body, body);
});

test('what is nacked after the end can be pulled again', async () => {
  const port = createMemoryPort<number>({ maxItems: 9, maxBytes: 10, sizeOf: () => 1 });
  void port.output.push([envelope(1)], NEVER);
  port.end();
  const delivery = await port.input.pull(1, NEVER);
  assert.is(await port.input.pull(1, NEVER), undefined);
  await delivery?.nack(new Error('again'));
  assert.is((await port.input.pull(1, NEVER))?.items[0]?.body, 1);
});

test('many waits on one signal hold one listener and no memory of those that are over', async () => {
  const port = createMemoryPort<number>({ maxItems: 9, maxBytes: 10, sizeOf: () => 1 });
  const stop = new AbortController();
  let listeners = 0;
  const add = stop.signal.addEventListener.bind(stop.signal);
  stop.signal.addEventListener = ((...args: Parameters<typeof add>) => { listeners += 1; add(...args); }) as typeof add;
  for (let count = 0; count < 100; count += 1) {
    const pushed = port.output.push([envelope(count)], stop.signal);
    await (await port.input.pull(1, stop.signal))?.ack();
    await pushed;
  }
  assert.is(listeners, 1);
});

test('a rendezvous takes a push only while a pull waits for it, and says so by its room', async () => {
  const port = createMemoryPort<number>({ maxItems: 99, maxBytes: 99, maxWaiting: 0, sizeOf: () => 0 });
  const log: string[] = [];
  void port.output.room(NEVER).then(() => { log.push('room'); });
  void port.output.push([envelope(1)], NEVER).then(() => { log.push('acknowledged'); });
  await settle();
  assert.equal([log, port.depth().items], [[], 0]);
  const first = await port.input.pull(5, NEVER);
  assert.equal(first?.items.map(item => item.body), [1]);
  await settle();
  assert.equal(log, [], 'the pull was answered by the push: there is no room for another');
  const next = port.input.pull(5, NEVER);
  await settle();
  assert.equal(log, ['room']);
  await first?.ack();
  await settle();
  assert.equal(log, ['room', 'acknowledged']);
  void port.output.push([envelope(2)], NEVER);
  assert.equal((await next)?.items.map(item => item.body), [2]);
});

test('a rendezvous whose pull was given up takes nothing, and at its end gives what waited', async () => {
  const port = createMemoryPort<number>({ maxItems: 99, maxBytes: 99, maxWaiting: 0, sizeOf: () => 0 });
  const leaving = new AbortController();
  const pull = port.input.pull(1, leaving.signal).catch(() => 'left');
  leaving.abort(new Error('left'));
  assert.is(await pull, 'left');
  void port.output.push([envelope(1)], NEVER);
  await settle();
  assert.is(port.depth().items, 0);
  port.end();
  assert.is((await port.input.pull(1, NEVER))?.items[0]?.body, 1);
  assert.is(await port.input.pull(1, NEVER), undefined);
});

test('with room for some to wait no more than those wait, in order, whoever pushes and pulls when', async () => {
  const dice = rollDice('memory port');
  for (let round = 0; round < 40; round += 1) {
    const maxWaiting = dice.between(0, 3);
    const port = createMemoryPort<number>({ maxItems: 6, maxBytes: 99, maxWaiting, sizeOf: () => 0 });
    const unpulled: number[] = [];
    let pulling = 0;
    let pushed = 0;
    const taken: number[] = [];
    const pull = async (): Promise<void> => {
      pulling += 1;
      const delivery = await port.input.pull(dice.between(1, 3), NEVER);
      pulling -= 1;
      if (!delivery) return;
      taken.push(...delivery.items.map(item => item.body));
      for (let turns = dice.between(0, 3); turns > 0; turns -= 1) await settle(1);
      await delivery.ack();
    };
    const done: Promise<void>[] = [];
    for (let step = 0; step < 60; step += 1) {
      if (dice.chance(0.6)) { unpulled.push(pushed); done.push(port.output.push([envelope(pushed++)], NEVER)); }
      if (dice.chance(0.5)) void pull();
      if (dice.chance(0.5)) await settle(1);
      assert.ok(port.depth().items <= 6, 'unacknowledged');
    }
    port.end();
    while (taken.length < pushed || pulling > 0) { if (pulling === 0) void pull(); await settle(1); }
    await Promise.all(done);
    assert.equal(taken, unpulled, `round ${round} with ${maxWaiting} waiting`);
    assert.is(port.depth().items, 0);
  }
});

test.run();
