import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { readUnits } from '../../src/data-ops/archive-reader.ts';
import type { ChunkRow } from '../../src/data-ops/store.ts';
import type { CameraId } from '../../src/engine/units.ts';
import { createContentHash, openReader, readChunkFile } from '../../src/media/index.ts';
import type { AccessUnit } from '../../src/messages/access-unit.ts';
import { makeClipFile } from '../support/clip.ts';
import { freePort, hasGstServer, hasGstTls, startGstServer } from '../support/gst-server.ts';
import { readAll } from '../support/read-all.ts';
import { SELF_SIGNED } from '../support/self-signed.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { runVto, startVto, type VtoProcess } from '../support/vto-process.ts';

const FRAMES = 100;

interface CameraView { readonly id: string; readonly state: string; readonly epoch: number; readonly counts: { readonly received: number; readonly detected: number; readonly gaps: number } }
interface Recorded { readonly hash: string; readonly units: readonly AccessUnit[] }

async function sourceHash(clip: string): Promise<string> {
  const reader = await openReader({ uri: clip, openTimeoutMs: 5000 });
  const hash = createContentHash();
  for (const { data } of await readAll(reader)) hash.update(data, reader.parameters);
  return hash.digest();
}

/** What was recorded of one session, as it is read back. */
async function recorded(vto: VtoProcess, folder: string, camera: string, epoch: number): Promise<Recorded> {
  const { chunks } = await vto.json<{ chunks: ChunkRow[] }>(`/api/v1/chunks?camera=${camera}`);
  const rows = chunks.filter((row) => row.epoch === epoch).toSorted((a, b) => a.chunkSeq - b.chunkSeq);
  const hash = createContentHash();
  const units: AccessUnit[] = [];
  for await (const part of readUnits({ folder: join(folder, 'archive'), camera: camera as CameraId, epoch, rows, from: 0, openReader: readChunkFile, signal: new AbortController().signal })) {
    for (const unit of part.units) hash.update(unit.data, part.parameters);
    units.push(...part.units);
  }
  return { hash: hash.digest(), units };
}

/** Polls until the cameras are as wanted. */
async function untilCameras(vto: VtoProcess, isReached: (views: ReadonlyMap<string, CameraView>) => boolean, what: string): Promise<ReadonlyMap<string, CameraView>> {
  const until = performance.now() + 30_000;
  for (;;) {
    const { cameras } = await vto.json<{ cameras: CameraView[] }>('/api/v1/cameras');
    const views = new Map(cameras.map((view) => [view.id, view]));
    if (isReached(views)) return views;
    if (performance.now() > until) throw new Error(`${what}: not within 30 s: ${JSON.stringify(cameras)}\n${vto.output().slice(-3000)}`);
    await new Promise((resolve) => { setTimeout(resolve, 100); });
  }
}

