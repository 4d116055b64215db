import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Balance, ChunkRow } from '../../src/data-ops/store.ts';
import type { PlatformEvent } from '../../src/messages/platform-event.ts';
import type { CameraView } from '../../src/serving-ops/service.ts';
import { FAKE_CAMERA, launchChromium } from '../support/chromium.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { runVto, startVto, type VtoProcess } from '../support/vto-process.ts';
import { until } from '../support/vto-run.ts';

/** How long each codec is published: 60 for the acceptance, less where every commit runs it. */
const SECONDS = Number(process.env['WHIP_SECONDS'] ?? 20);
const hasFfmpeg = spawnSync('ffprobe', ['-version']).status === 0;
const browser = await launchChromium('publishing by WHIP', FAKE_CAMERA);
const when = browser !== undefined && hasFfmpeg ? test : test.skip;
if (!hasFfmpeg) console.log('SKIP: publishing by WHIP: there is no ffmpeg');

/** What Chromium counted of the video it sent. */
interface Sent { readonly framesSent: number; readonly keyFramesEncoded: number; readonly nackCount: number; readonly pliCount: number; readonly retransmittedPacketsSent: number; readonly packetsSent: number; readonly encoder: string; readonly heights: readonly number[] }

/** Runs in the page: publishes the fake camera, with a narrow way in the middle of it, and ends the session with DELETE. */
const PUBLISH = `async ({ camera, codec, seconds }) => {
  const { publish } = await import('/live/files/whip.js');
  const wait = (ms) => new Promise((resolve) => { setTimeout(resolve, ms); });
  const stream = await navigator.mediaDevices.getUserMedia({ video: { width: 1280, height: 720, frameRate: 20 } });
  const session = await publish('/whip/' + camera, stream, { codec });
  const [sender] = session.peer.getSenders();
  const heights = [];
  const outbound = async () => [...(await session.peer.getStats()).values()].find((report) => report.type === 'outbound-rtp' && report.kind === 'video');
  const limit = async (maxBitrate) => {
    const parameters = sender.getParameters();
    if (maxBitrate === undefined) delete parameters.encodings[0].maxBitrate;
    else parameters.encodings[0].maxBitrate = maxBitrate;
    await sender.setParameters(parameters);
  };
  for (let second = 0; second < seconds; second++) {
    if (second === Math.floor(seconds / 3)) await limit(80_000);
    if (second === Math.floor(seconds * 2 / 3)) await limit(undefined);
    await wait(1000);
    const height = (await outbound())?.frameHeight;
    if (height !== undefined && height !== heights.at(-1)) heights.push(height);
  }
  await sender.replaceTrack(null);
  await wait(1000);
  const { framesSent, keyFramesEncoded, nackCount, pliCount, retransmittedPacketsSent, packetsSent, encoderImplementation } = await outbound();
  const { status } = await fetch(session.session, { method: 'DELETE' });
  const again = (await fetch(session.session, { method: 'DELETE' })).status;
  session.peer.close();
  for (const track of stream.getTracks()) track.stop();
  return { framesSent, keyFramesEncoded, nackCount, pliCount, retransmittedPacketsSent, packetsSent, encoder: encoderImplementation, heights, status, again };
}`;

/** Publishes for so long and tells what was sent, and how the first and a second DELETE were answered. */
function publish(page: Page, settings: { readonly camera: string; readonly codec: string; readonly seconds: number }): Promise<Sent & { readonly status: number; readonly again: number }> {
  return page.evaluate(`(${PUBLISH})(${JSON.stringify(settings)})`);
}

const showsState = (page: Page, text: string): Promise<unknown> => page.locator(`#state:text-is('${text}')`).waitFor();

/** What ffprobe finds in a chunk: decoded frames are counted, damage is what it writes. */
function probed(path: string): { readonly codec: string; readonly width: number; readonly height: number; readonly packets: number; readonly frames: number; readonly damage: string } {
  const { stdout, stderr } = spawnSync('ffprobe', ['-v', 'error', '-count_packets', '-count_frames', '-show_entries', 'stream=codec_name,width,height,nb_read_packets,nb_read_frames', '-of', 'json', path], { encoding: 'utf8' });
  const [stream] = (JSON.parse(stdout) as { streams: Record<string, string | number>[] }).streams;
  return { codec: String(stream?.['codec_name']), width: Number(stream?.['width']), height: Number(stream?.['height']), packets: Number(stream?.['nb_read_packets']), frames: Number(stream?.['nb_read_frames']), damage: stderr };
}

