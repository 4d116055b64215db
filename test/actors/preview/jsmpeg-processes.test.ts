import { renameSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { LIVE_METHODS } from '../../../actors/ingest/live-methods.ts';
import { JsmpegProcesses } from '../../../actors/preview/jsmpeg-processes.ts';
import { createActorSystem } from '../../../src/engine/actor-system.ts';
import { PlatformError } from '../../../src/engine/errors.ts';
import { systemRandom } from '../../../src/engine/seeded-random.ts';
import { systemClock } from '../../../src/engine/system-clock.ts';
import type { CameraId } from '../../../src/engine/units.ts';
import { listenIpc } from '../../../src/transports/ipc/listen-ipc.ts';
import { eventually } from '../../support/eventually.ts';
import { fakeFfmpeg } from '../../support/fake-ffmpeg.ts';
import { liveStart, liveUnit } from '../../support/live-items.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

const LINK = { clock: systemClock, random: systemRandom };
const YARD = 'yard' as CameraId;

/** The processes above the desk of an ingest process whose camera sends a key frame every 50 ms; `ffmpeg` is what PATH names. */
async function withProcesses(path: string, check: (world: { readonly processes: JsmpegProcesses; readonly failed: string[]; readonly watched: () => number; readonly pids: () => readonly string[] }) => Promise<void>): Promise<void> {
  const deskSocket = join(temporaryFolder(), 'ingest-0-desk.sock');
  const desk = await listenIpc({ ...LINK, path: deskSocket, onError: () => {} });
  let watched = 0;
  desk.handleStream(LIVE_METHODS.watch, async function* sent(_question, signal) {
    watched += 1;
    yield liveStart();
    for (let frameSeq = 0; !signal.aborted; frameSeq += 1) {
      yield liveUnit(frameSeq, true);
      await systemClock.sleep(50, signal).catch(() => {});
    }
  });
  const system = createActorSystem({ name: 'test', ...LINK, onEvent: () => {} });
  const failed: string[] = [];
  const before = process.env['PATH'];
  process.env['PATH'] = path;
  const processes = new JsmpegProcesses({
    supervise: (actor, policy) => system.supervise(actor, policy), ...LINK, onLine: () => {}, onFailed: (camera, { error }) => { failed.push(`${camera} ${error.code}`); },
    deskOf: camera => { if (camera !== YARD) throw new PlatformError('CAMERA_UNKNOWN', 'no such camera'); return deskSocket; },
  });
  try {
    await check({ processes, failed, watched: () => watched, pids: () => system.report().children.filter(({ state }) => state === 'running').map(({ name }) => name) });
  } finally {
    process.env['PATH'] = before;
    await processes.close();
    await system.stop();
    await desk.close();
  }
}

function viewer(processes: JsmpegProcesses, camera = YARD) {
  const leaving = new AbortController();
  const state = { bytes: 0, first: '', error: '' };
  const ended = (async () => {
    for await (const bytes of processes.watch(camera, leaving.signal)) {
      if (state.bytes === 0) state.first = Buffer.from(bytes.subarray(0, 4)).toString();
      state.bytes += bytes.byteLength;
    }
  })().catch((error: unknown) => { state.error = error instanceof PlatformError ? error.code : String(error); });
  return { state, ended, leave: async () => { leaving.abort(new Error('left')); await ended; } };
}

test('viewers of a camera share one process, which ends some time after the last of them', async () => {
  const ffmpeg = fakeFfmpeg('echo');
  renameSync(ffmpeg, join(dirname(ffmpeg), 'ffmpeg'));
  await withProcesses(dirname(ffmpeg), async ({ processes, watched, pids }) => {
    const one = viewer(processes);
    await eventually(() => one.state.bytes > 1_000, 'its pictures', 20_000);
    const other = viewer(processes);
    await eventually(() => other.state.bytes > 1_000, 'the same for another one', 10_000);
    assert.equal([one.state.first, other.state.first], ['jsmp', 'jsmp']);
    assert.is(pids().length, 1);
    assert.is(watched(), 1, 'the camera sends its pictures once');
    await one.leave();
    const { bytes } = other.state;
    await eventually(() => other.state.bytes > bytes + 1_000, 'who stays is shown more', 10_000);
    await other.leave();
    assert.is(pids().length, 1, 'it lingers for who comes back');
    await eventually(() => pids().length === 0, 'and ends', 12_000);
    const nobody = viewer(processes, 'nobody' as CameraId);
    await nobody.ended;
    assert.is(nobody.state.error, 'CAMERA_UNKNOWN');
  });
});

test('without ffmpeg every viewer is told so, it is told of once, and the process stays', async () => {
  await withProcesses('/nonexistent', async ({ processes, failed, pids }) => {
    for (let count = 0; count < 3; count += 1) {
      const one = viewer(processes);
      await one.ended;
      assert.is(one.state.error, 'FFMPEG_MISSING');
    }
    assert.equal(failed, ['yard FFMPEG_MISSING']);
    assert.equal(pids(), ['jsmpeg-1-yard']);
  });
});

test.run();
