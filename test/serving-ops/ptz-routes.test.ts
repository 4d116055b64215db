import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { PlatformError } from '../../src/engine/errors.ts';
import { withGateway } from '../support/with-gateway.ts';

const PATH = '/api/v1/cameras/gate/ptz';

test('what a camera is told is checked, and passed on as one command', () => withGateway({}, async ({ backend, call }) => {
  backend.addView('gate');
  const bodies = [
    { move: { pan: 0.5 } }, { move: { tilt: -1, zoom: 1, forMs: 200 } }, { absolute: { pan: 0, tilt: 0, speed: { pan: 1 } } }, { relative: { zoom: 0.1 } }, { preset: '007' }, { home: true }, { stop: true },
  ];
  for (const body of bodies) {
    const answer = await call('POST', PATH, { body });
    assert.is(answer.status, 204, answer.text);
  }
  assert.equal(backend.ptzCommands.map(({ command }) => command), [
    { kind: 'continuous', velocity: { pan: 0.5 }, forMs: 5_000 }, { kind: 'continuous', velocity: { tilt: -1, zoom: 1 }, forMs: 200 }, { kind: 'absolute', position: { pan: 0, tilt: 0 }, speed: { pan: 1 } },
    { kind: 'relative', translation: { zoom: 0.1 } }, { kind: 'preset', token: '007' }, { kind: 'home' }, { kind: 'stop' },
  ]);
}));

test('what makes no sense is refused with the field', () => withGateway({}, async ({ backend, call }) => {
  backend.addView('gate');
  for (const body of [{}, { move: {} }, { move: { pan: 2 } }, { move: { pan: 1, forMs: 0 } }, { stop: false }, { stop: true, home: true }, { absolute: { speed: { pan: 1 } } }, { preset: '' }, { turn: 1 }]) {
    const answer = await call('POST', PATH, { body });
    assert.equal([answer.status, answer.json['code']], [400, 'REQUEST_INVALID'], JSON.stringify(body));
  }
  assert.equal(backend.ptzCommands, []);
  assert.is((await call('POST', '/api/v1/cameras/nobody/ptz', { body: { stop: true } })).status, 404);
}));

test('where a camera looks is told, and a camera that cannot says so', () => withGateway({}, async ({ backend, call }) => {
  backend.addView('gate');
  assert.equal((await call('GET', PATH)).json, { status: { pan: 0.5, tilt: 0, panTiltState: 'IDLE' }, presets: [{ token: '007', name: 'gate' }] });
  backend.failWith = new PlatformError('PTZ_UNSUPPORTED', 'it cannot turn', {});
  const answer = await call('POST', PATH, { body: { home: true } });
  assert.equal([answer.status, answer.json['code'], answer.json['detail']], [501, 'PTZ_UNSUPPORTED', 'it cannot turn']);
}));

test.run();
