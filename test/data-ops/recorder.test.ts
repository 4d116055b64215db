import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { manifestPath, sidecarPath } from '../../src/data-ops/archive/chunk-path.ts';
import { closedRow, readManifest } from '../../src/data-ops/archive/manifest.ts';
import { readSidecar } from '../../src/data-ops/archive/sidecar.ts';
import { Chunker } from '../../src/data-ops/chunker.ts';
import { Recorder, type RecorderOptions } from '../../src/data-ops/recorder.ts';
import type { ChunkRow } from '../../src/data-ops/store.ts';
import type { Envelope } from '../../src/engine/ports.ts';
import { PlatformError } from '../../src/engine/errors.ts';
import type { ChunkPart } from '../../src/messages/chunk-part.ts';
import { envelopes, parameters, stageContext, unit } from '../support/archive-fixtures.ts';
import { createFramedWriter, hashUnits, openFramedReader, type WriterFaults } from '../support/chunk-files.ts';
import { eventually } from '../support/eventually.ts';
import { type FakeClock, fakeClock, settle } from '../support/fake-clock.ts';
import { camera } from '../support/ledger-fixtures.ts';

interface Context { folder: string; rows: ChunkRow[]; clock: FakeClock; recorder(overrides?: Partial<RecorderOptions>, faults?: WriterFaults): Recorder }

const test = suite<Context>('recorder');
const DOCK = camera('dock-2');

test.before.each((context) => {
  context.folder = mkdtempSync(join(tmpdir(), 'vto-recorder-'));
  context.rows = [];
  context.clock = fakeClock();
  context.recorder = (overrides = {}, faults = {}) => new Recorder({
    folder: context.folder, createWriter: (path) => createFramedWriter(path, faults), createHash: hashUnits,
    index: async (rows) => { context.rows.push(...rows); }, partMs: 200, ...overrides,
  });
});
test.after.each((context) => { rmSync(context.folder, { recursive: true, force: true }); });

/** `count` parts, a key frame every ten, a new chunk every 25 (one second of event time). */
async function parts(count: number): Promise<readonly Envelope<ChunkPart>[]> {
  const chunker = new Chunker({ camera: DOCK, epoch: 3, chunkSeconds: 0.9, isClosedGopStart: () => true });
  return chunker.process(envelopes(DOCK, Array.from({ length: count }, (_, index) => unit(index, { isKey: index % 25 === 0, ...index === 0 ? { parameters } : {} }))));
}

const errorOf = (work: Promise<unknown>): Promise<string> => work.then(() => 'none', (error: unknown) => error instanceof PlatformError ? error.code : String(error));

test('writes every unit before it passes it on, and a manifest that the file keeps', async ({ folder, rows, clock, recorder }) => {
  const stage = recorder();
  const ctx = stageContext({ clock });
  await stage.open(ctx);
  const all = await parts(60);
  for (let index = 0; index < all.length; index += 3) {
    const batch = all.slice(index, index + 3);
    assert.is(await stage.process(batch, ctx), batch);
    const { chunkSeq } = batch.at(-1)!.body;
    const file = readdirSync(join(folder, DOCK), { recursive: true }).map(String).find((name) => name.includes(`/3-${chunkSeq}-`) && name.endsWith('.mp4'))!;
    let inFile = 0;
    const reader = await openFramedReader(join(folder, DOCK, file));
    while (await reader.read() !== undefined) inFile += 1;
    assert.is(inFile, all.slice(0, index + 3).filter(({ body }) => body.chunkSeq === chunkSeq).length);
  }
  await stage.close();
  const closed = rows.filter(({ isClosed }) => isClosed);
  assert.equal(closed.map(({ chunkSeq, firstFrameSeq, frameCount }) => [chunkSeq, firstFrameSeq, frameCount]), [[0, 0, 25], [1, 25, 25], [2, 50, 10]]);
  for (const row of closed) {
    const own = all.filter(({ body }) => body.chunkSeq === row.chunkSeq).map(({ body }) => body.units[0]!);
    const hash = createHash('sha256');
    for (const { data } of own) hash.update(data);
    assert.is(row.contentHash, hash.digest('hex'));
    assert.is(row.startedAt, own[0]!.capturedAt);
    assert.is(row.endedAt, own.at(-1)!.capturedAt);
    const manifest = await readManifest(manifestPath(join(folder, row.path)));
    assert.equal(closedRow(row.path, manifest!), row);
    assert.equal(manifest!.ptsRange, [own[0]!.pts, own.at(-1)!.pts]);
    assert.is(readFileSync(join(folder, row.path)).length, row.sizeBytes);
    const sidecar = await readSidecar(sidecarPath(join(folder, row.path)));
    assert.equal(sidecar!.header.parameters, parameters);
    own.forEach(({ data, parameters: _, ...times }, index) => assert.equal(sidecar!.at(index), { ...times, sizeBytes: data.length }));
    assert.is(sidecar!.at(own.length), undefined);
  }
  assert.match(closed[0]!.path, /^dock-2\/2023-11-14\/3-0-1700000000000000\.mp4$/);
});

