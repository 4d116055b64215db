import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { openSqliteStore } from '../../src/data-ops/sqlite-store.ts';
import { systemClock } from '../../src/engine/system-clock.ts';
import type { CameraId } from '../../src/engine/units.ts';
import { measureFailover } from '../support/failover.ts';
import { decodingErrors, judgeLadder, recordedEpochs } from '../support/failover-oracle.ts';
import { freePort, hasGstServer, startGstServer } from '../support/gst-server.ts';
import { spawnRtspServer } from '../support/rtsp-server-process.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { until, VtoRun, type CameraStatus } from '../support/vto-run.ts';

const hasFfmpeg = spawnSync('ffmpeg', ['-version']).status === 0;

if (!hasFfmpeg) console.log('SKIP: fail-over of cameras: ffmpeg, which decodes what was recorded, is not installed');
else {
  test('fifty lost cameras are back within a second and a GOP, fifty standbys take over without a gap, and the ledger is exact', async () => {
    await measureFailover({ cameras: 10, rounds: 5 });
  });
}

if (!hasFfmpeg || !hasGstServer()) console.log('SKIP: fail-over from a camera of gst-rtsp-server: it, or ffmpeg, is not installed');
else test('a camera of another RTSP implementation is replaced when its server dies, and returned to when that is back', fromGstAndBack);

type View = CameraStatus & { readonly sources?: readonly { readonly state: string }[] };

/** The server of the main stream is killed twice; the sub-stream is ours, on a server of its own. */
async function fromGstAndBack(): Promise<void> {
  const port = await freePort();
  const ball = { ball: 'videotestsrc is-live=true pattern=ball ! video/x-raw,width=320,height=240,framerate=25/1 ! x264enc key-int-max=25 speed-preset=ultrafast tune=zerolatency ! rtph264pay config-interval=1 name=pay0 pt=96' };
  const ours = await spawnRtspServer();
  let server = await startGstServer(port, ball);
  const data = temporaryFolder();
  const sub = await ours.add('sub', { fps: 25, gop: 25, frames: 100, width: 160, height: 120 });
  const config = join(data, 'cameras.toml');
  writeFileSync(config, `[[cameras]]\nid = "ball"\nuri = "rtsp://admin:pa%40ss%2Fw@127.0.0.1:${port}/ball"\nfallbacks = ["${sub}"]\nstandby = "warm"\nrestoreAfterMs = 1500\nisDetecting = false\n`);
  const run = await VtoRun.start({ data, cameras: {}, args: ['--config', config] });
  const states = (...wanted: string[]): Promise<unknown> => until(async () => {
    const [view] = await run.cameras() as readonly View[];
    return wanted.every((state, index) => view?.sources?.[index]?.state === state);
  }, `sources ${wanted.join(' and ')}`, 30_000);
  try {
    await states('active', 'standby');
    for (let round = 0; round < 2; round++) {
      await new Promise((resolve) => { setTimeout(resolve, 4_000); }); // until the standby holds what it must have
      server.kill('SIGKILL');
      await states('away', 'active');
      server = await startGstServer(port, ball);
      await states('active', 'standby');
    }
    const { code } = await run.stop();
    assert.is(code, 0);
    assert.not.match(run.output, /pa@ss|pa%40ss/);
    const store = openSqliteStore(join(data, 'store.sqlite'), { clock: systemClock, isReadOnly: true });
    const events = store.events({ camera: 'ball' as CameraId, max: 1_000 });
    const gaps = events.flatMap((event) => (event.type === 'gap' ? [event] : []));
    const epochs = await recordedEpochs(data, store, 'ball');
    assert.equal(epochs.map(([first]) => first?.width), [320, 160, 320, 160, 320]);
    assert.equal(judgeLadder({ epochs, sent: new Map([[160, await ours.sent('sub')]]), gaps }), []);
    assert.equal(gaps, [], 'the standby covers the death of the server');
    assert.equal(await decodingErrors(data, store, 'ball'), []);
    const switches = events.flatMap((event) => (event.type === 'failed-over' || event.type === 'restored' ? [`${event.type} ${event.fromSource} ${event.toSource}`] : []));
    const [main, other] = [`rtsp://127.0.0.1:${port}/ball`, `rtsp://127.0.0.1:${ours.port}/sub`];
    assert.equal(switches, [`failed-over ${main} ${other}`, `restored ${other} ${main}`, `failed-over ${main} ${other}`, `restored ${other} ${main}`]);
    store.close();
  } finally {
    run.killAll();
    server.kill('SIGKILL');
    await ours.close();
  }
}

test.run();
