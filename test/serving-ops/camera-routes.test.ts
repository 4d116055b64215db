import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { CameraRow } from '../../src/data-ops/store.ts';
import type { CameraId } from '../../src/engine/units.ts';
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

test('adds a camera with further sources, a tenant and a share, and shows them without passwords', () => withGateway({}, async ({ backend, call }) => {
  const said = { fallbacks: ['rtsp://root:hunter2@cam/sub', 'synthetic://yard'], standby: 'warm', restoreAfterMs: 500, tenant: 'harbour', priority: 2 };
  const { json, text } = await call('POST', '/api/v1/cameras', { body: { id: 'gate', uri: 'rtsp://cam/1', ...said } });
  assert.equal([json['fallbacks'], json['standby'], json['restoreAfterMs'], json['tenant'], json['priority']], [['rtsp://cam/sub', 'synthetic://yard'], 'warm', 500, 'harbour', 2]);
  assert.not.match(text, 'hunter2');
  assert.equal(backend.rows.get('gate' as CameraId), { id: 'gate', uri: 'rtsp://cam/1', maxFps: null, isDetecting: true, isLooping: false, ...said });
  const plain = await call('POST', '/api/v1/cameras', { body: { id: 'plain', uri: 'rtsp://cam/2' } });
  assert.equal([plain.json['fallbacks'], plain.json['standby'], plain.json['restoreAfterMs'], plain.json['tenant'], plain.json['priority']], [[], 'cold', 10_000, 'default', 1]);
}));

test('changes any field of a camera by merge patch: what is left out stays, null goes back to the default', () => withGateway({}, async ({ backend, call }) => {
  const id = 'gate' as CameraId;
  await call('POST', '/api/v1/cameras', { body: { id, uri: 'rtsp://root:hunter2@cam/1', fallbacks: ['rtsp://root:hunter2@cam/2'], priority: 2, maxFps: 5, fps: 3, modality: 'depth', encoders: ['hog'] } });
  const before = backend.rows.get(id);
  const change = (patch: unknown, type = 'application/merge-patch+json'): ReturnType<typeof call> => call('PATCH', `/api/v1/cameras/${id}`, { body: JSON.stringify(patch), headers: { 'content-type': type } });
  const answer = await change({ priority: 3 });
  assert.is(answer.status, 200, answer.text);
  assert.is(answer.json['priority'], 3);
  assert.not.match(answer.text, 'hunter2');
  assert.equal(backend.rows.get(id), { ...before, priority: 3 });
  await change({ priority: null, maxFps: null, tenant: 'harbour', detect: false }, 'application/json');
  const { priority: _, ...rest } = before as CameraRow;
  assert.equal(backend.rows.get(id), { ...rest, maxFps: null, tenant: 'harbour', isDetecting: false });
  await change({ uri: 'rtsp://root:other@cam/3', fallbacks: null, fps: null, encoders: null, modality: null, tenant: null, detect: null });
  assert.equal(backend.rows.get(id), { id, uri: 'rtsp://root:other@cam/3', maxFps: null, isDetecting: true, isLooping: false });
  const now = backend.rows.get(id);
  const refused: readonly (readonly [unknown, number, string | undefined])[] = [
    [{ uri: null }, 400, 'uri'], [{ uri: 'gopher://x/' }, 400, 'uri'], [{ id: 'other' }, 400, 'id'], [{ speed: 5 }, 400, 'speed'], [{ speed: null }, 400, 'speed'], [{ priority: 0 }, 400, 'priority'], [{ fallbacks: ['rtsp://cam/2', 7] }, 400, 'fallbacks.1'],
    [[], 400, ''], ['x', 400, ''], [null, 400, ''], [{ encoders: ['hogg'] }, 400, undefined], [{ range: [4, 0.5] }, 400, 'range'], [{ tenant: 'Harbour' }, 400, 'tenant'],
  ];
  for (const [patch, status, field] of refused) {
    const { status: found, json } = await change(patch);
    assert.equal([found, json['field']], [status, field], JSON.stringify(patch));
  }
  assert.equal(backend.rows.get(id), now, 'a change that is refused changes nothing');
  assert.is((await call('PATCH', '/api/v1/cameras/nobody', { body: { priority: 1 } })).status, 404);
}));

test('every source that a request names needs leave, wherever it stands', () => withGateway({ allowStreams: ['/footage/dock.mp4'] }, async ({ call }) => {
  const added = await call('POST', '/api/v1/cameras', { body: { id: 'a', uri: 'rtsp://cam/1', fallbacks: ['/footage/dock.mp4', '/etc/passwd'] } });
  assert.is(added.json['code'], 'STREAM_NOT_ALLOWED');
  assert.is((await call('POST', '/api/v1/cameras', { body: { id: 'a', uri: 'rtsp://cam/1', fallbacks: ['/footage/dock.mp4'] } })).status, 201);
  for (const patch of [{ uri: '/etc/passwd' }, { fallbacks: ['/etc/passwd'] }]) assert.is((await call('PATCH', '/api/v1/cameras/a', { body: patch })).json['code'], 'STREAM_NOT_ALLOWED');
  assert.is((await call('PATCH', '/api/v1/cameras/a', { body: { uri: '/footage/dock.mp4' } })).status, 200);
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
