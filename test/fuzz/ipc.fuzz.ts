import { connect } from 'node:net';
import { join } from 'node:path';
import { serialize } from 'node:v8';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { PlatformError } from '../../src/engine/errors.ts';
import { seededRandom } from '../../src/engine/seeded-random.ts';
import { systemClock } from '../../src/engine/system-clock.ts';
import { connectIpc } from '../../src/transports/ipc/connect-ipc.ts';
import { FRAME, FRAME_HEAD, methodFrame, numbersFrame, resultFrame, startFrame } from '../../src/transports/ipc/frames.ts';
import { listenIpc } from '../../src/transports/ipc/listen-ipc.ts';
import { block, blockCodec } from '../support/byte-codec.ts';
import { eventually } from '../support/eventually.ts';
import { envelope } from '../support/envelopes.ts';
import { forEachCase, type FuzzRandom } from '../support/fuzz.ts';
import { damaged } from '../support/fuzz-damage.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const NUMBERS = [0, 1, 2, 3, 7, 100, 0xffff, 0x7fffffff, 0xffffffff];
const AT_ONCE = 20;

function hello(): Buffer {
  const frame = startFrame(FRAME.hello, 5);
  frame.write('VTOL', FRAME_HEAD, 'latin1');
  frame.writeUInt8(1, FRAME_HEAD + 4);
  return frame;
}

/** A frame as a peer may send it, mostly with senseless numbers. */
function anyFrame(random: FuzzRandom): Uint8Array {
  const number = (): number => random.pick(NUMBERS);
  const params = random.next() < 0.5 ? serialize({ a: [1, 'x', new Uint8Array(4)] }) : random.bytes(random.integer(60));
  switch (random.integer(6)) {
    case 0: return methodFrame(random.pick([FRAME.call, FRAME.stream]), number(), random.pick(['echo', 'count', '__proto__', '']), params);
    case 1: return numbersFrame(FRAME.subscribe, [number(), number(), number()], Buffer.from(random.pick(['blocks', 'nothing', ''])));
    case 2: return numbersFrame(random.pick([FRAME.credit, FRAME.ack, FRAME.unsubscribe, FRAME.attached, FRAME.end, FRAME.cancel, FRAME.streamCredit]), [number(), number(), number()].slice(0, 1 + random.integer(3)));
    case 3: return resultFrame(random.pick([FRAME.result, FRAME.streamEnd]), number(), random.next() < 0.5, params);
    case 4: return numbersFrame(FRAME.item, [number(), number(), number(), number(), number(), number()], random.bytes(random.integer(60)));
    default: return numbersFrame(random.integer(256), [number()], random.bytes(random.integer(30)));
  }
}

test('no peer breaks a link node: bad frames end their connection by name, others go on', async () => {
  const errors: unknown[] = [];
  const path = join(temporaryFolder(), 'n.sock');
  const server = await listenIpc({ path, clock: systemClock, random: seededRandom(1), onError: (error) => { errors.push(error); } });
  server.handle('echo', (params) => params);
  server.handleStream('count', async function* count() { for (let number = 0; number < 1000; number++) yield number; });
  const output = server.output('blocks', blockCodec, { maxItems: 100, maxBytes: 1 << 20 });
  const input = server.input('blocks', blockCodec, { maxItems: 10, maxBytes: 1 << 16 });
  const over = new AbortController();
  for (let index = 0; index < 20; index++) output.push([envelope(block(index))], over.signal).catch(() => undefined);
  void (async () => { for (;;) await (await input.pull(10, over.signal))?.ack(); })().catch((error: unknown) => { if (!over.signal.aborted) errors.push(error); });
  const underWay = new Set<Promise<void>>();
  await forEachCase('link', async (random) => {
    let bytes = Buffer.concat([...random.next() < 0.95 ? [hello()] : [], ...Array.from({ length: 1 + random.integer(6) }, () => anyFrame(random))]);
    if (random.next() < 0.5) bytes = Buffer.from(damaged(bytes, random));
    const one = new Promise<void>((resolve) => {
      const socket = connect(path, () => { socket.end(bytes); });
      socket.resume();
      socket.setTimeout(200, () => socket.destroy());
      socket.on('error', () => undefined);
      socket.on('close', () => resolve());
    });
    underWay.add(one);
    void one.then(() => underWay.delete(one));
    if (underWay.size >= AT_ONCE) await Promise.race(underWay);
  });
  await Promise.all(underWay);
  const strange = errors.filter((error) => !(error instanceof PlatformError) || !['LINK_INVALID', 'PORT_CLOSED', 'REQUEST_INVALID'].includes(error.code));
  assert.equal(strange.map((error) => (error instanceof Error ? error.stack : String(error))), []);
  const client = connectIpc({ path, clock: systemClock, random: seededRandom(1), backoffMs: 5 });
  assert.equal(await client.call('echo', { well: 1 }, AbortSignal.timeout(5000)), { well: 1 });
  let values = 0;
  for await (const _ of client.stream('count', null, AbortSignal.timeout(5000))) values++;
  assert.is(values, 1000);
  over.abort();
  await client.close();
  await server.close();
  await eventually(() => underWay.size === 0, 'all connections end');
});

test.run();
