import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { formatCamera, formatCameras } from '../../src/cli/cameras-text.ts';
import { FakeBackend } from '../support/fake-backend.ts';
import { runVto } from '../support/vto-process.ts';
import { withGateway } from '../support/with-gateway.ts';

test('cameras are added, listed, shown, changed and removed over the API of a running vto', () => withGateway({}, async ({ port, backend }) => {
  const vto = async (line: string): Promise<string> => {
    const { code, stdout, stderr } = await runVto(['cameras', ...line.split(' '), '--url', `http://127.0.0.1:${port}`]);
    return code === 0 ? stdout : `${String(code)} ${stderr}`;
  };
  assert.match(await vto('add gate=rtsp://root:hunter2@cam/1 --fallback rtsp://root:hunter2@cam/2 --priority 2'), /^gate\n {2}state {6}live.*\n {2}source {5}rtsp:\/\/cam\/1\n {2}fallbacks {2}rtsp:\/\/cam\/2\n/);
  assert.match(await vto('list'), /^gate {2}live {2}25\.0 fps {2}rtsp:\/\/cam\/1\n$/);
  assert.match(await vto('change gate --max-fps 5 --default priority --default fallbacks'), / {2}detects {2}on up to 5 frames a second\n {2}share {4}1 of tenant default\n/);
  assert.is((JSON.parse(await vto('show gate --json')) as { readonly maxFps: number }).maxFps, 5);
  assert.match(await vto('show dock'), /CAMERA_UNKNOWN: no camera 'dock' \(known: gate\)/);
  assert.match(await vto('remove gate'), 'gate is removed; its recordings stay');
  assert.is(backend.views.length, 0);
}));

test('a vto with tokens is asked with one, of the flag or of the environment, and refuses others', () => withGateway({ tokens: ['right'] }, async ({ port }) => {
  const args = ['cameras', 'list', '--url', `http://127.0.0.1:${port}`];
  assert.match((await runVto(args)).stderr, 'UNAUTHORIZED');
  assert.is((await runVto([...args, '--token', 'right'])).stdout, 'no cameras; vto cameras add ID=URI adds one\n');
  assert.is((await runVto(args, { VTO_TOKEN: 'right' })).code, 0);
  assert.match((await runVto([...args, '--token', 'wrong'], { VTO_TOKEN: 'right' })).stderr, 'UNAUTHORIZED');
}));

test('an address where nothing answers is said to be one', async () => {
  const { code, stderr } = await runVto(['cameras', 'list', '--url', 'http://127.0.0.1:9']);
  assert.is(code === 0, false);
  assert.match(stderr, 'no vto answers at http://127.0.0.1:9');
});

test('the text shows tenants where there are any, and what went wrong', () => {
  const backend = new FakeBackend();
  const dock = backend.addView('dock', { state: 'retrying', lastError: { code: 'SOURCE_STALLED', message: 'silent for 2 s' }, epoch: 3, maxFps: 0, isDetecting: true });
  const gate = backend.addView('gate', { tenant: 'harbour', isDetecting: false, pictures: { modality: 'depth', fps: 5, metresPerStep: null, range: null }, encoders: [{ name: 'hog', cell: 8 }] });
  assert.is(formatCameras([dock, gate]), 'dock  retrying  25.0 fps  default  rtsp://cam/dock\ngate  live      25.0 fps  harbour  rtsp://cam/gate');
  assert.match(formatCamera(dock), /state {4}retrying, session 3, 25\.0 fps\n {2}error {4}SOURCE_STALLED: silent for 2 s\n/);
  assert.match(formatCamera(dock), 'detects  on every frame');
  for (const line of ['detects   no: recorded only', 'share     1 of tenant harbour', 'pictures  modality depth, fps 5', 'encoders  hog']) assert.match(formatCamera(gate), line);
});

test.run();