test('syncs and indexes once an interval, also what came while it synced and nothing after it', async ({ rows, clock, recorder }) => {
  let syncs = 0;
  let release = (): void => undefined;
  const stage = recorder({}, { onSync: () => { syncs += 1; return new Promise((resolve) => { release = resolve; }); } });
  const ctx = stageContext({ clock });
  await stage.open(ctx);
  const all = await parts(10);
  await stage.process(all.slice(0, 1), ctx);
  await eventually(() => syncs === 1, 'the first unit is synced at once');
  await stage.process(all.slice(1, 4), ctx);
  assert.is(syncs, 1, 'writing goes on beside one sync');
  assert.equal(rows, [], 'nothing is indexed that is not synced');
  release();
  await eventually(() => rows.length === 1, 'the synced frame is indexed');
  assert.is(rows[0]!.frameCount, 1);
  await eventually(() => clock.sleeping() === 1, 'the rest waits for the interval');
  await clock.advance(150);
  assert.is(syncs, 1);
  await clock.advance(60);
  await eventually(() => syncs === 2, 'no further unit is needed');
  release();
  await eventually(() => rows.at(-1)!.frameCount === 4, 'all four are indexed');
  await settle();
  assert.is(clock.sleeping(), 0, 'at rest nothing is scheduled');
  const closing = stage.close();
  await eventually(() => syncs === 3, 'the end is synced');
  release();
  await closing;
});

test('waits for a sync that is more than an interval behind', async ({ clock, recorder }) => {
  let release = (): void => undefined;
  let isSyncing = false;
  const stage = recorder({}, { onSync: () => { isSyncing = true; return new Promise((resolve) => { release = resolve; }); } });
  const ctx = stageContext({ clock });
  await stage.open(ctx);
  const all = await parts(10);
  await stage.process(all.slice(0, 1), ctx);
  await eventually(() => isSyncing, 'syncing');
  await clock.advance(201);
  let isDone = false;
  const second = stage.process(all.slice(1, 2), ctx).then(() => { isDone = true; });
  await settle();
  assert.not(isDone);
  release();
  await second;
  const closing = stage.close();
  const timer = setInterval(() => release(), 1);
  await closing;
  clearInterval(timer);
});

test('keeps recording while the store is away, and tells it the newest of each chunk afterwards', async ({ rows, clock, recorder }) => {
  let isAway = true;
  const stage = recorder({ index: async (batch) => {
    if (isAway) throw new PlatformError('PORT_CLOSED', 'away');
    rows.push(...batch);
  } });
  const ctx = stageContext({ clock });
  await stage.open(ctx);
  for (const part of await parts(60)) await stage.process([part], ctx);
  assert.equal(rows, []);
  isAway = false;
  await eventually(() => { void clock.advance(250); return rows.some(({ chunkSeq, frameCount }) => chunkSeq === 2 && frameCount === 10); }, 'the store caught up');
  await stage.close();
  assert.equal(rows.filter(({ isClosed }) => isClosed).map(({ chunkSeq }) => chunkSeq), [0, 1, 2]);
  const newest = new Map(rows.map((row) => [row.chunkSeq, row.frameCount]));
  assert.equal([...newest], [[0, 25], [1, 25], [2, 10]]);
});

test('fails with RECORDING_FAILED when the disk is full, stays failed, and leaves no manifest', async ({ folder, clock, recorder }) => {
  const full = Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' });
  const stage = recorder({}, { onWrite: (writes) => { if (writes === 3) throw full; } });
  const ctx = stageContext({ clock });
  await stage.open(ctx);
  const all = await parts(6);
  await stage.process(all.slice(0, 2), ctx);
  assert.is(await errorOf(stage.process(all.slice(2, 3), ctx)), 'RECORDING_FAILED');
  assert.is(await errorOf(stage.process(all.slice(3, 4), ctx)), 'RECORDING_FAILED');
  await stage.close();
  assert.equal(readdirSync(join(folder, DOCK), { recursive: true }).filter((name) => String(name).endsWith('.json')), []);
});

test('fails when a sync fails, when a file cannot be made and when the index refuses', async ({ folder, clock, recorder }) => {
  const ctx = stageContext({ clock });
  const all = await parts(6);
  const cases: readonly (readonly [Recorder, string])[] = [
    [recorder({}, { onSync: () => { throw new Error('EIO'); } }), 'RECORDING_FAILED'],
    [recorder({ folder: join(folder, 'missing', '\0') }), 'RECORDING_FAILED'],
    [recorder({ folder: join(folder, 'b'), index: async () => { throw new PlatformError('STORE_FAILED', 'disk'); } }), 'STORE_FAILED'],
  ];
  for (const [stage, expected] of cases) {
    await stage.open(ctx);
    let error = 'none';
    for (let index = 0; index < all.length && error === 'none'; index += 1) {
      error = await errorOf(stage.process(all.slice(index, index + 1), ctx));
      await clock.advance(250);
      await new Promise((resolve) => { setTimeout(resolve, 5); });
    }
    assert.is(error, expected);
    await stage.close();
  }
  assert.ok(existsSync(folder));
});

test('closes within its limit when the store never answers', async ({ clock, recorder }) => {
  const stage = recorder({ index: () => new Promise(() => undefined) });
  const ctx = stageContext({ clock });
  await stage.open(ctx);
  await stage.process(await parts(3), ctx);
  let isClosed = false;
  const closing = stage.close().then(() => { isClosed = true; });
  await eventually(() => clock.sleeping() > 0, 'close waits');
  await settle();
  assert.not(isClosed);
  await clock.advance(5000);
  await closing;
});

test.run();
