import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { PlatformError } from '../../../src/engine/errors.ts';
import { loadConfig, type ConfigSources } from '../../../src/utility-ops/config/load-config.ts';
import { planNode } from '../../../src/utility-ops/config/node-roles.ts';

const cwd = mkdtempSync(join(tmpdir(), 'vto-config-'));
test.after(() => rmSync(cwd, { recursive: true }));

function file(name: string, text: string): string {
  writeFileSync(join(cwd, name), text);
  return name;
}

function refusal(sources: Omit<ConfigSources, 'cwd'>): PlatformError {
  try {
    loadConfig({ cwd, ...sources });
  } catch (error) {
    assert.instance(error, PlatformError);
    assert.is((error as PlatformError).code, 'CONFIG_INVALID');
    return error as PlatformError;
  }
  throw new Error('the settings were accepted');
}

test('without any source every setting has its default and paths are absolute', () => {
  const config = loadConfig({ cwd });
  assert.is(config.data, join(cwd, '.vto'));
  assert.is(config.serving.httpPort, 8080);
  assert.is(config.recording.maxBytes, 20e9);
  assert.is(config.modelOps.model, 'motion');
  assert.equal(config.cameras, []);
  assert.ok(Object.isFrozen(config.serving));
});

test('a later file beats an earlier one, the environment beats files, flags beat all, key by key', () => {
  const files = [file('a.toml', '[serving]\nhttpPort = 1\nhttpHost = "a"\nmaxStreams = 3\n[vision]\nprocesses = 2'), file('b.toml', '[serving]\nhttpPort = 2\nhttpHost = "b"')];
  const config = loadConfig({ cwd, files, environment: { VTO__SERVING__HTTP_PORT: '3', VTO__SERVING__MAX_STREAMS: '9' }, flags: { serving: { httpPort: 4, httpHost: undefined } } });
  assert.is(config.serving.httpPort, 4);
  assert.is(config.serving.httpHost, 'b');
  assert.is(config.serving.maxStreams, 9);
  assert.is(config.vision.processes, 2);
});

test('cameras of all sources are joined by id', () => {
  const files = [file('c.toml', '[[cameras]]\nid = "one"\nuri = "clip.mp4"\n[[cameras]]\nid = "two"\nuri = "rtsp://h/2"')];
  const { cameras } = loadConfig({ cwd, files, flags: { cameras: [{ id: 'two', uri: 'rtsp://other/2', maxFps: 3 }, { id: 'three', uri: 'synthetic:640x360' }] } });
  assert.equal(cameras.map(({ id, uri }) => [id, uri]), [['one', join(cwd, 'clip.mp4')], ['two', 'rtsp://other/2'], ['three', 'synthetic:640x360']]);
  assert.is(cameras[1]!.maxFps, 3);
});

test('environment variables find their key whatever the case and underscores, and get its type', () => {
  const config = loadConfig({
    cwd, environment: {
      VTO__INGRESS__MAX_FPS: '30', VTO__MODEL_OPS__GPU_POOL: '4', VTO__SERVING__HTTP_PORT: '8081', VTO__modelops__labels: 'cat, dog', VTO__MODELOPS__PROVIDERS: '["cuda","cpu"]',
      VTO__DATA: '123', VTO__RECORDING__MAXBYTES: '1.5 GiB', VTO__CAMERAS: '[{"id":"a","uri":"rtsp://h/1","isLooping":true}]', VTO_OTHER: 'x', PATH: '/bin',
    },
  });
  assert.is(config.ingress.maxFps, 30);
  assert.is(config.modelOps.gpuPool, 4);
  assert.equal(config.modelOps.labels, ['cat', 'dog']);
  assert.equal(config.modelOps.providers, ['cuda', 'cpu']);
  assert.is(config.data, join(cwd, '123'));
  assert.is(config.recording.maxBytes, 1.5 * 2 ** 30);
  assert.is(config.cameras[0]!.isLooping, true);
});

test('an unknown key is refused with its path, its file, the nearest and the known names', () => {
  const error = refusal({ files: [file('d.toml', '[serving]\nhtpPort = 1')] });
  assert.match(error.message, `unknown setting 'serving.htpPort' (${join(cwd, 'd.toml')}); did you mean 'httpPort'? known: httpHost, httpPort`);
  assert.is(error.facts['path'], 'serving.htpPort');
});

