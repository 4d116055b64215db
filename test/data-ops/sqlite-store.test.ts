import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { PlatformError } from '../../src/engine/errors.ts';
import { epochMicros } from '../../src/engine/units.ts';
import { openSqliteStore } from '../../src/data-ops/sqlite-store.ts';
import type { Store } from '../../src/data-ops/store.ts';
import type { TerminalRecord } from '../../src/messages/terminal-record.ts';
import { rollDice } from '../support/dice.ts';
import { camera, chunkRow, detected, dropped, frozenClock } from '../support/ledger-fixtures.ts';

interface Context { folder: string; file: string; open(): Store }

const test = suite<Context>('sqlite-store');
const DOCK = camera('dock-2');
const GATE = camera('gate');

test.before.each((context) => {
  context.folder = mkdtempSync(join(tmpdir(), 'vto-store-'));
  context.file = join(context.folder, 'private', 'vto.db');
  context.open = () => openSqliteStore(context.file, { clock: frozenClock, lockWaitMs: 0 });
});
test.after.each((context) => { rmSync(context.folder, { recursive: true, force: true }); });

const code = (work: () => unknown): string => {
  try { work(); } catch (error) { return error instanceof PlatformError ? error.code : String(error); }
  return 'none';
};

test('gives a record back exactly as it was appended', ({ open }) => {
  const store = open();
  const records: readonly TerminalRecord[] = [detected(DOCK, 1, 0), { ...detected(DOCK, 1, 1), ptsSeconds: null, boxes: [] }, dropped(DOCK, 1, 2, 9, 'rate'), { ...detected(GATE, 3, 7), provider: 'cuda' }];
  const { committed, repeated } = store.append(records);
  assert.is(repeated, 0);
  assert.equal(committed.map(({ record }) => record), records);
  store.close();
  const again = open();
  assert.equal(again.recordsAfter(0, 100), committed);
  assert.equal(again.recordsAfter(0, 2), committed.slice(0, 2));
  assert.equal(again.recordsAfter(committed[0]!.id, 100, GATE), [committed[3]!]);
  assert.equal(again.recordsAfter(0, 100, camera('nobody')), []);
  assert.is(again.lastRecordId(), committed[3]!.id);
  again.close();
});

test('keeps one terminal record a frame through overlapping, repeated and reordered records', ({ open }) => {
  const dice = rollDice('append');
  for (let round = 0; round < 20; round += 1) {
    const epoch = round + 1;
    let store = open();
    const oracle = new Map<number, string>();
    const counted = new Map<string, number>();
    for (let step = 0; step < 30; step += 1) {
      const batch = Array.from({ length: dice.between(1, 8) }, (): TerminalRecord => {
        const from = dice.between(0, 120);
        return dice.chance(0.5) ? detected(DOCK, epoch, from) : dropped(DOCK, epoch, from, from + dice.between(0, 12), dice.pick(['not-wanted', 'stale', 'rate']));
      });
      let fresh = 0;
      let total = 0;
      for (const record of batch) {
        const [from, to, kind] = record.kind === 'detected' ? [record.frameSeq, record.frameSeq, 'detected'] : [record.from, record.to, record.reason];
        for (let frame = from; frame <= to; frame += 1) {
          total += 1;
          if (oracle.has(frame)) continue;
          oracle.set(frame, kind);
          counted.set(kind, (counted.get(kind) ?? 0) + 1);
          fresh += 1;
        }
      }
      const { committed, repeated } = store.append(batch);
      assert.is(repeated, total - fresh);
      assert.is(committed.reduce((sum, { record }) => sum + (record.kind === 'detected' ? 1 : record.to - record.from + 1), 0), fresh);
      if (dice.chance(0.2)) {
        store.close();
        store = open();
      }
    }
    const found = new Map<number, string>();
    let lastId = 0;
    for (const { id, record } of store.recordsAfter(0, 1e6, DOCK)) {
      assert.ok(id > lastId, 'ids grow in commit order');
      lastId = id;
      if (record.epoch !== epoch) continue;
      const [from, to, kind] = record.kind === 'detected' ? [record.frameSeq, record.frameSeq, 'detected'] : [record.from, record.to, record.reason];
      for (let frame = from; frame <= to; frame += 1) {
        assert.not(found.has(frame), `frame ${frame} has two records`);
        found.set(frame, kind);
      }
    }
    assert.equal([...found].sort((a, b) => a[0] - b[0]), [...oracle].sort((a, b) => a[0] - b[0]));
    const balance = store.balances().find((one) => one.epoch === epoch)!;
    assert.is(balance.detected, counted.get('detected') ?? 0);
    for (const reason of ['not-wanted', 'stale', 'rate'] as const) assert.is(balance.dropped[reason] ?? 0, counted.get(reason) ?? 0);
    assert.is(balance.received, oracle.size);
    assert.is(balance.pending, 0);
    for (let frame = 0; frame < 140; frame += 1) assert.is(store.hasRecord({ camera: DOCK, epoch, frameSeq: frame }), oracle.has(frame));
    store.close();
  }
});

