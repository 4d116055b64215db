import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { seededRandom } from '../../src/engine/seeded-random.ts';
import { openReader } from '../../src/media/reader.ts';
import { makeClip } from './clip.ts';
import { eventually } from './eventually.ts';
import { readCounter, stamp } from './frame-counter.ts';
import { joinNalUnits, nalUnits } from './nal-units.ts';
import { spawnRtspServer } from './rtsp-server-process.ts';
import { startRtspServer } from './rtsp-server.ts';

test('a counter comes back from Annex B and from length-prefixed units, whatever its bytes', async () => {
  const seed = Math.floor(Math.random() * 2 ** 32);
  const random = seededRandom(seed);
  for (const codec of ['h264', 'hevc'] as const) {
    const { units } = await makeClip({ codec, frames: 10 });
    const counters = [0, 1, 2, 3, 255, 256, 768, 65_536, 2 ** 32, Number.MAX_SAFE_INTEGER, ...Array.from({ length: 200 }, () => Math.floor(random.next() * 2 ** 40))];
    for (const counter of counters) {
      const marked = stamp(units[counter % 2]!.data, counter, codec);
      assert.is(readCounter(marked, 'annexb', codec), counter, `seed ${seed}`);
      assert.is(readCounter(joinNalUnits(nalUnits(marked), 'length-prefixed'), 'length-prefixed', codec), counter, `seed ${seed}`);
      assert.is(readCounter(units[0]!.data, 'annexb', codec), null);
      assert.is(nalUnits(marked).length, nalUnits(units[counter % 2]!.data).length + 1);
    }
  }
});

test('as a process it serves cameras, carries out faults and tells what it sent', async () => {
  const server = await spawnRtspServer();
  const url = await server.add('cam', { frames: 20, gop: 5, fps: 50 }, { credentials: { user: 'u', password: 'p' } });
  const reader = await openReader({ uri: url, openTimeoutMs: 5000, skipProbe: true, libavOptions: { rtsp_transport: 'tcp' } });
  const seen: (number | null)[] = [];
  for (let index = 0; index < 30; index++) seen.push(readCounter((await reader.read())!.data));
  await server.fault('cam', { kind: 'stall' });
  const sent = await server.sent('cam');
  assert.equal(seen, sent.slice(0, 30).map(({ counter }) => counter));
  assert.ok(sent[0]!.isKey && sent.every(({ clientSession }) => clientSession === 1));
  const { produced, playing } = await server.state('cam');
  assert.ok(produced > sent.at(-1)!.counter && playing === 1);
  await reader.close();
  await server.state('nowhere').then(() => assert.unreachable(), (error: Error) => assert.match(error.message, "no path 'nowhere'"));
  await server.close();
});

test('no frame counts as sent before someone plays, and a listener can go away and come back on its port', async () => {
  const server = await startRtspServer();
  const path = server.addPath('cam', { content: await makeClip({ frames: 10, gop: 5, fps: 50 }) });
  await eventually(() => path.produced > 5, 'frames are produced');
  assert.is(path.sent.length, 0);
  await server.listen(false);
  assert.is(await reachable(server.port), false);
  await server.listen(true);
  assert.is(await reachable(server.port), true);
  await server.close();
});

function reachable(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket: Socket = connect(port, '127.0.0.1');
    socket.on('connect', () => { socket.destroy(); resolve(true); });
    socket.on('error', () => resolve(false));
  });
}

test.run();
