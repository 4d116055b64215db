import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { withGateway } from '../support/with-gateway.ts';

test('adds, shows, lists and removes a camera', () => withGateway({}, async ({ call }) => {
  const added = await call('POST', '/api/v1/cameras', { body: { id: 'dock-1', uri: 'rtsp://root:hunter2@cam/live', maxFps: 5, loop: true } });
  assert.is(added.status, 201);
  assert.is(added.headers['location'], '/api/v1/cameras/dock-1');
  assert.is(added.json['maxFps'], 5);
  assert.is(added.json['isDetecting'], true);
  assert.not.match(added.text, 'hunter2');
  assert.is((await call('GET', '/api/v1/cameras/dock-1')).json['id'], 'dock-1');
  assert.is(((await call('GET', '/api/v1/cameras')).json['cameras'] as unknown[]).length, 1);
  assert.is((await call('POST', '/api/v1/cameras', { body: { id: 'dock-1', uri: 'rtsp://cam/live' } })).json['code'], 'CAMERA_EXISTS');
  assert.is((await call('DELETE', '/api/v1/cameras/dock-1')).status, 204);
  const gone = await call('DELETE', '/api/v1/cameras/dock-1');
  assert.is(gone.status, 404);
  assert.is(gone.json['code'], 'CAMERA_UNKNOWN');
}));

test('adds a camera with what its samples mean, and shows it', () => withGateway({}, async ({ call }) => {
  const said = { fps: 5, modality: 'depth', metresPerStep: 0.0002, range: [0.5, 4] };
  const { json } = await call('POST', '/api/v1/cameras', { body: { id: 'kinect', uri: 'rtsp://cam/depth', ...said } });
  assert.equal(json['pictures'], said);
  assert.not('pictures' in (await call('POST', '/api/v1/cameras', { body: { id: 'plain', uri: 'rtsp://cam/live', modality: 'auto' } })).json);
  assert.equal((await call('POST', '/api/v1/cameras', { body: { id: 'tau', uri: 'rtsp://cam/heat', modality: 'thermal', kelvinPerStep: 0.04 } })).json['pictures'], { fps: null, modality: 'thermal', metresPerStep: null, kelvinPerStep: 0.04, range: null });
}));

test('names the field of a body that is wrong', () => withGateway({}, async ({ backend, call }) => {
  const good = { id: 'a', uri: 'rtsp://cam/1' };
  const cases: [object, string][] = [
    [{ ...good, id: 'UPPER' }, 'id'], [{ uri: 'rtsp://cam' }, 'id'], [{ ...good, uri: 7 }, 'uri'], [{ ...good, uri: 'rtsp://a@b@c/' }, 'uri'], [{ ...good, uri: 'gopher://x/' }, 'uri'],
    [{ ...good, maxFps: -1 }, 'maxFps'], [{ ...good, maxFps: '5' }, 'maxFps'], [{ ...good, detect: 'yes' }, 'detect'], [{ ...good, speed: 5 }, 'speed'], [{ ...good, fps: 0 }, 'fps'],
    [{ ...good, modality: 'radar' }, 'modality'], [{ ...good, range: [4, 0.5] }, 'range'], [{ ...good, range: [1] }, 'range'], [{ ...good, metresPerStep: -1 }, 'metresPerStep'], [[], ''], [{ ...good, uri: '' }, 'uri'],
  ];
  for (const [body, field] of cases) {
    const answer = await call('POST', '/api/v1/cameras', { body });
    assert.is(answer.status, 400, JSON.stringify(body));
    assert.is(answer.json['field'], field, JSON.stringify(body));
  }
  assert.is(backend.views.length, 0);
}));

test('a caller cannot have files read that were not allowed', () => withGateway({ allowStreams: ['/footage/dock.mp4'] }, async ({ call }) => {
  for (const uri of ['/etc/passwd', 'file:///etc/passwd', '/footage/../etc/passwd', 'FILE:///etc/passwd']) {
    const answer = await call('POST', '/api/v1/cameras', { body: { id: 'a', uri } });
    assert.ok(answer.status === 403 || answer.status === 400, `${uri}: ${String(answer.status)}`);
  }
  const refused = await call('POST', '/api/v1/cameras', { body: { id: 'a', uri: '/footage/gate.mp4' } });
  assert.match(String(refused.json['detail']), "--allow-stream '/footage/gate.mp4'");
  assert.is((await call('POST', '/api/v1/cameras', { body: { id: 'a', uri: '/footage/dock.mp4' } })).status, 201);
}));

test('open to other machines, adding any camera needs leave', () => withGateway({ host: '0.0.0.0', allowStreams: ['rtsp://my.cam/*'] }, async ({ call }) => {
  assert.is((await call('POST', '/api/v1/cameras', { body: { id: 'a', uri: 'rtsp://169.254.169.254/x' } })).json['code'], 'STREAM_NOT_ALLOWED');
  assert.is((await call('POST', '/api/v1/cameras', { body: { id: 'a', uri: 'rtsp://my.cam/x' } })).status, 201);
}));

test.run();