const cameraOf = async (vto: VtoProcess): Promise<CameraView> => (await vto.json<{ cameras: CameraView[] }>('/api/v1/cameras')).cameras[0]!;
const eventsOf = async (vto: VtoProcess): Promise<PlatformEvent[]> => (await vto.json<{ events: PlatformEvent[] }>('/api/v1/events?camera=phone')).events;
const chunksOf = async (vto: VtoProcess): Promise<ChunkRow[]> => (await vto.json<{ chunks: ChunkRow[] }>('/api/v1/chunks?camera=phone&limit=1000')).chunks;

/** Every recorded picture of an epoch, by an outside judge, against what the browser counted. */
async function judge(vto: VtoProcess, folder: string, epoch: number, sent: Sent): Promise<void> {
  const balance = await until(async () => {
    const { balances } = await vto.json<{ balances: Balance[] }>('/api/v1/ledger');
    return balances.find((row) => row.epoch === epoch && row.pending === 0);
  }, 'every frame has its record');
  const chunks = (await chunksOf(vto)).filter((row) => row.epoch === epoch);
  const found = chunks.map((row) => ({ row, probe: probed(join(folder, 'archive', row.path)) }));
  const recorded = found.reduce((frames, { probe }) => frames + probe.packets, 0);
  const gaps = (await eventsOf(vto)).filter((event) => event.type === 'gap' && !['publisher-left', 'restart'].includes(event.reason) && !/^(?:SOURCE|PUBLISHER)_/.test(event.reason));
  const sizes = [...new Set(found.map(({ probe }) => `${probe.width}x${probe.height}`))];
  console.log(`${found[0]?.probe.codec}, ${SECONDS} s: sent ${sent.framesSent}, recorded ${recorded} in ${chunks.length} chunks (${sizes.join(' ')}), detected ${balance.detected}, dropped ${JSON.stringify(balance.dropped)}, gaps ${gaps.length}; ${sent.packetsSent} packets, ${sent.nackCount} NACKs, ${sent.retransmittedPacketsSent} again, ${sent.pliCount} PLIs, ${sent.keyFramesEncoded} key frames, ${sent.encoder}, heights ${sent.heights.join(' ')}`);
  for (const { row, probe } of found) assert.equal([probe.packets, probe.frames, probe.damage], [row.frameCount, row.frameCount, ''], row.path);
  assert.is(balance.received, recorded);
  if (gaps.length === 0) assert.is(recorded, sent.framesSent, 'every picture that was sent is recorded');
  else assert.ok(recorded < sent.framesSent, `${gaps.length} gaps`);
  assert.ok(new Set(sent.heights).size > 1 && sizes.length > 1, `the picture size changed: sent ${sent.heights.join()}, recorded ${sizes.join()}`);
  assert.ok(balance.detected > 0, 'detections flow');
}

const folder = temporaryFolder();
let vto: VtoProcess | undefined;

test.before(async () => { if (browser !== undefined && hasFfmpeg) vto = await startVto(folder, ['--camera', 'phone=whip://phone']); });

for (const [index, codec] of (['H264', 'VP8'] as const).entries()) {
  when(`a browser publishes ${codec}: every picture is recorded and can be decoded, through changes of its size, and DELETE ends the session`, async () => {
    const platform = vto!;
    await until(async () => (await cameraOf(platform)).state === 'waiting', 'the camera waits');
    const page = await browser!.newPage();
    await page.goto(`${platform.url}/live`);
    const sent = await publish(page, { camera: 'phone', codec, seconds: SECONDS });
    await page.close();
    assert.equal([sent.status, sent.again], [200, 404]);
    await until(async () => (await cameraOf(platform)).state === 'waiting', 'the camera waits again');
    await judge(platform, folder, index + 1, sent);
  });
}

when('the page publishes with a button, and a browser that is gone ends its session within seconds', async () => {
  const platform = vto!;
  const context = await browser!.newContext();
  const page = await context.newPage();
  await page.goto(`${platform.url}/live/phone/publish`);
  await page.click('#toggle');
  await showsState(page, 'publishing');
  await until(async () => (await cameraOf(platform)).state === 'live', 'the camera is live');
  await page.click('#toggle');
  await showsState(page, 'not publishing');
  await until(async () => (await cameraOf(platform)).state === 'waiting', 'the session is over');
  await page.click('#toggle');
  await until(async () => (await cameraOf(platform)).state === 'live', 'the camera is live again');
  const atMs = performance.now();
  await context.close();
  await until(async () => (await cameraOf(platform)).state === 'waiting', 'the lost session is over', 15_000);
  console.log(`a page that was closed is noticed after ${Math.round(performance.now() - atMs)} ms`);
});

when('what was recorded is sound', async () => {
  await vto!.stop();
  const verified = await runVto(['verify', '--data', folder]);
  assert.is(verified.code, 0, verified.stdout + verified.stderr);
});

test.after(async () => {
  await browser?.close();
  await vto?.stop();
});

test.run();
