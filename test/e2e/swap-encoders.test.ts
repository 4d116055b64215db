import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { openSqliteStore } from '../../src/data-ops/sqlite-store.ts';
import { systemClock } from '../../src/engine/system-clock.ts';
import type { CameraId } from '../../src/engine/units.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { until, VtoRun } from '../support/vto-run.ts';

const CAMERA = 'street' as CameraId;

/** Nothing counts as stale: every frame that was received is to be seen, however busy this machine is. */
const PATIENT = { VTO__VISION__STALENESS_MS: '60000' };

const SWAPS: readonly (readonly (string | { readonly name: string; readonly cell?: number })[])[] = [
  ['hog'], ['lbp', 'motion-energy'], [{ name: 'hog', cell: 12 }, 'lbp'], [], ['colour-histogram', 'motion-energy'],
];

interface Camera { readonly epoch: number; readonly counts: { readonly detected: number } }

test('encoders are swapped while a camera runs, and survive a killed vision process: the session goes on, every frame has one record, and features of exactly one set', async () => {
  const folder = temporaryFolder();
  const vto = await VtoRun.start({ data: folder, cameras: { [CAMERA]: 'synthetic://street?size=320x180&fps=30' }, env: PATIENT });
  const path = `/api/v1/cameras/${CAMERA}`;
  const seen = async (): Promise<number> => (await vto.get<Camera>(path))?.counts.detected ?? 0;
  await until(async () => await seen() > 5, 'the first detections', 60_000);
  for (const encoders of SWAPS) {
    const answer = await fetch(vto.url + path, { method: 'PATCH', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ encoders }) });
    assert.is(answer.status, 200, await answer.text());
    const before = await seen();
    await until(async () => await seen() > before + 15, 'frames with them', 60_000);
  }
  vto.kill('vision-0');
  const before = await seen();
  await until(async () => await seen() > before + 30, 'frames of the next vision process', 60_000);
  assert.is((await vto.get<Camera>(path))?.epoch, 1);
  assert.is((await vto.stop()).code, 0);

  const store = openSqliteStore(join(folder, 'store.sqlite'), { clock: systemClock, isReadOnly: true });
  const [balance, ...others] = store.balances();
  assert.equal(others, []);
  assert.equal([balance!.epoch, balance!.pending, balance!.gaps, balance!.dropped], [1, 0, 0, {}]);
  assert.is(balance!.detected, balance!.received);
  const records = store.recordsAfter(0, 1e6).map(({ record }) => (record.kind === 'detected' ? record.frameSeq : -1)).sort((a, b) => a - b);
  assert.equal(records, Array.from({ length: balance!.received }, (_, seq) => seq));

  const byFrame = new Map<number, string[]>();
  for (let after = 0; ;) {
    const page = store.features({ camera: CAMERA, after, max: 1000 });
    if (page.length === 0) break;
    for (const { feature: { frameSeq, encoder, shape } } of page) byFrame.set(frameSeq, [...byFrame.get(frameSeq) ?? [], `${encoder} ${shape.join('x')}`]);
    after = page.at(-1)!.id;
  }
  const sets = records.map(seq => (byFrame.get(seq) ?? []).sort().join(', '));
  const runs = sets.filter((set, index) => set !== sets[index - 1]);
  assert.equal(runs, [
    '', 'hog@1 8x15x2x2x9', 'lbp@1 3x4x10, motion-energy@1 6x8', 'hog@1 5x9x2x2x9, lbp@1 3x4x10', '', 'colour-histogram@1 3x16, motion-energy@1 6x8',
  ], 'each set once, in order, without a frame between that has part of one');
  console.log(`${records.length} frames, ${[...byFrame.values()].flat().length} features, ${SWAPS.length} swaps`);
  store.close();
});

test.run();
