import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { CameraEdits } from '../../../actors/root/camera-edits.ts';
import type { CameraRow } from '../../../src/data-ops/store.ts';
import { PlatformError } from '../../../src/engine/errors.ts';
import { camera } from '../../support/ledger-fixtures.ts';

const ID = camera('gate');

function world() {
  const rows = new Map<string, CameraRow>([[ID, { id: ID, uri: 'rtsp://h/1', maxFps: null, isDetecting: true, isLooping: false }]]);
  const access = { rowOf: () => rows.get(ID), keep: async (row: CameraRow) => { await Promise.resolve(); rows.set(ID, row); } };
  return { rows, access, edits: new CameraEdits() };
}

const codeOf = (error: unknown): string => (error instanceof PlatformError ? error.code : String(error));

test('changes of one camera that are asked for at once all hold', async () => {
  const { rows, access, edits } = world();
  await Promise.all([
    edits.apply(ID, async row => { await Promise.resolve(); return { ...row, maxFps: 5 }; }, access),
    edits.apply(ID, row => ({ ...row, priority: 2 }), access),
    edits.apply(ID, row => ({ ...row, tenant: 'harbour' }), access),
  ]);
  assert.equal(rows.get(ID), { id: ID, uri: 'rtsp://h/1', maxFps: 5, isDetecting: true, isLooping: false, priority: 2, tenant: 'harbour' });
});

test('a change that is refused leaves the camera as it was, and those behind it go on', async () => {
  const { rows, access, edits } = world();
  const refused = edits.apply(ID, () => { throw new PlatformError('REQUEST_INVALID', 'no'); }, access).catch(codeOf);
  await edits.apply(ID, row => ({ ...row, maxFps: 5 }), access);
  assert.is(await refused, 'REQUEST_INVALID');
  assert.is(rows.get(ID)?.maxFps, 5);
});

test('a camera that goes while its change is looked at is not brought back', async () => {
  const { rows, access, edits } = world();
  const change = edits.apply(ID, async row => { await Promise.resolve(); rows.delete(ID); return row; }, access).catch(codeOf);
  assert.is(await change, 'CAMERA_UNKNOWN');
  assert.is(rows.size, 0);
  assert.is(await edits.apply(ID, row => row, access).catch(codeOf), 'CAMERA_UNKNOWN');
});

test.run();
