import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { gatherRows } from '../../../src/data-ops/archive/gather-rows.ts';
import type { ChunkRow } from '../../../src/data-ops/store.ts';
import { settle } from '../../support/fake-clock.ts';

const row = (camera: string, frameCount = 1): ChunkRow => ({
  camera, epoch: 1, chunkSeq: 0, path: `${camera}.mp4`, firstFrameSeq: 0, frameCount, startedAt: 0, endedAt: 0, sizeBytes: 1, isOpenGop: false, contentHash: null, isClosed: false, isExpired: false,
} as ChunkRow);

test('what comes while a call is under way goes together with the next one', async () => {
  const calls: string[][] = [];
  let release = (): void => undefined;
  const put = gatherRows(async rows => {
    calls.push(rows.map(({ camera }) => camera));
    await new Promise<void>(resolve => { release = resolve; });
  });
  const done: string[] = [];
  for (const camera of ['a', 'b', 'c']) void put([row(camera)]).then(() => { done.push(camera); });
  await settle();
  assert.equal([calls, done], [[['a']], []]);
  release();
  await settle();
  assert.equal([calls, done], [[['a'], ['b', 'c']], ['a']]);
  release();
  await settle();
  assert.equal(done, ['a', 'b', 'c']);
  void put([row('d')]);
  assert.equal(calls.at(-1), ['d'], 'at rest it goes at once');
});

test('rows that the index refuses fail their own recorder only', async () => {
  const taken: string[] = [];
  let release = (): void => undefined;
  const first = new Promise<void>(resolve => { release = resolve; });
  const put = gatherRows(async rows => {
    await first;
    if (rows.some(({ camera }) => camera === 'bad')) throw new Error('refused');
    taken.push(...rows.map(({ camera }) => camera));
  });
  const results = Promise.allSettled(['a', 'b', 'bad', 'c'].map(camera => put([row(camera)])));
  release();
  assert.equal((await results).map(({ status }) => status), ['fulfilled', 'fulfilled', 'rejected', 'fulfilled']);
  assert.equal(taken, ['a', 'b', 'c']);
});

test.run();