test('balances what chunks hold against the records, whichever comes first', ({ open }) => {
  const store = open();
  store.putChunks([chunkRow({ camera: DOCK, epoch: 1, chunkSeq: 0, frameCount: 10 })]);
  assert.equal(store.unaccounted(DOCK), [{ epoch: 1, ranges: [{ from: 0, to: 9 }] }]);
  store.append([dropped(DOCK, 1, 2, 3), detected(DOCK, 1, 9), detected(DOCK, 1, 10)]);
  const [balance] = store.balances();
  assert.equal({ ...balance }, { camera: DOCK, epoch: 1, received: 11, detected: 2, dropped: { 'not-wanted': 2 }, pending: 7, gaps: 0, pruned: 0 });
  assert.equal(store.unaccounted(DOCK), [{ epoch: 1, ranges: [{ from: 0, to: 1 }, { from: 4, to: 8 }] }]);
  store.putChunks([chunkRow({ camera: DOCK, epoch: 1, chunkSeq: 0, frameCount: 11, isClosed: true, contentHash: 'ff' }), chunkRow({ camera: DOCK, epoch: 1, chunkSeq: 1, firstFrameSeq: 11, frameCount: 2 })]);
  assert.is(store.balances()[0]?.received, 13);
  store.close();
  const again = open();
  assert.is(again.balances()[0]?.pending, 9);
  assert.equal(again.unaccounted(DOCK), [{ epoch: 1, ranges: [{ from: 0, to: 1 }, { from: 4, to: 8 }, { from: 11, to: 12 }] }]);
  again.putChunks([chunkRow({ camera: DOCK, epoch: 1, chunkSeq: 1, firstFrameSeq: 11, frameCount: 1 })]);
  assert.is(again.balances()[0]?.received, 12, 'frames that recovery did not find are no longer received');
  again.close();
});

test('leaves no trace of a batch that failed', ({ open }) => {
  const store = open();
  store.append([detected(DOCK, 1, 0)]);
  const unstorable = { ...detected(DOCK, 1, 3), capturedAt: undefined } as unknown as TerminalRecord;
  assert.is(code(() => store.append([detected(DOCK, 1, 1), detected(GATE, 1, 1), unstorable])), 'STORE_FAILED');
  assert.not(store.hasRecord({ camera: DOCK, epoch: 1, frameSeq: 1 }));
  assert.is(store.balances().length, 1);
  assert.is(store.append([detected(DOCK, 1, 1), detected(GATE, 1, 1)]).committed.length, 2);
  assert.is(store.recordsAfter(0, 10).length, 3);
  assert.is(code(() => store.append([dropped(DOCK, 1, 5, 4)])), 'REQUEST_INVALID');
  store.close();
});

test('reserves epochs that only grow, also above epochs it learned from records', ({ open }) => {
  const store = open();
  const at = epochMicros(1);
  assert.equal([store.nextEpoch(DOCK, at), store.nextEpoch(DOCK, at), store.nextEpoch(GATE, at)], [1, 2, 1]);
  store.append([detected(DOCK, 7, 0)]);
  store.close();
  const again = open();
  assert.is(again.nextEpoch(DOCK, at), 8);
  assert.is(again.nextEpoch(GATE, at), 2);
  assert.equal(again.balances().map(({ epoch }) => epoch), [7], 'an epoch without frames has no balance');
  again.close();
});

test('lists, closes and expires chunks in the order they were indexed', ({ open }) => {
  const store = open();
  const rows = [0, 1, 2, 3].map((chunkSeq) => chunkRow({ camera: chunkSeq % 2 === 0 ? DOCK : GATE, epoch: 1, chunkSeq, firstFrameSeq: chunkSeq * 10, frameCount: 10, sizeBytes: 100, isClosed: chunkSeq < 3, startedAt: epochMicros(1000 - chunkSeq) }));
  store.putChunks(rows);
  assert.equal(store.chunks({}), [rows[0]!, rows[2]!, rows[1]!, rows[3]!]);
  assert.equal(store.chunks({ camera: GATE, onlyOpen: true }), [rows[3]!]);
  assert.equal(store.chunks({ camera: GATE, onlyOfEpoch: 2 }), []);
  assert.equal(store.chunks({ camera: camera('nobody') }), []);
  assert.equal(store.expireChunks(400), []);
  assert.equal(store.expireChunks(250).map(({ chunkSeq }) => chunkSeq), [0, 1]);
  assert.equal(store.expireChunks(0).map(({ chunkSeq }) => chunkSeq), [2], 'an open chunk stays');
  store.putChunks([rows[0]!]);
  assert.ok(store.chunks({ camera: DOCK })[0]?.isExpired, 'an older row does not bring the file back');
  assert.is(store.balances().reduce((sum, { received }) => sum + received, 0), 40);
  store.close();
});

