import { existsSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { manifestPath, sidecarPath } from '../../src/data-ops/archive/chunk-path.ts';
import { applyRetention } from '../../src/data-ops/retention.ts';
import { openSqliteStore } from '../../src/data-ops/sqlite-store.ts';
import { camera, frozenClock } from '../support/ledger-fixtures.ts';
import { record } from '../support/recording.ts';

interface Context { folder: string }

const test = suite<Context>('retention');

test.before.each((context) => { context.folder = mkdtempSync(join(tmpdir(), 'vto-retention-')); });
test.after.each((context) => { rmSync(context.folder, { recursive: true, force: true }); });

test('removes the oldest chunks with all that belongs to them, and keeps their frames counted', async ({ folder }) => {
  const archive = join(folder, 'archive');
  const { rows } = await record({ folder: archive, camera: camera('dock-2'), epoch: 1, count: 120 });
  const store = openSqliteStore(join(folder, 'vto.db'), { clock: frozenClock });
  store.putChunks(rows);
  const [first, second] = rows;
  const files = [first!, second!].flatMap(({ path }) => [path, manifestPath(path), sidecarPath(path)]).map((path) => join(archive, path));
  rmSync(join(archive, second!.path));
  const expected = files.reduce((sum, file) => sum + (existsSync(file) ? statSync(file).size : 0), 0);
  const kept = rows.slice(2).reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  const expireChunks = (maxBytes: number) => store.expireChunks(maxBytes);
  assert.equal(await applyRetention({ folder: archive, expireChunks, maxBytes: kept }), { chunks: 2, missing: 1, bytesFreed: expected });
  for (const file of files) assert.not(existsSync(file));
  for (const { path } of rows.slice(2)) assert.ok(existsSync(join(archive, path)));
  assert.equal(await applyRetention({ folder: archive, expireChunks, maxBytes: kept }), { chunks: 0, missing: 0, bytesFreed: 0 });
  assert.is(store.balances()[0]?.received, 120);
  await applyRetention({ folder: archive, expireChunks, maxBytes: 0 });
  assert.equal(readdirSync(join(archive, 'dock-2')), [], 'an empty day is removed');
  store.close();
});

test.run();
