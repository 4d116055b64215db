import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { setupCuda, type SetupHost } from '../../../src/cli/setup-cuda/setup-cuda.ts';
import { cudaLibraries } from '../../../src/inference/cuda-libraries.ts';

const MAIN = fileURLToPath(new URL('../../../src/cli/setup-cuda/main.ts', import.meta.url));

interface World { readonly machine?: Partial<SetupHost['machine']>; readonly isInstalled?: boolean; readonly download?: { readonly code: number; readonly output: string }; readonly cuda?: string; readonly needed?: readonly string[] }

/** Runs the set-up on a machine of our making. */
async function setUp(args: readonly string[], { machine, isInstalled = false, download = { code: 0, output: '' }, cuda = '', needed = [] }: World = {}) {
  const said: string[] = [];
  const runs: Readonly<Record<string, string | undefined>>[] = [];
  let isThere = isInstalled;
  const files = ['/lib/libonnxruntime_providers_shared.so', '/lib/libonnxruntime_providers_cuda.so'];
  const code = await setupCuda(args, {
    machine: { platform: 'linux', arch: 'x64', glibc: '2.36', hasDriver: true, ...machine },
    libraries: { script: '/script/install.js', folder: '/lib', files, missing: () => (isThere ? [] : files) },
    run: async (_script, env) => { runs.push(env); isThere ||= download.code === 0; return download; },
    unresolved: async () => needed,
    probe: async () => [{ name: 'cpu', isAvailable: true, reason: '' }, { name: 'cuda', isAvailable: cuda === '', reason: cuda }, { name: 'tensorrt', isAvailable: false, reason: 'x' }],
    say: line => { said.push(line); },
  });
  return { code, said: said.join('\n'), runs };
}

test('fetches the libraries, tries them, and says how to use them', async () => {
  const { code, said, runs } = await setUp([]);
  assert.is(code, 0);
  assert.match(said, /cuda starts\. Use it with: --provider cuda --provider cpu/);
  assert.match(said, /tensorrt does not start: .*cuda needs it not/);
  assert.is(runs.length, 1);
});

// The script of onnxruntime-node 1.30.0 makes nothing of `cuda12`, and under npm in a clone it ends with 0 without fetching anything.
test('forces the download, and hides npm from the install script', async () => {
  process.env['npm_config_local_prefix'] = '/clone';
  process.env['ONNXRUNTIME_NODE_INSTALL_CUDA'] = 'skip';
  const { runs: [env = {}] } = await setUp([]);
  assert.is(env['ONNXRUNTIME_NODE_INSTALL'], 'true');
  assert.equal(Object.keys(env).filter(name => /^npm_|INSTALL_CUDA/.test(name)), []);
  assert.is(env['PATH'], process.env['PATH']);
});

test('fetches nothing that is there, unless forced, and nothing when only asked to check', async () => {
  assert.is((await setUp([], { isInstalled: true })).runs.length, 0);
  assert.is((await setUp(['--force'], { isInstalled: true })).runs.length, 1);
  const check = await setUp(['--check']);
  assert.equal([check.code, check.runs.length], [1, 0]);
  assert.match(check.said, /not there: .*_cuda\.so.*npm run setup:cuda/);
  assert.is((await setUp(['--check'], { isInstalled: true })).code, 0);
});

test('refuses machines that the libraries are not made for, before anything is fetched', async () => {
  const refusals: readonly (readonly [World['machine'], RegExp])[] = [
    [{ platform: 'darwin', arch: 'arm64' }, /for linux\/x64 only, this is darwin\/arm64/],
    [{ platform: 'win32' }, /for linux\/x64 only, this is win32\/x64/],
    [{ arch: 'arm64' }, /for linux\/x64 only, this is linux\/arm64/],
    [{ glibc: undefined }, /another C library \(Alpine\?\)/],
    [{ glibc: '2.27' }, /need glibc 2\.28 or newer, this system has 2\.27/],
  ];
  for (const [machine, pattern] of refusals) {
    const { code, said, runs } = await setUp([], { machine: machine ?? {} });
    assert.equal([code, runs.length], [1, 0]);
    assert.match(said, pattern);
  }
  assert.is((await setUp([], { machine: { glibc: '2.28' } })).code, 0);
});

