// Plain JavaScript without dependencies: runs on any Node >= 20, before anything is installed.
// `node src/cli/runtime.mjs [--install] <file> [arguments]` runs a file of this repository on the Node version the platform needs.
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, lstatSync, readFileSync, realpathSync, statSync, writeFileSync } from 'node:fs';
import { constants } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = resolve(fileURLToPath(new URL('../../', import.meta.url)));
/** The first Node that runs TypeScript unflagged and has what node:sqlite needs here. */
const NODE_MIN = [24, 15];
/** libuv threads: each open camera blocks up to two, and a process holds 16 cameras; libuv's own 4 starve the rest. */
const THREADS = '36';

/** True when `version` (`24.15.0`) can run the platform. */
export function isNodeNewEnough(version) {
  const [major, minor] = version.split('.').map(Number);
  return major > NODE_MIN[0] || (major === NODE_MIN[0] && minor >= NODE_MIN[1]);
}

/** True when `npm ci` is needed: nothing installed, an install that did not end, or another lockfile than the installed one. */
export function isInstallStale(root) {
  const modules = join(root, 'node_modules');
  const lockfile = join(root, 'package-lock.json');
  if (!existsSync(modules)) return true;
  if (lstatSync(modules).isSymbolicLink() || !existsSync(lockfile)) return false; // someone else's install: never replaced from here
  const installed = join(modules, '.package-lock.json'); // npm writes it last
  if (!existsSync(installed)) return true;
  const stamp = join(modules, '.vto-lock'); // git touches time stamps of unchanged files: the hash decides when there is one
  if (existsSync(stamp)) return readFileSync(stamp, 'utf8') !== hashOf(lockfile);
  return statSync(installed).mtimeMs < statSync(lockfile).mtimeMs;
}

/** Installs the dependencies when needed. Returns the milliseconds it took, 0 when there was nothing to do. */
export function install(root) {
  if (!isInstallStale(root)) return 0;
  const startedAt = Date.now();
  process.stderr.write('vto: installing dependencies (npm ci), once per checkout …\n');
  const byNpm = /\.[cm]?js$/.test(process.env.npm_execpath ?? '');
  const command = byNpm ? process.execPath : 'npm';
  const flags = ['ci', '--include=dev', '--no-audit', '--no-fund', '--loglevel=error']; // warnings are about the Node that npm runs on, which is not the one that runs the platform
  const result = spawnSync(command, byNpm ? [process.env.npm_execpath, ...flags] : flags, {
    cwd: root, stdio: ['ignore', 2, 2], shell: !byNpm && process.platform === 'win32', // stdout belongs to the program
  });
  if (result.status !== 0) fail(`npm ci failed (${result.error?.message ?? `exit ${result.status ?? result.signal}`}); its messages are above`, 1);
  writeFileSync(join(root, 'node_modules', '.vto-lock'), hashOf(join(root, 'package-lock.json')));
  const tookMs = Date.now() - startedAt;
  process.stderr.write(`vto: installed in ${(tookMs / 1000).toFixed(1)} s\n`);
  return tookMs;
}

/** The Node that runs the platform: this one when new enough, else the one of the `node` npm package; undefined when there is none. */
export function chooseNode(root) {
  if (isNodeNewEnough(process.versions.node)) return process.execPath;
  const packaged = join(root, 'node_modules', 'node', 'bin', process.platform === 'win32' ? 'node.exe' : 'node');
  return existsSync(packaged) ? packaged : undefined;
}

/**
 * Runs `target` with `args` on `node`, hands signals on, and ends with its exit code (128 + number of the signal that killed it).
 * Environment of the target: VTO_STARTED_AT_MS (epoch ms of this launcher's start), VTO_INSTALL_MS, VTO_LAUNCHER_PID (it ends when that process does).
 */
export function launch({ node, target, args, installMs, compileCache }) {
  const env = { ...process.env, VTO_STARTED_AT_MS: String(Math.round(performance.timeOrigin)), VTO_INSTALL_MS: String(installMs), VTO_LAUNCHER_PID: String(process.pid) };
  env.UV_THREADPOOL_SIZE ||= THREADS; // read once, when a process starts: too late inside the program
  if (compileCache !== undefined) env.NODE_COMPILE_CACHE ||= compileCache;
  const child = spawn(node, ['--disable-warning=ExperimentalWarning', '--enable-source-maps', target, ...args], { stdio: 'inherit', env });
  // Addresses may hold passwords, and every user of the machine can read a command line.
  if (args.some((arg) => arg.includes('://'))) process.title = ['vto', ...args.map((arg) => arg.replace(/:\/\/.*/s, '://…'))].join(' ');
  // Ctrl-C goes to the whole foreground group, so the program may get one twice; it takes what comes within a second for one.
  process.on('SIGINT', () => child.kill('SIGINT'));
  process.on('SIGTERM', () => child.kill('SIGTERM'));
  process.on('SIGHUP', () => child.kill('SIGHUP'));
  if (process.env.npm_lifecycle_event !== undefined) endWithParent(child);
  child.on('error', (error) => fail(`cannot run ${node}: ${error.message}`, 1));
  child.on('exit', (code, signal) => process.exit(code ?? 128 + constants.signals[signal]));
}

/** The scripts say `exec node …`, so that npm's signals reach this process and not a shell that keeps them. A parent that was killed hands on none: its death is then the sign to end. */
function endWithParent(child) {
  const parent = process.ppid;
  const timer = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(timer);
    child.kill('SIGTERM');
  }, 500);
}

/** Prints why nothing can run and ends. */
export function fail(message, code) {
  process.stderr.write(`vto: ${message}\n`);
  process.exit(code);
}

/** Installs when asked to, then runs a file of the repository at `root`. */
export function launchFromClone(target, args, isInstalling) {
  const installMs = isInstalling ? install(ROOT) : 0;
  if (!existsSync(join(ROOT, 'node_modules'))) fail(`dependencies are not installed; run npm ci in ${ROOT}`, 1);
  const node = chooseNode(ROOT);
  if (node === undefined) {
    fail(`Node ${NODE_MIN.join('.')} or newer is needed, this is ${process.versions.node}, and node_modules holds none (was npm run with ignore-scripts?)`, 1);
  }
  launch({ node, target: resolve(ROOT, target), args, installMs, compileCache: join(ROOT, 'node_modules', '.cache') });
}

function hashOf(file) {
  return createHash('sha256').update(readFileSync(file)).digest('hex');
}

if (process.argv[1] !== undefined && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) {
  const isInstalling = process.argv[2] === '--install';
  const [target, ...args] = process.argv.slice(isInstalling ? 3 : 2);
  if (target === undefined) fail('usage: node src/cli/runtime.mjs [--install] FILE [ARGUMENTS]', 2);
  launchFromClone(target, args, isInstalling);
}
