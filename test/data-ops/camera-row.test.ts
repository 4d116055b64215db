import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { cameraRowOf, isSameRow, isSameSource, sourceOf, wishesOf } from '../../src/data-ops/camera-row.ts';
import type { CameraRow } from '../../src/data-ops/store.ts';
import { loadConfig } from '../../src/utility-ops/config/load-config.ts';
import { camera } from '../support/ledger-fixtures.ts';

const ROW: CameraRow = { id: camera('gate'), uri: 'rtsp://h/1', maxFps: null, isDetecting: true, isLooping: false };

test('a camera of the settings has in its row what was said of it, and no more', () => {
  const { cameras } = loadConfig({
    cwd: '/yard', flags: {
      cameras: [
        { id: 'a', uri: 'rtsp://h/1' },
        { id: 'b', uri: 'a.mp4', standby: 'cold', restoreAfterMs: 10_000, tenant: 'default', priority: 1 },
        { id: 'c', uri: 'rtsp://h/1', fallbacks: ['rtsp://h/2', 'b.mp4'], standby: 'warm', restoreAfterMs: 0, tenant: 'harbour', priority: 2 },
      ],
    },
  });
  assert.equal(cameras.map(cameraRowOf), [
    { ...ROW, id: 'a' },
    { ...ROW, id: 'b', uri: '/yard/a.mp4' },
    { ...ROW, id: 'c', fallbacks: ['rtsp://h/2', '/yard/b.mp4'], standby: 'warm', restoreAfterMs: 0, tenant: 'harbour', priority: 2 },
  ]);
});

test('only what the session is made of cuts a recording', () => {
  const goesOn: readonly Partial<CameraRow>[] = [{ maxFps: 5 }, { priority: 2 }, { tenant: 'harbour' }, { restoreAfterMs: 5 }, { encoders: [{ name: 'hog', options: {} }] }];
  for (const change of goesOn) assert.ok(isSameSource(ROW, { ...ROW, ...change }), Object.keys(change).join());
  const cut: readonly Partial<CameraRow>[] = [{ uri: 'rtsp://h/2' }, { fallbacks: ['a.mp4'] }, { standby: 'warm' }, { isLooping: true }, { pictures: { modality: 'depth', fps: null, metresPerStep: null, range: null } }];
  for (const change of cut) assert.not(isSameSource(ROW, { ...ROW, ...change }), Object.keys(change).join());
});

test('every field of a row tells it from others, whatever the order of its keys', () => {
  const changes: readonly Partial<CameraRow>[] = [{ maxFps: 5 }, { priority: 2 }, { tenant: 'harbour' }, { restoreAfterMs: 5 }, { fallbacks: ['a'] }, { standby: 'warm' }, { pictures: { modality: 'depth', fps: null, metresPerStep: null, range: null } }];
  for (const change of changes) {
    assert.not(isSameRow(ROW, { ...ROW, ...change }), Object.keys(change).join());
    const changed = { ...ROW, ...change };
    assert.ok(isSameRow(Object.fromEntries(Object.entries(changed).toReversed()) as unknown as CameraRow, changed), Object.keys(change).join());
  }
});

test('an ingest process is told nothing of limits, shares and encoders', () => {
  assert.equal(sourceOf({ ...ROW, ...wishesOf({ tenant: 'harbour', priority: 2, fallbacks: ['b.mp4'] }) }), { id: ROW.id, uri: ROW.uri, isDetecting: true, isLooping: false, fallbacks: ['b.mp4'] });
});

test.run();
