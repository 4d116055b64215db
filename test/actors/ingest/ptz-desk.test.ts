import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Desk, DeskHandler } from '../../../actors/ingest/desk.ts';
import { servePtz } from '../../../actors/ingest/ptz-desk.ts';
import { PlatformError } from '../../../src/engine/errors.ts';
import { systemClock } from '../../../src/engine/system-clock.ts';
import type { CameraId } from '../../../src/engine/units.ts';
import type { PtzCommand, PtzView } from '../../../src/ingress/onvif/ptz.ts';
import { faultAnswer } from '../../support/onvif-answers.ts';
import { startOnvifCamera, type OnvifCamera, type OnvifCameraOptions } from '../../support/onvif-camera.ts';

const gate = 'gate' as CameraId;
const never = new AbortController().signal;

interface World { readonly camera: OnvifCamera; readonly uris: string[]; tell(command: PtzCommand): Promise<void>; view(): Promise<PtzView> }

async function withDesk(options: OnvifCameraOptions, use: (world: World) => Promise<void>): Promise<void> {
  const camera = await startOnvifCamera({ login: 'ws-security', ...options });
  const uris = ['rtsp://elsewhere/main', `onvif://admin:secret@127.0.0.1:${camera.port}/?profile=sub`];
  const handlers = new Map<string, DeskHandler>();
  const desk: Desk = { handle: (method, handler) => { handlers.set(method, handler); }, handleStream: () => { throw new Error('nothing is streamed'); }, close: async () => {} };
  servePtz(desk, { urisOf: id => (id === gate ? uris : undefined), clock: systemClock });
  const ask = async (method: string, params: unknown): Promise<unknown> => handlers.get(method)?.(gate, params, never);
  try {
    await use({ camera, uris, tell: async command => { await ask('ptz.command', command); }, view: async () => await ask('ptz.view', null) as PtzView });
  } finally {
    await camera.close();
  }
}

async function codeOf(work: Promise<unknown>): Promise<string> {
  const error = await work.then(() => 'nothing', (failure: unknown) => failure);
  return error instanceof PlatformError ? error.code : String(error);
}

test('a camera with an ONVIF source, be it its second, is turned and told of, and is looked up once', () => withDesk({}, async ({ camera, tell, view }) => {
  await tell({ kind: 'absolute', position: { pan: 0.5, tilt: -0.5 } });
  const known = camera.requests.length;
  assert.equal(await view(), { status: { pan: 0.5, tilt: -0.5, zoom: 0, panTiltState: 'IDLE', zoomState: 'IDLE' }, presets: [{ token: '1', name: 'gate & yard', position: { pan: 0.5, tilt: -0.25, zoom: 0.1 } }, { token: '007', name: '007' }] });
  assert.equal(camera.requests.slice(known).map(({ operation }) => operation), ['GetStatus', 'GetPresets']);
  assert.match(camera.requests.at(-1)?.body ?? '', '<ProfileToken>profile_2</ProfileToken>');
}));

test('a camera without one, and one that cannot, are refused by name', async () => {
  await withDesk({}, async ({ uris, tell }) => {
    uris.pop();
    assert.is(await codeOf(tell({ kind: 'stop' })), 'PTZ_UNSUPPORTED');
  });
  await withDesk({ hasPtz: false }, async ({ tell, view }) => {
    assert.is(await codeOf(tell({ kind: 'stop' })), 'PTZ_UNSUPPORTED');
    assert.is(await codeOf(view()), 'PTZ_UNSUPPORTED');
  });
  await withDesk({ password: 'other' }, async ({ tell }) => { assert.is(await codeOf(tell({ kind: 'stop' })), 'SOURCE_REFUSED'); });
});

test('one that turns and remembers no places says where it looks all the same', () => withDesk({ answers: operation => (operation === 'GetPresets' ? faultAnswer('ActionNotSupported', 'no') : undefined) }, async ({ view }) => {
  assert.equal((await view()).presets, []);
}));

test('after a failure the camera is looked up again, as it may be another', () => withDesk({}, async ({ camera, tell }) => {
  await tell({ kind: 'stop' });
  camera.fault = 'closing';
  assert.is(await codeOf(tell({ kind: 'stop' })), 'SOURCE_UNREACHABLE');
  camera.fault = undefined;
  const before = camera.requests.length;
  await tell({ kind: 'stop' });
  assert.equal(camera.requests.slice(before).map(({ operation }) => operation), ['GetSystemDateAndTime', 'GetServices', 'GetProfiles', 'Stop']);
}));

test('a camera whose clock was set meanwhile is turned all the same', () => withDesk({}, async ({ camera, tell }) => {
  await tell({ kind: 'stop' });
  camera.setClock(3_600_000);
  await tell({ kind: 'relative', translation: { pan: 0.5 } });
  assert.is(camera.pose.pan, 0.5);
}));

test('a camera that does not answer collects no more than a few requests', () => withDesk({}, async ({ camera, tell }) => {
  camera.fault = 'silent';
  const asked = Array.from({ length: 6 }, () => codeOf(tell({ kind: 'stop' })));
  assert.equal(await Promise.all(asked.slice(4)), ['OVERLOADED', 'OVERLOADED']);
  await camera.close();
  assert.equal(await Promise.all(asked.slice(0, 4)), Array.from({ length: 4 }, () => 'SOURCE_UNREACHABLE'));
}));

test.run();