test('keeps counts and the ledger when records are pruned', ({ open }) => {
  const store = open();
  store.append([...Array.from({ length: 20 }, (_, frame) => detected(DOCK, 1, frame)), dropped(DOCK, 1, 20, 29)]);
  const before = store.balances()[0]!;
  const lastId = store.lastRecordId();
  assert.is(store.pruneRecords(epochMicros(1_700_000_000_000_000 + 5 * 40_000)), 5);
  assert.equal(store.balances()[0], { ...before, pruned: 5 });
  assert.is(store.pruneRecords(epochMicros(2 ** 52)), 16);
  assert.is(store.pruneRecords(epochMicros(2 ** 52)), 0);
  store.close();
  const again = open();
  assert.equal(again.balances()[0], { ...before, pruned: 30 });
  assert.is(again.append([detected(DOCK, 1, 3)]).repeated, 1);
  assert.is(again.lastRecordId(), lastId);
  assert.ok(again.append([detected(DOCK, 1, 30)]).committed[0]!.id > lastId, 'ids are never used twice');
  again.close();
});

test('keeps cameras and events, and counts a gap on the epoch it follows', ({ open }) => {
  const store = open();
  const at = epochMicros(5);
  store.putCamera({ id: GATE, uri: 'rtsp://user:secret@10.0.0.1/a', maxFps: 2.5, isDetecting: true, isLooping: false });
  const depth = { id: DOCK, uri: 'file:///a', maxFps: null, isDetecting: false, isLooping: true, pictures: { modality: 'depth', fps: 5, metresPerStep: 0.0002, range: [0.5, 4] } } as const;
  store.putCamera(depth);
  assert.equal(store.cameras().map(({ id, maxFps }) => [id, maxFps]), [[DOCK, null], [GATE, 2.5]]);
  assert.equal(store.cameras()[0], depth);
  assert.not('pictures' in store.cameras()[1]!);
  assert.ok(store.deleteCamera(DOCK));
  assert.not(store.deleteCamera(DOCK));
  store.putChunks([
    chunkRow({ camera: GATE, epoch: 1, chunkSeq: 0, frameCount: 2, startedAt: epochMicros(100) }),
    chunkRow({ camera: GATE, epoch: 2, chunkSeq: 0, frameCount: 2, startedAt: epochMicros(500) }),
  ]);
  store.putEvents([
    { type: 'camera-state', camera: GATE, at, state: 'live' },
    { type: 'gap', camera: GATE, at, from: epochMicros(200), to: epochMicros(500), reason: 'killed' },
    { type: 'process', at, process: 'root', state: 'started', generation: 1 },
  ]);
  store.putEvents([{ type: 'gap', camera: GATE, at: epochMicros(9), from: epochMicros(200), to: epochMicros(500), reason: 'told again' }]);
  // Was told twice after a camera had been elsewhere meanwhile: recovery knows only where its own footage ended.
  store.putEvents([{ type: 'gap', camera: GATE, at: epochMicros(9), from: epochMicros(100), to: epochMicros(500), reason: 'told with less known' }]);
  // Most of it was back-filled since: what is left was told with the rest.
  store.putEvents([{ type: 'gap', camera: GATE, at: epochMicros(9), from: epochMicros(480), to: epochMicros(500), reason: 'told as what is left' }]);
  assert.equal(store.balances().map(({ gaps }) => gaps), [1, 0]);
  assert.equal(store.events({ max: 2 }).map(({ type }) => type), ['gap', 'process']);
  assert.equal(store.events({ max: 9, camera: GATE }).map(({ type }) => type), ['camera-state', 'gap']);
  store.close();
});

