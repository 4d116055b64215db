import { cpSync, mkdirSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { contentHashOf } from '../../actors/ingest/chunk-tools.ts';
import { recoverArchive } from '../../src/data-ops/archive.ts';
import { readUnits } from '../../src/data-ops/archive-reader.ts';
import { verifyArchive } from '../../src/data-ops/verify-archive.ts';
import type { ChunkRow } from '../../src/data-ops/store.ts';
import { PlatformError } from '../../src/engine/errors.ts';
import { systemClock } from '../../src/engine/system-clock.ts';
import { countFrames, cutTornTail, readChunkFile } from '../../src/media/index.ts';
import { makeClipFile } from '../support/clip.ts';
import { forEachCase, type FuzzRandom } from '../support/fuzz.ts';
import { damaged } from '../support/fuzz-damage.ts';
import { recordFile } from '../support/record-file.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const folder = temporaryFolder();
const original = join(folder, 'original');
const work = join(folder, 'work');
const tools = { openReader: readChunkFile, cutTornTail, createHash: contentHashOf };
const { camera, epoch, rows, units } = await recordFile(await makeClipFile({ frames: 30, gop: 10, bFrames: 2, width: 64, height: 48 }), original, 0.3);

const filesOf = (root: string): string[] => readdirSync(root, { recursive: true, encoding: 'utf8' }).filter((file) => statSync(join(root, file)).isFile()).sort((a, b) => a.localeCompare(b));
const files = filesOf(original);

async function refusedByName<Result>(attempt: () => Promise<Result>): Promise<Result | undefined> {
  try {
    return await attempt();
  } catch (error) {
    assert.instance(error, PlatformError, error instanceof Error ? error.stack : String(error));
    return undefined;
  }
}

/** A fresh copy of the archive with damage in one to three of its files. */
function damagedArchive(random: FuzzRandom): void {
  rmSync(work, { recursive: true, force: true });
  cpSync(original, work, { recursive: true });
  for (let count = 1 + random.integer(3); count > 0; count--) {
    const file = join(work, random.pick(files));
    if (random.next() < 0.1) rmSync(file, { force: true });
    else writeFileSync(file, damaged(readFileSync(join(original, file.slice(work.length + 1))), random));
  }
}

async function readBack(index: readonly ChunkRow[]): Promise<number> {
  let count = 0;
  const lost: number[] = [];
  for await (const part of readUnits({ folder: work, camera, epoch, rows: index, from: 0, openReader: readChunkFile, signal: new AbortController().signal, onDamage: ({ from, to }) => { lost.push(to - from + 1); } })) count += part.units.length;
  return count + lost.reduce((sum, one) => sum + one, 0);
}

test('no damage to an archive breaks verifying, reading or recovering it, and what is recovered verifies', () => forEachCase('archive', async (random) => {
  damagedArchive(random);
  await refusedByName(() => verifyArchive({ folder: work, rows, ...tools }));
  const read = await refusedByName(() => readBack(rows));
  assert.ok(read === undefined || read <= units + 64, `${read} of ${units} frames`);
  // As the index stands after kill -9 (the last chunk open), or where there is none.
  const known = random.next() < 0.5 ? rows.map((row, at) => (at === rows.length - 1 ? { ...row, isClosed: false } : row)) : [];
  if (random.next() < 0.5) for (const row of rows.slice(known.length === 0 ? 0 : -1)) rmSync(join(work, row.path.replace(/mp4$/, 'json')), { force: true });
  const before = new Set(filesOf(work).filter((file) => file.endsWith('.json'))); // a manifest is believed; verifying is what finds out
  const found = await refusedByName(() => recoverArchive({ folder: work, tools, clock: systemClock, cameras: [camera], rows: async () => known }));
  assert.ok(found !== undefined, 'recovery never gives up: a camera would not start');
  const after = found.rows.filter(({ isExpired, path }) => !isExpired && !found.unreadable.includes(path) && !before.has(path.replace(/mp4$/, 'json')));
  const report = await verifyArchive({ folder: work, rows: after, ...tools });
  assert.equal(report.problems, [], 'what was closed by recovery is what its manifest says');
  const again = await recoverArchive({ folder: work, tools, clock: systemClock, cameras: [camera], rows: async () => [...new Map([...known, ...found.rows].map((row) => [row.path, row])).values()] });
  assert.equal(again.events, [], 'a second recovery cuts nothing');
}));

test('no damage to one chunk gives more than its frames', () => forEachCase('chunk', async (random) => {
  mkdirSync(work, { recursive: true });
  const file = join(work, 'chunk.mp4');
  const row = random.pick(rows);
  writeFileSync(file, damaged(readFileSync(join(original, row.path)), random));
  const count = await refusedByName(() => countFrames(file));
  assert.ok(count === undefined || count <= row.frameCount + 64);
  await refusedByName(async () => {
    const reader = await readChunkFile(file);
    for (let packet = await reader.read(); packet !== undefined; packet = await reader.read()) assert.ok(packet.data.byteLength <= 1 << 20);
    await reader.close();
  });
  await cutTornTail(file);
  if (count !== undefined) assert.is(await countFrames(file), count);
}));

test.run();