test('a wrong value is refused with its path, value and source', () => {
  assert.match(refusal({ environment: { VTO__SERVING__HTTP_PORT: '70000' } }).message, /^serving\.httpPort: too big: .*65535, not 70000 \(VTO__SERVING__HTTP_PORT\)$/);
  assert.match(refusal({ environment: { VTO__SERVING__HTTP_PORT: 'abc' } }).message, "VTO__SERVING__HTTP_PORT must be a number, not 'abc'");
  assert.match(refusal({ flags: { recording: { maxBytes: '5 bananas' } } }).message, 'recording.maxBytes: expected bytes like "20GB" or "500MiB", not "5 bananas" (command line)');
  assert.match(refusal({ environment: { VTO__UTILITY_OPS__LOG_LEVEL: 'loud' } }).message, /utilityOps\.logLevel: .*"debug"\|"info".*, not "loud"/);
  assert.match(refusal({ files: [file('e.toml', 'ingress = 3')] }).message, /ingress: .*expected object.* not 3/);
});

test('every problem is named, not only the first', () => {
  const { message } = refusal({ files: [file('f.toml', 'colour = 1\n[vision]\nprocesses = -1\nspeed = 2')] });
  for (const part of ['colour', 'vision.processes', 'vision.speed']) assert.match(message, part);
});

test('an unknown environment variable is refused with the nearest and the known ones', () => {
  const { message } = refusal({ environment: { VTO__SERVING__HTTP_PROT: '1' } });
  assert.match(message, 'did you mean VTO__SERVING__HTTP_PORT?');
  assert.match(refusal({ environment: { VTO__SERVING: '1' } }).message, 'names no setting');
  assert.match(refusal({ environment: { VTO__SERVING__HTTP_PORT__X: '1' } }).message, 'names no setting');
});

test('a camera id given twice, or malformed, is refused', () => {
  assert.match(refusal({ flags: { cameras: [{ id: 'a', uri: 'x.mp4' }, { id: 'a', uri: 'y.mp4' }] } }).message, "camera id 'a' is given twice");
  assert.match(refusal({ flags: { cameras: [{ id: 'A b', uri: 'x.mp4' }] } }).message, /cameras\[0\]\.id: expected 1 to 63/);
});

test('no refusal repeats a camera password', () => {
  const secret = 'hunter2';
  const refusals = [
    refusal({ environment: { VTO__CAMERAS: `rtsp://u:${secret}@h/1` } }),
    refusal({ environment: { VTO__CAMERAS: `[{"uri":"rtsp://u:${secret}@h/1"` } }),
    refusal({ files: [file('g.toml', `[[cameras]]\nid = "a"\nuri = "rtsp://u:${secret}@h/1\n`)] }),
    refusal({ files: [file('i.toml', `[[cameras]]\nid = "a"\nuri = "b"\nfallbacks = "rtsp://u:${secret}@h/1"\n`)] }),
    refusal({ files: [file('h.toml', `[[cameras]]\nid = "A"\nuri = ["rtsp://u:${secret}@h/1"]\n`)] }),
  ];
  for (const { message } of refusals) assert.not.match(message, secret);
});

test('a missing or malformed file is refused by name', () => {
  assert.match(refusal({ files: ['absent.toml'] }).message, join(cwd, 'absent.toml'));
  assert.match(refusal({ files: [file('i.toml', 'a = \n')] }).message, /i\.toml is no valid TOML at line 1/);
});

test('keys that would reach an object prototype are refused as unknown', () => {
  assert.match(refusal({ files: [file('j.toml', '["__proto__"]\nx = 1')] }).message, /__proto__|TOML/);
  assert.match(refusal({ files: [file('k.toml', '[serving]\n["serving"."__proto__"]\nx = 1')] }).message, '__proto__');
  assert.match(refusal({ environment: { VTO____PROTO__: '1' } }).message, 'names no setting');
});

test('the edge example is valid', () => {
  const config = loadConfig({ cwd, files: [fileURLToPath(new URL('../../../config/edge.toml', import.meta.url))] });
  assert.is(config.recording.maxBytes, 4e9);
});

test('the cluster example is valid for every role, and open to probes', () => {
  const files = [fileURLToPath(new URL('../../../config/cluster.toml', import.meta.url))];
  for (const roles of ['camera,recorder', 'camera', 'detector', 'gateway']) assert.ok(planNode(loadConfig({ cwd, files, environment: { VTO__ROLES: roles } })).isCluster, roles);
  for (const roles of ['featurizer', 'detector']) assert.ok(planNode(loadConfig({ cwd, files, environment: { VTO__ROLES: roles, VTO__VISION__IS_SPLIT: 'true' } })).isCluster, roles);
  const { serving } = loadConfig({ cwd, files });
  assert.is(serving.httpHost, '0.0.0.0');
});

test.run();