test('takes what was read from topics together with how far, so that a restart goes on behind it', ({ open }) => {
  const store = open();
  const offsets = [{ topic: 'vto.detections', partition: 3, offset: 12 }, { topic: 'vto.events', partition: 0, offset: 1 }];
  const at = epochMicros(7);
  const first = store.appendFrom({ records: [detected(DOCK, 1, 0), detected(DOCK, 1, 1)], events: [{ type: 'camera-state', camera: DOCK, at, state: 'live' }], offsets });
  assert.is(first.committed.length, 2);
  assert.equal(store.logOffsets(), offsets);
  const again = store.appendFrom({ records: [detected(DOCK, 1, 1), detected(DOCK, 1, 2)], events: [{ type: 'camera-state', camera: DOCK, at, state: 'live' }], offsets: [{ topic: 'vto.detections', partition: 3, offset: 14 }] });
  assert.equal([again.committed.length, again.repeated], [1, 1], 'what is read a second time is not told a second time');
  assert.is(store.events({ max: 9 }).length, 1);
  store.close();
  const reopened = open();
  assert.equal(reopened.logOffsets().map(({ offset }) => offset), [14, 1]);
  reopened.close();
});

test('keeps neither records nor offsets of a batch that it refuses', ({ open }) => {
  const store = open();
  const batch = { events: [], offsets: [{ topic: 'vto.detections', partition: 0, offset: 5 }] };
  assert.is(code(() => store.appendFrom({ ...batch, records: [detected(DOCK, 1, 0), dropped(DOCK, 1, 9, 2)] })), 'REQUEST_INVALID');
  assert.is(code(() => store.appendFrom({ ...batch, records: [detected(DOCK, 1, 0), detected(DOCK, 1.5, 1)] })), 'STORE_FAILED');
  assert.equal(store.logOffsets(), []);
  assert.is(store.lastRecordId(), 0);
  assert.equal(store.appendFrom({ ...batch, records: [detected(DOCK, 1, 0)] }).committed.map(({ record }) => record), [detected(DOCK, 1, 0)], 'the frame is still without a record');
  store.close();
});

test('knows what other nodes received by what they say, and balances it', ({ open }) => {
  const store = open();
  const received = (epoch: number, count: number) => ({ type: 'received', camera: DOCK, at: epochMicros(1), epoch, received: count, node: 'a' }) as const;
  const balance = () => store.balances().map(({ epoch, received: count, detected: ended, pending, gaps }) => [epoch, count, ended, pending, gaps]);
  store.putEvents([received(1, 10)]);
  store.append([detected(DOCK, 1, 0), dropped(DOCK, 1, 1, 3)]);
  assert.equal(balance(), [[1, 10, 1, 6, 0]]);
  store.putEvents([received(1, 12), received(1, 8)]);
  assert.equal(balance(), [[1, 8, 1, 4, 0]], 'the newest count stands, also a smaller one');
  store.append([detected(DOCK, 2, 0)]);
  store.putEvents([{ type: 'gap', camera: DOCK, at: epochMicros(5), from: epochMicros(3), to: epochMicros(4), reason: 'node lost' }]);
  assert.equal(balance(), [[1, 8, 1, 4, 1], [2, 1, 1, 0, 0]], 'a record that is ahead of its count draws no gap');
  store.putEvents([received(2, 0)]);
  assert.equal(store.events({ max: 9 }).map(({ type }) => type), ['gap'], 'counts are no events that anybody reads');
  assert.equal(store.unaccounted(DOCK), [{ epoch: 1, ranges: [{ from: 4, to: 7 }] }]);
  store.close();
  const reopened = open();
  assert.equal(reopened.balances().map(({ received: count }) => count), [8, 1]);
  reopened.close();
});

test('is readable by its owner alone', ({ open, file, folder }) => {
  const store = open();
  store.putCamera({ id: GATE, uri: 'rtsp://user:secret@10.0.0.1/a', maxFps: null, isDetecting: true, isLooping: false });
  const mode = (path: string): string => (statSync(path).mode & 0o777).toString(8);
  assert.is(mode(join(folder, 'private')), '700');
  assert.equal([mode(file), mode(`${file}-wal`), mode(`${file}.lock`)], ['600', '600', '600']);
  store.close();
});

test('is refused to a second owner and shown to a reader as it was', ({ open, file }) => {
  const store = open();
  store.append([detected(DOCK, 1, 0)]);
  assert.is(code(open), 'STORE_LOCKED');
  const reader = openSqliteStore(file, { clock: frozenClock, isReadOnly: true });
  store.append([detected(DOCK, 1, 1)]);
  assert.is(reader.recordsAfter(0, 10).length, 1);
  assert.is(reader.balances()[0]?.received, 1);
  assert.is(code(() => reader.append([detected(DOCK, 1, 2)])), 'STORE_FAILED');
  reader.close();
  store.close();
  open().close();
});

