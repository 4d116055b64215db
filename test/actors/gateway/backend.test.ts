import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { createBackend, type BackendRoot } from '../../../actors/gateway/backend.ts';
import type { RemoteStore } from '../../../src/data-ops/remote-store.ts';
import type { Balance, CameraRow, CommittedRecord } from '../../../src/data-ops/store.ts';
import { PlatformError } from '../../../src/engine/errors.ts';
import type { CameraId } from '../../../src/engine/units.ts';
import type { CameraState } from '../../../src/serving-ops/service.ts';
import { detected } from '../../support/fake-backend.ts';
import { fakeClock, settle } from '../../support/fake-clock.ts';

const URI = 'rtsp://user:secret@camera.example:554/main';

/** A root in memory: commits are pushed by the test. */
function world(): {
  readonly root: BackendRoot; readonly clock: ReturnType<typeof fakeClock>; readonly rows: Map<CameraId, CameraRow>; readonly states: Map<CameraId, CameraState>;
  readonly removed: CameraId[]; readonly records: CommittedRecord[]; readonly balances: Balance[]; commit(camera: string): void; readonly stop: AbortController; followers: number;
} {
  const clock = fakeClock();
  const rows = new Map<CameraId, CameraRow>();
  const stop = new AbortController();
  const wake: (() => void)[] = [];
  const made = {
    clock, rows, states: new Map<CameraId, CameraState>(), removed: [] as CameraId[], records: [] as CommittedRecord[], balances: [] as Balance[], stop, followers: 0,
    commit(camera: string) {
      made.records.push({ id: made.records.length + 1, record: detected(camera, made.records.length) });
      for (const each of wake.splice(0)) each();
    },
  };
  const store = {
    lastRecordId: async () => made.records.length,
    recordsAfter: async (after: number, max: number, camera?: CameraId) => made.records.filter(({ id, record }) => id > after && (camera === undefined || record.camera === camera)).slice(0, max),
    balances: async () => made.balances,
  } as unknown as RemoteStore; // the calls that are made
  const root = {
    store, signal: stop.signal, board: { views: () => [], stateOf: (id: CameraId) => made.states.get(id) },
    camera: (id: CameraId) => rows.get(id), cameraRows: () => [...rows.values()],
    addCamera: async (row: CameraRow) => {
      if (rows.has(row.id)) throw new PlatformError('CAMERA_EXISTS', 'exists');
      rows.set(row.id, row);
    },
    removeCamera: async (id: CameraId) => { rows.delete(id); made.removed.push(id); },
    async *records(after: number, camera: CameraId | undefined, signal: AbortSignal) {
      const both = AbortSignal.any([signal, stop.signal]);
      made.followers += 1;
      try {
        for (let cursor = after; !both.aborted;) {
          const known = made.records.length;
          const batch = await store.recordsAfter(cursor, 2, camera);
          cursor = batch.at(-1)?.id ?? cursor;
          if (batch.length > 0) yield batch;
          else if (known === made.records.length) await new Promise<void>(resolve => { wake.push(resolve); both.addEventListener('abort', () => resolve(), { once: true }); });
        }
      } finally {
        made.followers -= 1;
      }
    },
  } as unknown as BackendRoot; // the rest is passed through
  return Object.assign(made, { root });
}

const backendOf = (made: ReturnType<typeof world>): ReturnType<typeof createBackend> =>
  createBackend(made.root, { sleep: (ms, signal) => made.clock.sleep(ms, signal), ownMetrics: async () => { throw new Error('not asked'); } });

/** Reads in the background. */
function reader(source: AsyncIterable<CommittedRecord>): { readonly ids: number[]; hasEnded: boolean } {
  const state = { ids: [] as number[], hasEnded: false };
  void (async () => {
    for await (const { id } of source) state.ids.push(id);
    state.hasEnded = true;
  })();
  return state;
}

test('readers of one URL, credentials aside, share a camera that goes some time after the last of them', async () => {
  const made = world();
  const backend = backendOf(made);
  const [one, other] = [new AbortController(), new AbortController()];
  const [first, second] = await Promise.all([backend.openStream(URI, one.signal), backend.openStream('rtsp://CAMERA.example/main', other.signal)]);
  assert.is(first.camera, second.camera);
  assert.is(made.rows.size, 1);
  one.abort();
  await made.clock.advance(60_000);
  assert.is(made.rows.size, 1);
  other.abort();
  await made.clock.advance(4_000);
  assert.is(made.rows.size, 1, 'it lingers for a client that comes back');
  await made.clock.advance(2_000);
  assert.equal(made.removed, [first.camera]);
});

