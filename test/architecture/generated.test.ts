import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { generateAll, writeFiles } from '../../schemas/generate.ts';
import { ROOT } from '../support/source-files.ts';

const files = generateAll();

test('every generated file equals a fresh generation (npm run generate)', () => {
  const stale = files.filter(({ path, text }) => !existsSync(join(ROOT, path)) || readFileSync(join(ROOT, path), 'utf8') !== text).map(({ path }) => path);
  assert.equal(stale, []);
});

test('folders of generated files hold nothing else', () => {
  const paths = new Set(files.map(({ path }) => path));
  const folders = new Set(files.map(({ path }) => dirname(path)).filter((folder) => folder.endsWith('generated')));
  const strays = [...folders].flatMap((folder) => readdirSync(join(ROOT, folder), { withFileTypes: true }).filter((entry) => entry.isFile() && !paths.has(`${folder}/${entry.name}`)).map((entry) => `${folder}/${entry.name}`));
  assert.equal(strays, []);
});

test('generating again changes nothing', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'vto-generated-'));
  try {
    assert.is((await writeFiles(files, folder)).length, files.length);
    assert.equal(await writeFiles(files, folder), []);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test.run();