test('refuses a file of a newer version and a file that is no database', ({ open, file }) => {
  open().close();
  const script = `const { DatabaseSync } = await import('node:sqlite'); const d = new DatabaseSync(${JSON.stringify(file)}); d.exec('PRAGMA user_version = 99'); d.close();`;
  return new Promise<void>((resolve, reject) => {
    spawn(process.execPath, ['--input-type=module', '-e', script]).on('exit', resolve).on('error', reject);
  }).then(() => {
    assert.is(code(open), 'STORE_FAILED');
    assert.is(code(open), 'STORE_FAILED', 'and lets go of the lock');
  });
});

test('has every acknowledged record once after its process was killed at any moment', async ({ file }) => {
  const dice = rollDice('kill');
  let acknowledged = -1;
  for (let round = 0; round < 6; round += 1) {
    const writer = spawn(process.execPath, [fileURLToPath(new URL('../support/store-writer.ts', import.meta.url)), file], { stdio: ['ignore', 'pipe', 'inherit'] });
    const killAfter = dice.between(1, 60);
    let lines = 0;
    for await (const line of createInterface(writer.stdout)) {
      acknowledged = Math.max(acknowledged, Number(line));
      lines += 1;
      if (lines === killAfter) writer.kill('SIGKILL');
    }
    assert.ok(lines >= killAfter, 'the writer wrote');
    const store = openSqliteStore(file, { clock: frozenClock, lockWaitMs: 3000 });
    const seen = new Set<number>();
    for (const { record } of store.recordsAfter(0, 1e6)) {
      assert.is(record.kind, 'detected');
      if (record.kind !== 'detected') continue;
      assert.not(seen.has(record.frameSeq), `frame ${record.frameSeq} twice`);
      seen.add(record.frameSeq);
    }
    for (let frame = 0; frame <= acknowledged; frame += 1) assert.ok(seen.has(frame), `acknowledged frame ${frame} of ${acknowledged} is gone`);
    const [balance] = store.balances();
    assert.is(balance?.received, seen.size);
    assert.is(balance?.detected, seen.size);
    store.close();
  }
});

test('epochs begin behind what is known of the cluster', ({ open }) => {
  const store = open();
  const at = epochMicros(5);
  assert.equal([store.nextEpoch(DOCK, at, 1_000), store.nextEpoch(DOCK, at, 7), store.nextEpoch(DOCK, at, 5_000)], [1_001, 1_002, 5_001]);
  store.close();
  const again = open();
  assert.is(again.nextEpoch(DOCK, at), 5_002);
  again.close();
});

test('frames that are handed over are counted and not kept one by one; the last of them is known after a restart', ({ open }) => {
  const store = open();
  store.putChunks([chunkRow({ camera: DOCK, epoch: 1, chunkSeq: 0, frameCount: 30, isClosed: true })]);
  assert.equal(store.append([dropped(DOCK, 1, 0, 9, 'handed-over')]), { committed: [], repeated: 0 });
  assert.equal(store.append([dropped(DOCK, 1, 5, 14, 'handed-over'), dropped(DOCK, 1, 15, 19, 'expired')]).repeated, 5);
  store.close();
  const again = open();
  assert.equal(again.balances(), [{ camera: DOCK, epoch: 1, received: 30, detected: 0, dropped: { 'handed-over': 15, expired: 5 }, pending: 10, gaps: 0, pruned: 15, handedOver: 15 }]);
  assert.equal(again.spool(), { frames: 10, bytes: 333, cameras: [DOCK] });
  assert.is(again.recordsAfter(0, 10).length, 1);
  again.close();
});

test('recordings whose frames all have a record can be given up, once they are closed', ({ open }) => {
  const store = open();
  const rows = [chunkRow({ camera: DOCK, epoch: 1, chunkSeq: 0, frameCount: 10, isClosed: true }), chunkRow({ camera: DOCK, epoch: 1, chunkSeq: 1, firstFrameSeq: 10, frameCount: 10, isClosed: true }), chunkRow({ camera: DOCK, epoch: 1, chunkSeq: 2, firstFrameSeq: 20, frameCount: 10 })];
  store.putChunks(rows);
  store.append([dropped(DOCK, 1, 0, 18, 'handed-over'), dropped(DOCK, 1, 20, 29, 'handed-over')]);
  assert.equal(store.expireAccounted().map(({ chunkSeq, isExpired }) => [chunkSeq, isExpired]), [[0, true]]);
  assert.equal(store.expireAccounted(), []);
  store.append([dropped(DOCK, 1, 19, 19, 'handed-over')]);
  assert.equal(store.expireAccounted().map(({ chunkSeq }) => chunkSeq), [1]);
  store.close();
});

test.run();