test('says what a failed download means', async () => {
  const failures: readonly (readonly [string, RegExp])[] = [
    ['Error: getaddrinfo ENOTFOUND api.nuget.org', /cannot be reached from here.*GLOBAL_AGENT_HTTPS_PROXY.*copy libonnxruntime_providers_shared\.so, libonnxruntime_providers_cuda\.so/],
    ['Error: connect ETIMEDOUT 13.107.213.40:443', /cannot be reached/],
    ['Error: self-signed certificate in certificate chain', /NODE_EXTRA_CA_CERTS/],
    ['Error: Failed to download build list. HTTP status code = 503', /HTTP status 503/],
    ['Error: ENOSPC: no space left on device, write', /disk is full/],
    ['Error: EACCES: permission denied, copyfile', /cannot be written/],
    ['Error: Failed to find specific package versions', /install script of onnxruntime-node failed: Error: Failed to find/],
    ['', /it said nothing/],
  ];
  for (const [output, pattern] of failures) {
    const { code, said } = await setUp([], { download: { code: 1, output } });
    assert.is(code, 1);
    assert.match(said, pattern);
  }
});

test('says why a provider does not start although its libraries are there', async () => {
  const reasons: readonly (readonly [World, RegExp])[] = [
    [{ cuda: 'Failed to load shared library', needed: ['libcudart.so.12', 'libcudnn.so.9'] }, /not found: libcudart\.so\.12, libcudnn\.so\.9\. Install the CUDA 12 runtime/],
    [{ cuda: 'Failed to load shared library', needed: ['GLIBC_2.34'] }, /need GLIBC_2\.34, which is newer/],
    [{ cuda: 'CUDA failure 100: no CUDA-capable device is detected', machine: { hasDriver: false } }, /no NVIDIA driver is loaded.*--gpus all/],
    [{ cuda: 'CUDA failure 35: CUDA driver version is insufficient for CUDA runtime version' }, /driver is too old/],
    [{ cuda: 'CUDA failure 46: busy' }, /cuda does not start: CUDA failure 46: busy/],
  ];
  for (const [world, pattern] of reasons) {
    const { code, said } = await setUp([], { ...world, isInstalled: true });
    assert.is(code, 1);
    assert.match(said, pattern);
  }
});

test('refuses arguments it does not know, with how it is used', async () => {
  for (const args of [['cuda12'], ['--check', '--force'], ['--chek']]) {
    const { code, said, runs } = await setUp(args);
    assert.equal([code, runs.length], [2, 0]);
    assert.match(said, /usage: npm run setup:cuda/);
  }
  assert.equal([(await setUp(['--help'])).code, (await setUp(['--help'])).runs.length], [0, 0]);
});

const onLinux = process.platform === 'linux' && process.arch === 'x64' && cudaLibraries().missing().length > 0 ? test : test.skip; // where the libraries are there, the real script would write over them

onLinux('the real install script, cut off from the network, ends with what to do about it', () => {
  const nowhere = 'http://127.0.0.1:9';
  const { status, stdout } = spawnSync(process.execPath, [MAIN], { encoding: 'utf8', env: { ...process.env, GLOBAL_AGENT_HTTPS_PROXY: nowhere, GLOBAL_AGENT_HTTP_PROXY: nowhere, GLOBAL_AGENT_NO_PROXY: '' }, timeout: 60_000 });
  assert.is(status, 1, stdout);
  assert.match(stdout, /fetching the CUDA libraries[^]*NuGet \(https:\/\/api\.nuget\.org\) cannot be reached from here/);
});

test.run();