if (!hasGstServer()) {
  console.log('SKIP: gst-rtsp-server as camera: it is not installed');
} else {
  test('cameras of another RTSP implementation are recorded without loss, detected on, and come back after their server died', async () => {
    const clips = {
      h264: await makeClipFile({ codec: 'h264', frames: FRAMES, gop: 25, bFrames: 2, width: 352, height: 288 }),
      h265: await makeClipFile({ codec: 'hevc', frames: FRAMES, gop: 25, width: 352, height: 288 }),
    };
    const port = await freePort();
    const paths = {
      h264: `filesrc location=${clips.h264} ! qtdemux ! h264parse ! rtph264pay name=pay0 pt=96`,
      h265: `filesrc location=${clips.h265} ! qtdemux ! h265parse ! rtph265pay name=pay0 pt=96`,
      ball: 'videotestsrc is-live=true pattern=ball ! video/x-raw,width=320,height=240,framerate=25/1 ! x264enc key-int-max=25 speed-preset=ultrafast tune=zerolatency ! rtph264pay name=pay0 pt=96',
    };
    let server = await startGstServer(port, paths);
    const folder = temporaryFolder();
    const vto = await startVto(folder, [
      ...Object.keys(paths).flatMap((name) => ['--camera', `${name}=rtsp://admin:pa%40ss%2Fw@127.0.0.1:${port}/${name}`]),
      '--camera', `elsewhere=rtsp://admin:pa%40ss%2Fw@127.0.0.1:${port}/elsewhere`, '--camera', `stranger=rtsp://admin:wrong@127.0.0.1:${port}/ball`,
    ]);
    try {
      // The server ends a file's session at its end; the second session shows that the first is complete.
      await untilCameras(vto, (views) => ['h264', 'h265'].every((id) => views.get(id)!.epoch >= 2) && views.get('ball')!.counts.detected > 100, 'two sessions of each file');
      for (const id of ['h264', 'h265'] as const) {
        const { hash, units } = await recorded(vto, folder, id, 1);
        assert.is(units.length, FRAMES, `${id}: every frame that the server played`);
        assert.is(hash, await sourceHash(clips[id]), `${id}: the NAL units are those of the file the server played`);
      }
      assertSteadyTime(await settledUnits(vto, folder, 'ball'));
      const { records } = await vto.json<{ records: { kind: string; boxes?: unknown[] }[] }>('/api/v1/records?camera=ball&limit=1000');
      assert.ok(records.filter(({ boxes = [] }) => boxes.length > 0).length > 50, 'the moving ball is detected');
      const { events } = await vto.json<{ events: { camera?: string; code?: string; message?: string }[] }>('/api/v1/events?limit=1000');
      assert.ok(events.some(({ camera, code, message = '' }) => camera === 'elsewhere' && code === 'SOURCE_REFUSED' && message.includes('404')), 'a path that is not there is refused by name');
      assert.ok(events.some(({ camera, code, message = '' }) => camera === 'stranger' && code === 'SOURCE_REFUSED' && message.includes('401')), 'a wrong password is refused by name');

      server.kill('SIGKILL');
      const lost = await untilCameras(vto, (views) => Object.keys(paths).every((id) => views.get(id)!.state === 'retrying'), 'all cameras are lost');
      server = await startGstServer(port, paths);
      const back = await untilCameras(vto, (views) => Object.keys(paths).every((id) => views.get(id)!.state === 'live' && views.get(id)!.epoch > lost.get(id)!.epoch
        && views.get(id)!.counts.detected > lost.get(id)!.counts.detected), 'all cameras are back');
      assert.ok(back.get('ball')!.counts.gaps >= 1, 'the time without the server is a gap');
    } finally {
      assert.is(await vto.stop(), 0);
      server.kill('SIGKILL');
    }
    const { code, stdout } = await runVto(['verify', '--data', folder]);
    assert.is(code, 0, stdout);
    assert.match(stdout, /\nsound\n$/);
  });

  test('Motion JPEG is recorded with its size and detected on; UDP, TLS and IPv6 work where the address says so', async () => {
    const ball = 'videotestsrc is-live=true pattern=ball ! video/x-raw,format=I420,width=320,height=240,framerate=15/1'; // what RTP has of JPEG (RFC 2435)
    const h264 = `${ball} ! x264enc key-int-max=15 speed-preset=ultrafast tune=zerolatency ! rtph264pay name=pay0 pt=96`;
    const folder = temporaryFolder();
      writeFileSync(join(folder, 'camera.pem'), SELF_SIGNED.cert + SELF_SIGNED.key);
    const [port, securePort] = [await freePort(), await freePort()];
    const server = await startGstServer(port, { mjpeg: `${ball} ! jpegenc ! rtpjpegpay name=pay0 pt=26`, ball: h264 });
    const secure = hasGstTls() ? await startGstServer(securePort, { ball: h264 }, join(folder, 'camera.pem')) : undefined;
    if (!hasGstTls()) console.log('SKIP: cameras within TLS: GLib has no TLS (Debian: glib-networking)');
    const login = 'admin:pa%40ss%2Fw';
    const uris: Record<string, string> = {
      mjpeg: `rtsp://${login}@127.0.0.1:${port}/mjpeg`, udp: `rtsp://${login}@127.0.0.1:${port}/ball#transport=udp`,
      'mjpeg-udp': `rtsp://${login}@127.0.0.1:${port}/mjpeg#transport=udp`, ...secure === undefined ? {} : { tls: `rtsps://${login}@127.0.0.1:${securePort}/ball` },
    };
    const vto = await startVto(folder, Object.entries(uris).flatMap(([id, uri]) => ['--camera', `${id}=${uri}`]));
    try {
      await untilCameras(vto, (views) => Object.keys(uris).every((id) => views.get(id)!.state === 'live' && views.get(id)!.counts.detected > 45), 'all are detected on');
      const { records } = await vto.json<{ records: { boxes?: unknown[] }[] }>('/api/v1/records?camera=mjpeg&limit=1000');
      assert.ok(records.some(({ boxes = [] }) => boxes.length > 0), 'the ball is found in JPEG');
      const { chunks } = await vto.json<{ chunks: ChunkRow[] }>('/api/v1/chunks?camera=mjpeg');
      const reader = await readChunkFile(join(folder, 'archive', chunks[0]!.path));
      assert.equal([reader.parameters.codec, reader.parameters.width, reader.parameters.height], ['mjpeg', 320, 240]);
      await reader.close();
      for (const id of Object.keys(uris)) assert.is((await vto.json<{ cameras: CameraView[] }>('/api/v1/cameras')).cameras.find((view) => view.id === id)!.epoch, 1, `${id} stays in one session`);
    } finally {
      assert.is(await vto.stop(), 0);
      for (const each of [server, secure]) each?.kill('SIGKILL');
    }
    const { code, stdout } = await runVto(['verify', '--data', folder]);
    assert.is(code, 0, stdout);
  });
}

/** Units of a live camera from the third second on, when event time has settled. */
async function settledUnits(vto: VtoProcess, folder: string, camera: string): Promise<readonly AccessUnit[]> {
  for (const until = performance.now() + 30_000; performance.now() < until;) {
    const { units } = await recorded(vto, folder, camera, 1);
    if (units.length > 250) return units.slice(150);
    await new Promise((resolve) => { setTimeout(resolve, 250); });
  }
  throw new Error('no 250 units within 30 s');
}

/** Event time goes on as the stream's own time does, which arrival times over a network never do, and stays near the arrival. */
function assertSteadyTime(units: readonly AccessUnit[]): void {
  for (const [index, unit] of units.entries()) {
    const before = units[index - 1];
    if (before === undefined) continue;
    const stepMs = (unit.capturedAt - before.capturedAt) / 1000;
    const byStreamMs = (unit.pts! - before.pts!) / 90;
    assert.ok(Math.abs(stepMs - byStreamMs) < 0.01 * byStreamMs + 0.1, `unit ${unit.frameSeq} is ${stepMs} ms after the one before, by the stream ${byStreamMs} ms`);
    assert.ok(Math.abs(unit.arrivedAt - unit.capturedAt) < 2e6);
  }
}

test.run();
