import { existsSync, globSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { build } from '../../src/cli/build.ts';
import { blank, importsOf, ROOT, sourceFiles } from '../support/source-files.ts';

const folder = mkdtempSync(join(tmpdir(), 'vto-dist-'));
test.after(() => rmSync(folder, { recursive: true }));

test('compiles every source with declarations and source maps, and nothing else', () => {
  build(folder);
  const sources = sourceFiles('src', 'actors').map(({ path }) => path.replace(/\.ts$/, '')).filter((path) => path !== 'src/cli/build');
  for (const path of sources) for (const end of ['.js', '.d.ts', '.js.map']) assert.ok(existsSync(join(folder, path + end)), path + end);
  const pages = 'src/serving-ops/pages';
  assert.equal(readdirSync(join(folder, pages)).toSorted(), readdirSync(join(ROOT, pages)).toSorted());
  assert.equal(globSync('**/*', { cwd: folder }).filter((path) => /^(?:test|bench|schemas)\b/.test(path)), []);
});

test('every relative import of the compiled files finds its file', () => {
  const files = globSync('**/*.js', { cwd: folder });
  assert.ok(files.length > 20);
  const lost = files.flatMap((path) => {
    const text = readFileSync(join(folder, path), 'utf8');
    return importsOf(text, blank(text)).filter((name) => name.startsWith('.') && !existsSync(join(folder, dirname(path), name))).map((name) => `${path}: ${name}`);
  });
  assert.equal(lost, []);
});

test('the compiled files run', async () => {
  const { nearest } = await import(pathToFileURL(join(folder, 'src/utility-ops/nearest.js')).href) as typeof import('../../src/utility-ops/nearest.ts');
  assert.is(nearest('prot', ['port', 'host']), 'port');
});

test.run();
