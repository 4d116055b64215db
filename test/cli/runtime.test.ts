import { spawn, type ChildProcess } from 'node:child_process';
import { mkdir, mkdtemp, rm, symlink, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { test } from 'uvu';
import * as assert from 'uvu/assert';

const RUNTIME = fileURLToPath(new URL('../../src/cli/runtime.mjs', import.meta.url));
const PROBE = fileURLToPath(new URL('../support/launched-probe.ts', import.meta.url));

interface Launcher { isInstallStale(root: string): boolean; isNodeNewEnough(version: string): boolean }
const launcher = await import(RUNTIME) as Launcher; // plain JavaScript: its types are stated here

function start(args: readonly string[], env: Record<string, string> = {}): { child: ChildProcess; ended: Promise<{ code: number | null; out: string }>; line: Promise<string> } {
  const child = spawn(process.execPath, [RUNTIME, PROBE, ...args], { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, ...env } });
  let out = '';
  const line = new Promise<string>((resolve) => child.stdout.on('data', (bytes: Buffer) => { out += bytes.toString(); if (out.includes('\n')) resolve(out); }));
  child.stderr.on('data', (bytes: Buffer) => { out += bytes.toString(); });
  const ended = new Promise<{ code: number | null; out: string }>((resolve) => child.on('close', (code) => resolve({ code, out })));
  return { child, ended, line };
}

test('hands arguments on as they are and ends with the exit code of the program', async () => {
  const { ended } = start(['exit', '--camera', 'a=rtsp://x/y z', '--', '--install']);
  const { code, out } = await ended;
  assert.is(code, 7, out);
  const seen = JSON.parse(out) as { args: string[]; threads: string; startedAtMs: number; installMs: string };
  assert.equal(seen.args, ['exit', '--camera', 'a=rtsp://x/y z', '--', '--install']);
  assert.is(seen.threads, '36');
  assert.is(seen.installMs, '0');
  assert.ok(Math.abs(Date.now() - seen.startedAtMs) < 60_000);
});

test('keeps a thread pool size that the user has set', async () => {
  const { out } = await start(['exit'], { UV_THREADPOOL_SIZE: '9' }).ended;
  assert.is((JSON.parse(out) as { threads: string }).threads, '9');
});

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  test(`hands ${signal} on once and waits for the program to decide`, async () => {
    const { child, ended, line } = start(['wait']);
    await line;
    child.kill(signal);
    const { code, out } = await ended;
    assert.is(code, 3, out);
    assert.is(out.split('\n').filter((text) => text === signal).length, 1);
  });
}

test('under npm, whose shell hands no signal on, the death of the shell ends the program', async () => {
  const shell = spawn('sh', ['-c', '"$0" "$1" "$2" wait; true', process.execPath, RUNTIME, PROBE], { stdio: ['ignore', 'pipe', 'inherit'], env: { ...process.env, npm_lifecycle_event: 'start' } });
  let out = '';
  shell.stdout.on('data', (bytes: Buffer) => {
    out += bytes.toString();
    if (out.endsWith('}\n')) shell.kill('SIGTERM');
  });
  await new Promise((resolve) => shell.on('close', resolve)); // when the program, too, has closed its output
  assert.match(out, /\nSIGTERM\n$/);
});

test('reports a program killed by a signal as 128 and the signal number', async () => {
  const { ended } = start(['die']);
  assert.is((await ended).code, 137);
});

test('knows which Node runs the platform', () => {
  assert.equal(['20.20.2', '24.14.9', '24.15.0', '24.21.0', '26.0.0'].map((version) => launcher.isNodeNewEnough(version)), [false, false, true, true, true]);
});

test('an install is stale when missing, unfinished, or older than the lockfile, and never when it belongs to someone else', async () => {
  const root = await mkdtemp(join(tmpdir(), 'vto-install-'));
  try {
    const lockfile = join(root, 'package-lock.json');
    const modules = join(root, 'node_modules');
    await writeFile(lockfile, '{}');
    assert.is(launcher.isInstallStale(root), true);
    await mkdir(modules);
    assert.is(launcher.isInstallStale(root), true);
    await writeFile(join(modules, '.package-lock.json'), '{}');
    await utimes(lockfile, 1, 1);
    assert.is(launcher.isInstallStale(root), false);
    await utimes(join(modules, '.package-lock.json'), 0, 0);
    assert.is(launcher.isInstallStale(root), true);
    await rm(modules, { recursive: true });
    await symlink(tmpdir(), modules);
    assert.is(launcher.isInstallStale(root), false);
  } finally {
    await rm(root, { recursive: true });
  }
});

test.run();