test('a reader that comes and goes again while a camera lingers gives it its whole time anew', async () => {
  const made = world();
  const backend = backendOf(made);
  const open = async (): Promise<AbortController> => {
    const leaving = new AbortController();
    await backend.openStream(URI, leaving.signal);
    return leaving;
  };
  (await open()).abort();
  await made.clock.advance(3_000);
  (await open()).abort();
  await made.clock.advance(3_000);
  assert.is(made.rows.size, 1, 'three seconds after the last reader');
  await made.clock.advance(2_500);
  assert.is(made.rows.size, 0);
  await open();
  assert.is(made.rows.size, 1, 'the next reader opens it again');
});

test('a reader that left while its camera was being added does not hold it', async () => {
  const made = world();
  const leaving = new AbortController();
  const opening = backendOf(made).openStream(URI, leaving.signal);
  leaving.abort();
  await opening;
  await made.clock.advance(6_000);
  assert.is(made.rows.size, 0);
});

test('records end when the camera is removed, after everything that was committed of it', async () => {
  const made = world();
  const [camera, other] = ['a' as CameraId, 'b' as CameraId];
  const row = { id: camera, uri: URI, maxFps: null, isDetecting: true, isLooping: false };
  made.rows.set(camera, row);
  const seen = reader(backendOf(made).records({ camera, after: 0, signal: new AbortController().signal }));
  made.commit(camera);
  made.commit(other);
  await settle();
  assert.equal(seen.ids, [1]);
  made.rows.delete(camera);
  for (let count = 0; count < 5; count += 1) made.records.push({ id: made.records.length + 1, record: detected(camera, 9 + count) });
  assert.not.ok(seen.hasEnded);
  await made.clock.advance(300);
  assert.ok(seen.hasEnded);
  assert.equal(seen.ids, [1, 3, 4, 5, 6, 7]);
  assert.is(made.followers, 0);
});

test('records end when a finite source has ended and each of its frames has a record, not before', async () => {
  const made = world();
  const camera = 'a' as CameraId;
  made.rows.set(camera, { id: camera, uri: URI, maxFps: null, isDetecting: true, isLooping: false });
  const seen = reader(backendOf(made).records({ camera, after: 0, signal: new AbortController().signal }));
  const balance: Balance = { camera, epoch: 1, received: 2, detected: 1, dropped: {}, pending: 1, gaps: 0 };
  made.commit(camera);
  made.balances.push(balance, { ...balance, camera: 'b' as CameraId });
  made.states.set(camera, 'ended');
  await made.clock.advance(2_000);
  assert.not.ok(seen.hasEnded, 'a frame is pending');
  made.balances[0] = { ...balance, detected: 2, pending: 0 };
  made.commit(camera);
  await made.clock.advance(300);
  assert.ok(seen.hasEnded);
  assert.equal(seen.ids, [1, 2]);
});

test('records go on for a camera that waits or fails, and end with the reader and with the platform', async () => {
  const made = world();
  const camera = 'a' as CameraId;
  made.rows.set(camera, { id: camera, uri: URI, maxFps: null, isDetecting: true, isLooping: false });
  const backend = backendOf(made);
  const leaving = new AbortController();
  const [one, other] = [reader(backend.records({ camera, signal: leaving.signal })), reader(backend.records({ camera, signal: new AbortController().signal }))];
  made.states.set(camera, 'retrying');
  await made.clock.advance(60_000);
  assert.not.ok(one.hasEnded || other.hasEnded);
  leaving.abort();
  await settle();
  assert.ok(one.hasEnded && !other.hasEnded);
  made.stop.abort();
  await settle();
  assert.ok(other.hasEnded);
  assert.is(made.followers, 0);
  assert.is(made.clock.sleeping(), 0);
});

test('records of an unknown camera are refused by name', async () => {
  const made = world();
  try {
    for await (const _ of backendOf(made).records({ camera: 'nobody' as CameraId, signal: new AbortController().signal })) assert.unreachable();
    assert.unreachable();
  } catch (error) {
    assert.is((error as PlatformError).code, 'CAMERA_UNKNOWN');
  }
});

test.run();
