import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { jsmpegHeader, ViewerQueues } from '../../../actors/preview/viewer-queue.ts';
import { PlatformError } from '../../../src/engine/errors.ts';

const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values);

function viewer(queues: ViewerQueues) {
  const leaving = new AbortController();
  const stream = queues.open(leaving.signal);
  return { leaving, size: async () => (await stream.next()).value?.byteLength, next: async () => { const { value } = await stream.next(); return value === undefined ? undefined : [...value]; } };
}

test('a viewer gets the header, then what comes from then on', async () => {
  const queues = new ViewerQueues();
  queues.begin(jsmpegHeader({ width: 640, height: 360 }));
  queues.give(bytes(1));
  const one = viewer(queues);
  const first = one.next();
  queues.give(bytes(2));
  queues.give(bytes(3));
  assert.equal(await first, [0x6a, 0x73, 0x6d, 0x70, 0x02, 0x80, 0x01, 0x68]);
  assert.equal([await one.next(), await one.next()], [[2], [3]]);
  one.leaving.abort();
  assert.is(await one.next(), undefined);
  assert.is(queues.count, 0);
});

test('what waits for a slow viewer is bounded, counted when it is forgotten, and delays no other', async () => {
  const queues = new ViewerQueues();
  const [slow, quick] = [viewer(queues), viewer(queues)];
  const first = [slow.next(), quick.next()];
  queues.give(bytes(0));
  await Promise.all(first);
  const large = new Uint8Array(1 << 20).fill(7);
  for (let index = 0; index < 20; index += 1) {
    const taken = quick.size();
    queues.give(large);
    assert.is(await taken, large.length);
  }
  assert.ok(queues.forgottenBytes >= 15 << 20 && queues.forgottenBytes < 20 << 20, `${queues.forgottenBytes}`);
  assert.is(await slow.size(), large.length, 'it goes on with what is newest');
});

test('a failure ends who waits and who comes, until it works again', async () => {
  const queues = new ViewerQueues();
  const refused = async (next: Promise<unknown>): Promise<string> => next.then(() => 'none', (error: unknown) => (error instanceof PlatformError ? error.code : String(error)));
  const waiting = refused(viewer(queues).next());
  queues.fail(new PlatformError('FFMPEG_MISSING', 'no ffmpeg'));
  assert.is(await waiting, 'FFMPEG_MISSING');
  assert.is(await refused(viewer(queues).next()), 'FFMPEG_MISSING');
  assert.is(queues.count, 0);
  queues.begin(bytes(9));
  const late = viewer(queues).next();
  queues.give(bytes(1));
  assert.equal(await late, [9]);
});

test.run();
