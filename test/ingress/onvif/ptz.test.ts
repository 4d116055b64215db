import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { PlatformError } from '../../../src/engine/errors.ts';
import { systemClock } from '../../../src/engine/system-clock.ts';
import { connectOnvif, type OnvifDevice } from '../../../src/ingress/onvif/connect-onvif.ts';
import { parseOnvifUri } from '../../../src/ingress/onvif/onvif-uri.ts';
import { commandPtz, ptzPresets, ptzStatus } from '../../../src/ingress/onvif/ptz.ts';
import { faultAnswer } from '../../support/onvif-answers.ts';
import { startOnvifCamera, type OnvifCamera, type OnvifCameraOptions } from '../../support/onvif-camera.ts';

const never = new AbortController().signal;

async function withDevice(options: OnvifCameraOptions, use: (device: OnvifDevice, camera: OnvifCamera) => Promise<void>): Promise<void> {
  const camera = await startOnvifCamera({ login: 'ws-security', ...options });
  try {
    await use(await connectOnvif({ ...parseOnvifUri(`onvif://admin:secret@127.0.0.1:${camera.port}`), clock: systemClock }, never), camera);
  } finally {
    await camera.close();
  }
}

test('a camera is moved, stopped and asked where it looks', () => withDevice({}, async (device, camera) => {
  await commandPtz(device, 'profile_1', { kind: 'continuous', velocity: { pan: 0.5 }, forMs: 1_500 }, never);
  const moved = camera.requests.at(-1)?.body ?? '';
  assert.match(moved, '<PanTilt x="0.5" y="0"');
  assert.not.match(moved, '<Zoom');
  assert.match(moved, '<Timeout>PT1.5S</Timeout>');
  assert.is((await ptzStatus(device, 'profile_1', never)).panTiltState, 'MOVING');
  await commandPtz(device, 'profile_1', { kind: 'stop' }, never);
  await commandPtz(device, 'profile_1', { kind: 'absolute', position: { pan: 0.25, tilt: -0.5, zoom: 1 }, speed: { pan: 1 } }, never);
  await commandPtz(device, 'profile_1', { kind: 'relative', translation: { tilt: 0.25 } }, never);
  assert.equal(await ptzStatus(device, 'profile_1', never), { pan: 0.25, tilt: -0.25, zoom: 1, panTiltState: 'IDLE', zoomState: 'IDLE' });
}));

test('presets are listed with their tokens as sent, and gone to', () => withDevice({}, async (device, camera) => {
  assert.equal(await ptzPresets(device, 'profile_1', never), [{ token: '1', name: 'gate & yard', position: { pan: 0.5, tilt: -0.25, zoom: 0.1 } }, { token: '007', name: '007' }]);
  await commandPtz(device, 'profile_1', { kind: 'preset', token: '</PresetToken><evil/>' }, never);
  assert.match(camera.requests.at(-1)?.body ?? '', '<PresetToken>&#60;/PresetToken&#62;&#60;evil/&#62;</PresetToken>');
}));

test('a camera that cannot says so by name, without a service and with a fault alike', async () => {
  const refused = async (options: OnvifCameraOptions): Promise<void> => withDevice(options, async device => {
    const error = await ptzStatus(device, 'profile_1', never).then(() => undefined, (failure: unknown) => failure);
    assert.instance(error, PlatformError);
    assert.is((error as PlatformError).code, 'PTZ_UNSUPPORTED', String(error));
  });
  await refused({ hasPtz: false });
  await refused({ answers: operation => (operation === 'GetStatus' ? faultAnswer('ActionNotSupported', 'Optional Action Not Implemented') : undefined) });
});

test('another fault stays what it is', () => withDevice({ answers: operation => (operation === 'Stop' ? faultAnswer('NoProfile', 'no such profile') : undefined) }, async device => {
  const error = await commandPtz(device, 'gone', { kind: 'stop' }, never).then(() => undefined, (failure: unknown) => failure);
  assert.is((error as PlatformError).code, 'ONVIF_REFUSED', String(error));
}));

test.run();
