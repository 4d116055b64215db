import { spawn, spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { ROOT } from '../support/source-files.ts';

const INSTALL_LIMIT_MS = 240_000;
const RUN_LIMIT_MS = 60_000;
/** This Node first, as in a project that runs on it; without the variables that npm gave this test, and without NuGet. */
const environment = {
  ...Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^npm_|^INIT_CWD$|^VTO_|^NODE_V8_COVERAGE$/i.test(name))),
  PATH: `${dirname(process.execPath)}${delimiter}${process.env['PATH'] ?? ''}`, ONNXRUNTIME_NODE_INSTALL: 'skip',
};
const project = mkdtempSync(join(tmpdir(), 'vto-consumer-'));

/** Runs a program to its end. @throws AssertionError when it fails, with what it wrote */
function run(program: string, args: readonly string[], cwd: string, limitMs: number): string {
  const { status, stdout, stderr, error } = spawnSync(program, args, { cwd, env: environment, encoding: 'utf8', timeout: limitMs });
  assert.is(status, 0, `${program} ${args.join(' ')}: ${error?.message ?? ''}\n${stdout}${stderr}`);
  return stdout;
}

test.after(() => rmSync(project, { recursive: true, force: true }));

test('the packed package installs into an empty project, without development packages', () => {
  run('npm', ['pack', '--silent', '--pack-destination', project], ROOT, RUN_LIMIT_MS);
  const archive = readdirSync(project).find((name) => name.endsWith('.tgz')) ?? '';
  writeFileSync(join(project, 'package.json'), '{"name":"consumer","private":true,"type":"module"}');
  run('npm', ['install', '--no-audit', '--no-fund', join(project, archive)], project, INSTALL_LIMIT_MS);
  const installed = join(project, 'node_modules');
  assert.equal(['typescript', 'uvu', 'node', 'oxlint'].filter((name) => existsSync(join(installed, name))), []);
  assert.equal(readdirSync(join(installed, 'visutility')).sort(), ['LICENSE', 'README.md', 'config', 'dist', 'examples', 'package.json', 'schemas', 'src']);
});

test('its doctor finds nothing wrong', () => {
  assert.match(run('npx', ['vto', 'doctor'], project, RUN_LIMIT_MS), /^ready/m);
});

test('the example runs in the project as it is printed', () => {
  cpSync(join(ROOT, 'examples', 'detect.ts'), join(project, 'detect.ts'));
  const lines = run(process.execPath, ['detect.ts'], project, RUN_LIMIT_MS).trim().split('\n');
  assert.is(lines.length, 60);
  assert.match(lines.at(-1) ?? '', /^3\.93 s {2}motion 0\.\d\d \[/);
});

test('it starts, detects and stops with a balanced ledger', async () => {
  const vto = spawn(join(project, 'node_modules', '.bin', 'vto'), ['start', '--port', '0', '--no-table'], { cwd: project, env: environment, stdio: ['ignore', 'pipe', 'inherit'] });
  const limit = setTimeout(() => vto.kill('SIGKILL'), RUN_LIMIT_MS);
  let output = '';
  vto.stdout.on('data', (bytes: Buffer) => {
    const before = output;
    output += bytes.toString();
    if (!before.includes('first detection') && output.includes('first detection')) vto.kill('SIGINT');
  });
  const code = await new Promise<number | null>((resolve) => { vto.on('close', resolve); });
  clearTimeout(limit);
  assert.is(code, 0, output);
  assert.match(output, /first detection after \d+\.\d s/);
  assert.match(output, /^balanced$/m);
});

test.run();
