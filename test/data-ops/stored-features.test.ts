import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { openSqliteStore } from '../../src/data-ops/sqlite-store.ts';
import type { Store } from '../../src/data-ops/store.ts';
import { epochMicros } from '../../src/engine/units.ts';
import type { FeatureTensor } from '../../src/messages/feature-tensor.ts';
import { camera, frozenClock } from '../support/ledger-fixtures.ts';

interface Context { folder: string; open(): Store }

const test = suite<Context>('stored features');
const DOCK = camera('dock-2');
const ROOM = 1 << 30;

test.before.each((context) => {
  context.folder = mkdtempSync(join(tmpdir(), 'vto-features-'));
  context.open = () => openSqliteStore(join(context.folder, 'vto.db'), { clock: frozenClock, lockWaitMs: 0 });
});
test.after.each((context) => { rmSync(context.folder, { recursive: true, force: true }); });

function feature(frameSeq: number, changes: Partial<FeatureTensor> = {}): FeatureTensor {
  return {
    camera: DOCK, epoch: 1, frameSeq, capturedAt: epochMicros(1e15 + frameSeq * 1e6), arrivedAt: epochMicros(1e15), ptsSeconds: frameSeq / 10, modality: 'rgb', encoder: 'hog@1',
    dtype: 'float32', shape: [2], geometry: null, decodeMs: 1, encoding: 'raw', baseSeq: -1, payload: new Uint8Array(Float32Array.of(frameSeq, 0.5).buffer), ...changes,
  };
}

const seqs = (found: ReturnType<Store['features']>): readonly number[] => found.map(({ feature: { frameSeq } }) => frameSeq);

test('gives a feature back as it was put, also after the store was opened again', ({ open }) => {
  const store = open();
  const put = [feature(0), feature(1, { ptsSeconds: null, modality: 'thermal', encoder: 'onnx@0123456789ab', shape: [1, 2] })];
  assert.is(store.putFeatures(put, ROOM), 2);
  store.close();
  const again = open();
  const found = again.features({ camera: DOCK, max: 10 });
  assert.equal(found.map(({ feature: { payload, ...rest } }) => ({ ...rest, payload: new Uint8Array(payload) })), put);
  assert.equal(again.features({ camera: camera('nobody'), max: 10 }), []);
  again.close();
});

test('keeps one feature of a frame and encoder, however often it comes', ({ open }) => {
  const store = open();
  assert.is(store.putFeatures([feature(0), feature(0), feature(0, { encoder: 'lbp@1' })], ROOM), 2);
  assert.is(store.putFeatures([feature(0), feature(1), feature(0, { epoch: 2 })], ROOM), 2);
  assert.is(store.features({ camera: DOCK, max: 10 }).length, 4);
  store.close();
});

test('gives the newest without a place, and what follows one with it, of an encoder and a span of time', ({ open }) => {
  const store = open();
  for (let seq = 0; seq < 20; seq++) store.putFeatures([feature(seq), feature(seq, { encoder: 'lbp@1' }), feature(seq, { camera: camera('gate') })], ROOM);
  const all = store.features({ camera: DOCK, encoder: 'hog', max: 100 });
  assert.equal(seqs(all), Array.from({ length: 20 }, (_, index) => index));
  assert.equal(seqs(store.features({ camera: DOCK, encoder: 'hog@1', max: 3 })), [17, 18, 19]);
  assert.equal(seqs(store.features({ camera: DOCK, encoder: 'ho', max: 3 })), []);
  assert.equal(seqs(store.features({ camera: DOCK, encoder: 'hog', after: all[4]!.id, max: 3 })), [5, 6, 7]);
  assert.equal(seqs(store.features({ camera: DOCK, encoder: 'lbp', from: epochMicros(1e15 + 5e6), to: epochMicros(1e15 + 8e6), max: 9 })), [5, 6, 7]);
  assert.equal(store.features({ camera: DOCK, after: all.at(-1)!.id + 5, max: 3 }), []);
  store.close();
});

test('lets the oldest give way when there is no more room, and counts anew after it was opened again', ({ open }) => {
  const large = (seq: number): FeatureTensor => feature(seq, { payload: new Uint8Array(10_000) });
  let store = open();
  for (let seq = 0; seq < 30; seq++) store.putFeatures([large(seq)], 105_000);
  assert.equal(seqs(store.features({ camera: DOCK, max: 100 })), Array.from({ length: 10 }, (_, index) => 20 + index));
  store.close();
  store = open();
  store.putFeatures([large(30), large(31)], 105_000);
  assert.equal(seqs(store.features({ camera: DOCK, max: 100 })), Array.from({ length: 10 }, (_, index) => 22 + index));
  store.putFeatures([large(32)], 1);
  assert.equal(seqs(store.features({ camera: DOCK, max: 100 })), []);
  store.close();
});

test('answers with no more than a link carries, and at least with one', ({ open }) => {
  const store = open();
  for (let seq = 0; seq < 4; seq++) store.putFeatures([feature(seq, { payload: new Uint8Array(7 << 20) })], ROOM);
  assert.equal(seqs(store.features({ camera: DOCK, max: 100 })), [2, 3]);
  assert.equal(seqs(store.features({ camera: DOCK, after: 0, max: 100 })), [0, 1]);
  store.close();
});

test('deletes what is older than retention allows', ({ open }) => {
  const store = open();
  store.putFeatures([feature(0), feature(1), feature(2)], ROOM);
  store.pruneRecords(epochMicros(1e15 + 1.5e6));
  assert.equal(seqs(store.features({ camera: DOCK, max: 100 })), [2]);
  store.close();
});

test('keeps the encoders of a camera', ({ open }) => {
  const store = open();
  const row = { id: DOCK, uri: 'synthetic://street', maxFps: null, isDetecting: true, isLooping: false, encoders: [{ name: 'hog', options: { cell: 8 } }] };
  store.putCamera(row);
  store.close();
  const again = open();
  assert.equal(again.cameras(), [row]);
  again.close();
});

test('keeps the other sources of a camera, its tenant and its share', ({ open }) => {
  const store = open();
  const rows = [
    { id: camera('a'), uri: 'rtsp://u:p@h/1', maxFps: 5, isDetecting: false, isLooping: true, fallbacks: ['rtsp://u:p@h/2', '/footage/yard.mp4'], standby: 'warm' as const, restoreAfterMs: 500, tenant: 'harbour', priority: 2.5 },
    { id: camera('b'), uri: 'synthetic://street', maxFps: null, isDetecting: true, isLooping: false },
  ];
  for (const row of rows) store.putCamera(row);
  store.close();
  const again = open();
  assert.equal(again.cameras(), rows);
  again.close();
});

test('reads the cameras of a file of the version before', ({ open, folder }) => {
  const row = { id: DOCK, uri: 'synthetic://street', maxFps: null, isDetecting: true, isLooping: false, encoders: [{ name: 'hog', options: {} }] };
  const store = open();
  store.putCamera(row);
  store.close();
  const script = `const { DatabaseSync } = await import('node:sqlite'); const d = new DatabaseSync(${JSON.stringify(join(folder, 'vto.db'))}); d.exec('ALTER TABLE cameras DROP COLUMN wishes; PRAGMA user_version = 5'); d.close();`;
  assert.is(spawnSync(process.execPath, ['--input-type=module', '-e', script]).status, 0);
  const again = open();
  assert.equal(again.cameras(), [row]);
  again.putCamera({ ...row, tenant: 'harbour' });
  assert.equal(again.cameras(), [{ ...row, tenant: 'harbour' }]);
  again.close();
});

test.run();
