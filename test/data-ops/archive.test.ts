import { spawn } from 'node:child_process';
import { appendFileSync, existsSync, mkdtempSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type Recovery, recoverArchive } from '../../src/data-ops/archive.ts';
import { readUnits } from '../../src/data-ops/archive-reader.ts';
import { manifestPath, sidecarPath } from '../../src/data-ops/archive/chunk-path.ts';
import type { ChunkRow } from '../../src/data-ops/store.ts';
import { verifyArchive } from '../../src/data-ops/verify-archive.ts';
import type { AccessUnit } from '../../src/messages/access-unit.ts';
import { rollDice } from '../support/dice.ts';
import { camera, frozenClock } from '../support/ledger-fixtures.ts';
import { framedTools, record, recordedUnit } from '../support/recording.ts';

interface Context { folder: string; recover(rows: readonly ChunkRow[]): Promise<Recovery> }

const test = suite<Context>('archive');
const DOCK = camera('dock-2');

test.before.each((context) => {
  context.folder = mkdtempSync(join(tmpdir(), 'vto-archive-'));
  context.recover = (rows) => recoverArchive({ folder: context.folder, tools: framedTools, clock: frozenClock, cameras: [...new Set(rows.map((row) => row.camera))], rows: async (of) => rows.filter((row) => row.camera === of) });
});
test.after.each((context) => { rmSync(context.folder, { recursive: true, force: true }); });

async function readAll(folder: string, rows: readonly ChunkRow[]): Promise<readonly AccessUnit[]> {
  const units: AccessUnit[] = [];
  for await (const part of readUnits({ camera: DOCK, epoch: rows[0]?.epoch ?? 0, folder, rows, from: 0, openReader: framedTools.openReader, signal: new AbortController().signal })) units.push(...part.units);
  return units;
}

const opened = (row: ChunkRow, frameCount = row.frameCount): ChunkRow => ({ ...row, frameCount, isClosed: false, contentHash: null });

test('finishes a chunk whose writer died in the middle of a unit', async ({ folder, recover }) => {
  const { rows } = await record({ folder, camera: DOCK, epoch: 2, count: 45 });
  const last = rows.at(-1)!;
  const file = join(folder, last.path);
  rmSync(manifestPath(file));
  truncateSync(file, last.sizeBytes - 7);
  const before = [...rows.slice(0, -1), opened(last, last.frameCount - 5)];
  const found = await recover(before);
  assert.equal(found.rows.map(({ chunkSeq, frameCount, isClosed }) => [chunkSeq, frameCount, isClosed]), [[last.chunkSeq, last.frameCount - 1, true]]);
  assert.equal(found.events.map((event) => event.type === 'torn-tail' && [event.file, event.cutBytes > 0]), [[last.path, true]]);
  const lastUnit = recordedUnit(43);
  assert.equal(found.lastFrames, [{ camera: DOCK, epoch: 2, frameSeq: 43, capturedAt: lastUnit.capturedAt, wasOpen: true }]);
  const after = [...rows.slice(0, -1), ...found.rows];
  assert.ok((await verifyArchive({ folder, rows: after, ...framedTools })).isSound);
  assert.equal((await readAll(folder, after)).map(({ frameSeq, capturedAt }) => [frameSeq, capturedAt]), Array.from({ length: 44 }, (_, index) => [index, recordedUnit(index).capturedAt]));
  const again = await recover(after);
  assert.equal([again.rows, again.events, again.removed], [[], [], []], 'a second recovery finds nothing to do');
  assert.equal(again.lastFrames, [{ camera: DOCK, epoch: 2, frameSeq: 43, capturedAt: lastUnit.capturedAt, wasOpen: false }]);
});

test('rebuilds the whole index from the folder', async ({ folder, recover }) => {
  const first = await record({ folder, camera: DOCK, epoch: 1, count: 60 });
  const second = await record({ folder, camera: camera('gate'), epoch: 1, count: 10 });
  const found = await recover([]);
  assert.equal(found.rows, [...first.rows, ...second.rows]);
  assert.equal(found.lastFrames.map((frame) => [frame.camera, frame.frameSeq, frame.wasOpen]), [[DOCK, 59, false], ['gate', 9, false]]);
});

test('takes a chunk closed before its index row was, and a manifest that a power cut damaged, from their files', async ({ folder, recover }) => {
  const { rows } = await record({ folder, camera: DOCK, epoch: 1, count: 60 });
  writeFileSync(manifestPath(join(folder, rows[1]!.path)), '{"version":1,');
  const found = await recover(rows.map((row) => opened(row)));
  assert.equal(found.rows, rows);
});

