import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { CameraView } from '../../src/serving-ops/service.ts';
import { makeClip } from '../support/clip.ts';
import { startOnvifCamera } from '../support/onvif-camera.ts';
import { startRtspServer } from '../support/rtsp-server.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { runVto } from '../support/vto-process.ts';
import { until, VtoRun } from '../support/vto-run.ts';

const LOGIN = { user: 'admin', password: 'hunt:er@2' } as const;

test('an ONVIF camera is found, added, recorded at the host that was given, wakes detection by its motion events, turns, and is found again where its stream moved', async () => {
  const folder = temporaryFolder();
  const server = await startRtspServer();
  const still = await makeClip({ gop: 25, frames: 50, graph: 'color=c=gray:s=$size:r=$fps' });
  for (const name of ['main', 'sub', 'moved']) server.addPath(name, { content: still, credentials: LOGIN });
  const { port: rtspPort } = new URL(server.url('sub'));
  // It believes to be at another address, and its clock is an hour off.
  const camera = await startOnvifCamera({
    ...LOGIN, login: 'ws-security', isDiscoverable: true, clockOffsetMs: 3_600_000, namedHost: '192.0.2.1',
    streams: { profile_1: `rtsp://192.0.2.1:${rtspPort}/main`, profile_2: `rtsp://192.0.2.1:${rtspPort}/sub` },
  });
  const run = await VtoRun.start({ data: folder, cameras: {} });
  try {
    const found = await run.get<{ readonly devices: readonly { readonly id: string }[] }>('/api/v1/discovery?seconds=1');
    assert.ok(found?.devices.some(({ id }) => id === `urn:uuid:${camera.traits.uuid}`), JSON.stringify(found));
    const added = await runVto(['cameras', 'add', `onvif://admin:hunt%3Aer%402@127.0.0.1:${camera.port}/?profile=sub`, '--id', 'gate', '--url', run.url]);
    assert.is(added.code, 0, added.stderr);
    assert.match(added.stdout, 'its clock is 1 h 0 min ahead');
    await run.live(['gate']);
    const view = async (): Promise<CameraView> => await until(() => run.get<CameraView>('/api/v1/cameras/gate'), 'the camera');
    assert.is((await view()).label, `onvif://127.0.0.1:${camera.port}/?profile=sub`);
    await until(async () => { const { gate } = await view(); return gate !== undefined && gate.state !== 'active'; }, 'nothing to see', 60_000);
    camera.move(true);
    await until(async () => /visutility_gate_wakes_total\{[^}]*cause="hint"[^}]*\} 1\b/.test(await (await fetch(`${run.url}/metrics`)).text()), 'the hint', 20_000);

    const ptz = async (body?: object): Promise<Response> => fetch(`${run.url}/api/v1/cameras/gate/ptz`, body && { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) });
    assert.is((await ptz({ absolute: { pan: 0.25, tilt: -0.5, zoom: 0.1 } })).status, 204);
    assert.equal(((await (await ptz()).json()) as { readonly status: object }).status, { pan: 0.25, tilt: -0.5, zoom: 0.1, panTiltState: 'IDLE', zoomState: 'IDLE' });

    camera.streams = { profile_2: `rtsp://192.0.2.1:${rtspPort}/moved` };
    const before = await view();
    server.path('sub').fault({ kind: 'refuse' });
    server.path('sub').fault({ kind: 'close' });
    await until(async () => { const { epoch, state } = await view(); return epoch > before.epoch && state === 'live'; }, 'the stream where it moved', 30_000);
    assert.ok(server.path('moved').playing > 0);
    assert.is((await run.stop()).code, 0);
    assert.is(camera.subscriptions, 0, 'the subscription was given back');
    assert.not.match(run.output, /hunt(?::|%3A)er/);
  } finally {
    run.killAll();
    await camera.close();
    await server.close();
  }
  const { code, stdout } = await runVto(['verify', '--data', folder]);
  assert.is(code, 0, stdout);
});

test.run();
