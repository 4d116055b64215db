import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { manifestPath } from '../../src/data-ops/archive/chunk-path.ts';
import { verifyArchive } from '../../src/data-ops/verify-archive.ts';
import { camera } from '../support/ledger-fixtures.ts';
import { framedTools, record } from '../support/recording.ts';

interface Context { folder: string }

const test = suite<Context>('verify-archive');

test.before.each((context) => { context.folder = mkdtempSync(join(tmpdir(), 'vto-verify-')); });
test.after.each((context) => { rmSync(context.folder, { recursive: true, force: true }); });

test('finds a sound archive sound and counts what it read', async ({ folder }) => {
  const { rows } = await record({ folder, camera: camera('dock-2'), epoch: 1, count: 70 });
  const [first, second, ...rest] = rows;
  const report = await verifyArchive({ folder, rows: [{ ...first!, isExpired: true }, { ...second!, isClosed: false }, ...rest], ...framedTools });
  const bytes = rest.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  assert.equal({ ...report }, { verified: rest.length, verifiedFrames: 70 - first!.frameCount - second!.frameCount, verifiedBytes: bytes, open: 1, expired: 1, problems: [], isSound: true });
});

test('names each kind of damage', async ({ folder }) => {
  const { rows } = await record({ folder, camera: camera('dock-2'), epoch: 1, count: 150 });
  const [gone, flipped, cut, noManifest, garbage] = rows.map(({ path }) => join(folder, path)) as [string, string, string, string, string];
  rmSync(gone);
  const bytes = readFileSync(flipped);
  bytes[bytes.length - 1] = bytes.at(-1)! ^ 1;
  writeFileSync(flipped, bytes);
  writeFileSync(cut, readFileSync(cut).subarray(0, -1));
  rmSync(manifestPath(noManifest));
  writeFileSync(garbage, 'x');
  const report = await verifyArchive({ folder, rows, ...framedTools });
  assert.equal(report.problems.map(({ path, kind }) => [rows.findIndex((row) => row.path === path), kind]), [[0, 'missing'], [1, 'hash'], [2, 'size'], [2, 'frames'], [2, 'hash'], [3, 'manifest'], [4, 'size'], [4, 'unreadable']]);
  assert.not(report.isSound);
});

test.run();