test('brings a sidecar that disagrees in line with the chunk', async ({ folder, recover }) => {
  const { rows } = await record({ folder, camera: DOCK, epoch: 1, count: 25, gop: 5 });
  const [row] = rows;
  const file = join(folder, row!.path);
  const whole = readFileSync(sidecarPath(file));
  for (const change of ['longer', 'shorter', 'torn', 'gone'] as const) {
    rmSync(manifestPath(file));
    writeFileSync(sidecarPath(file), whole);
    if (change === 'longer') appendFileSync(sidecarPath(file), whole.subarray(-64));
    if (change === 'shorter') truncateSync(sidecarPath(file), whole.length - 64 * 2);
    if (change === 'torn') truncateSync(sidecarPath(file), whole.length - 20);
    if (change === 'gone') rmSync(sidecarPath(file));
    const found = await recover([opened(row!)]);
    assert.is(found.rows[0]?.frameCount, row!.frameCount, change);
    assert.is(found.rows[0]?.contentHash, row!.contentHash, change);
    const units = await readAll(folder, found.rows);
    assert.equal(units.map(({ frameSeq, isKey }) => [frameSeq, isKey]), Array.from({ length: row!.frameCount }, (_, index) => [index, index % 5 === 0]), change);
    const exact = change === 'gone' ? 0 : change === 'longer' ? row!.frameCount : row!.frameCount - (change === 'shorter' ? 2 : 1);
    units.slice(0, exact).forEach((unit, index) => assert.is(unit.capturedAt, recordedUnit(index, 5).capturedAt));
    for (let index = Math.max(1, exact); index < units.length; index += 1) assert.ok(Math.abs(units[index]!.capturedAt - units[index - 1]!.capturedAt - 40_000) <= 5000 + 40_000, 'a time near its own');
  }
});

test('leaves the chunks of a recorder that is running alone', async ({ folder }) => {
  const first = await record({ folder, camera: DOCK, epoch: 1, count: 5 });
  const second = await record({ folder, camera: DOCK, epoch: 2, count: 5 });
  for (const { path } of [...first.rows, ...second.rows]) rmSync(manifestPath(join(folder, path)));
  const live = opened(second.rows[0]!, 2);
  const found = await recoverArchive({ folder, tools: framedTools, clock: frozenClock, onlyCamera: DOCK, rows: async () => [live], isLive: (_camera, epoch) => epoch === 2 });
  assert.equal(found.rows.map(({ epoch, frameCount }) => [epoch, frameCount]), [[1, 5]]);
  assert.not(existsSync(manifestPath(join(folder, live.path))));
  assert.equal(found.lastFrames.map(({ epoch, frameSeq }) => [epoch, frameSeq]), [[1, 4]]);
});

test('removes what holds no frame and what retention had marked, and says which files are gone or unreadable', async ({ folder, recover }) => {
  const { rows } = await record({ folder, camera: DOCK, epoch: 1, count: 125 });
  const [expired, empty, gone, unreadable] = rows as [ChunkRow, ChunkRow, ChunkRow, ChunkRow];
  for (const row of [empty, unreadable]) {
    rmSync(manifestPath(join(folder, row.path)));
    truncateSync(join(folder, row.path), 3);
  }
  rmSync(join(folder, gone.path));
  const found = await recover([{ ...expired, isExpired: true }, opened(empty, 0), opened(gone), opened(unreadable), ...rows.slice(4)]);
  assert.equal(found.removed, [expired.path, empty.path]);
  assert.equal(found.missing, [gone.path]);
  assert.equal(found.unreadable, [unreadable.path]);
  for (const row of [expired, empty]) for (const path of [row.path, manifestPath(row.path), sidecarPath(row.path)]) assert.not(existsSync(join(folder, path)));
  assert.equal(found.rows.map(({ chunkSeq, isClosed, isExpired, frameCount }) => [chunkSeq, isClosed, isExpired, frameCount]), [[empty.chunkSeq, true, true, 0], [unreadable.chunkSeq, true, false, unreadable.frameCount], [gone.chunkSeq, true, true, gone.frameCount]]);
});

test('has every frame that was passed on, with its times, after the recorder was killed at any moment', async ({ folder, recover }) => {
  const dice = rollDice('kill recorder');
  for (let epoch = 1; epoch <= 4; epoch += 1) {
    const writer = spawn(process.execPath, [fileURLToPath(new URL('../support/recording-writer.ts', import.meta.url)), folder, String(epoch)], { stdio: ['ignore', 'pipe', 'inherit'] });
    const killAfter = dice.between(1, 200);
    let passed = -1;
    for await (const line of createInterface(writer.stdout)) {
      passed = Number(line);
      if (passed === killAfter) writer.kill('SIGKILL');
    }
    assert.ok(passed >= killAfter);
    const found = await recover([]);
    const rows = found.rows.filter((row) => row.epoch === epoch);
    assert.ok((await verifyArchive({ folder, rows, ...framedTools })).isSound);
    const units = await readAll(folder, rows);
    assert.ok(units.length > passed, `frame ${passed} was passed on, ${units.length} are there`);
    units.forEach((unit, index) => {
      assert.equal({ ...unit, parameters: undefined }, { ...recordedUnit(index), parameters: undefined, frameSeq: index });
    });
    assert.is(found.lastFrames.find((frame) => frame.epoch === epoch)?.frameSeq, units.length - 1);
    assert.ok(statSync(join(folder, rows[0]!.path)).size > 0);
  }
});

test.run();
