import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { createMemoryPort } from '../../src/transports/memory.ts';
import { transportContract } from '../contracts/transport-contract.ts';
import type { Block } from '../support/byte-codec.ts';
import { envelope, NEVER } from '../support/envelopes.ts';

transportContract('memory', async bounds => {
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

test.run();
