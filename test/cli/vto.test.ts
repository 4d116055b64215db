import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { test } from 'uvu';
import * as assert from 'uvu/assert';

const SOURCES = fileURLToPath(new URL('../../src/cli/', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'vto-entry-'));
test.after(() => rmSync(folder, { recursive: true }));

const PROGRAM = 'console.log(JSON.stringify([import.meta.url.slice(-3), process.argv.slice(2), Number(process.env.VTO_INSTALL_MS) > 0, process.env.INIT_CWD])); process.exitCode = 5;';

/** A package that holds the launchers and, instead of the platform, a program that says what reached it. */
function makePackage(root: string, entry: string): string {
  mkdirSync(join(root, 'src/cli'), { recursive: true });
  mkdirSync(join(root, entry, '..'), { recursive: true });
  for (const file of ['runtime.mjs', 'vto.mjs']) copyFileSync(join(SOURCES, file), join(root, 'src/cli', file));
  writeFileSync(join(root, entry), PROGRAM);
  const about = { name: 'x', version: '1.0.0', dependencies: { local: 'file:local' } }; // a dependency that needs no network
  mkdirSync(join(root, 'local'));
  writeFileSync(join(root, 'local/package.json'), JSON.stringify({ name: 'local', version: '1.0.0' }));
  writeFileSync(join(root, 'package.json'), JSON.stringify({ ...about, type: 'module', scripts: { start: 'node src/cli/vto.mjs --install start' } }));
  writeFileSync(join(root, 'package-lock.json'), JSON.stringify({
    name: 'x', version: '1.0.0', lockfileVersion: 3, requires: true, packages: { '': about, local: { version: '1.0.0' }, 'node_modules/local': { resolved: 'local', link: true } },
  }));
  return root;
}

function output(text: string): unknown {
  return JSON.parse(text.trim().split('\n').at(-1) ?? '');
}

test('as an installed package it runs the compiled program', () => {
  const root = makePackage(join(folder, 'app/node_modules/visutility'), 'dist/src/cli/main.js');
  const result = spawnSync(process.execPath, [join(root, 'src/cli/vto.mjs'), 'infer', 'a b.mp4'], { encoding: 'utf8' });
  assert.equal([result.status, (output(result.stdout) as unknown[]).slice(0, 3)], [5, ['.js', ['infer', 'a b.mp4'], false]], result.stderr);
});

test('in a clone that was never installed it says what to do', () => {
  const root = makePackage(join(folder, 'bare'), 'src/cli/main.ts');
  const result = spawnSync(process.execPath, [join(root, 'src/cli/vto.mjs'), 'start'], { encoding: 'utf8' });
  assert.is(result.status, 1);
  assert.match(result.stderr, `dependencies are not installed; run npm ci in ${root}`);
});

test('npm start installs a bare clone once, says so, and hands every argument on', () => {
  const root = makePackage(join(folder, 'clone'), 'src/cli/main.ts');
  // As from a user's shell: without what npm told this test, and with this Node first.
  const env = { ...Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^npm_|^INIT_CWD$|^NODE_/i.test(name))), PATH: `${dirname(process.execPath)}:${process.env['PATH'] ?? ''}` };
  const npmStart = (): ReturnType<typeof spawnSync> => spawnSync('npm', ['start', '--silent', '--offline', '--', '--camera', 'a=rtsp://h/1?x=1&y=2', '--loop'], { cwd: join(root, 'src'), encoding: 'utf8', env });
  const first = npmStart();
  assert.match(String(first.stderr), 'installing dependencies (npm ci)');
  assert.is(first.status, 5, String(first.stderr));
  assert.equal(output(String(first.stdout)), ['.ts', ['start', '--camera', 'a=rtsp://h/1?x=1&y=2', '--loop'], true, join(root, 'src')]);
  assert.ok(existsSync(join(root, 'node_modules/.vto-lock')));
  const second = npmStart();
  assert.not.match(String(second.stderr), 'installing');
  assert.equal((output(String(second.stdout)) as unknown[])[2], false);
});

test.run();
