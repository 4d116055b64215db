import { readdirSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { fateOf, PlatformError } from '../../src/engine/errors.ts';
import { systemRandom } from '../../src/engine/seeded-random.ts';
import { systemClock } from '../../src/engine/system-clock.ts';
import { createSource } from '../../src/ingress/index.ts';
import { libavAccess } from '../../src/ingress/libav-access.ts';
import type { Source } from '../../src/ingress/source.ts';
import type { SourceUnit } from '../../src/messages/access-unit.ts';
import { makeClip } from '../support/clip.ts';
import { eventually } from '../support/eventually.ts';
import { readCounter } from '../support/frame-counter.ts';
import { answer, takeRequest } from '../support/rtsp-message.ts';
import { startRtspServer } from '../support/rtsp-server.ts';
import type { CameraPath, PathOptions, RtspServer } from '../support/rtsp-server.ts';

const signal = new AbortController().signal;
const clip = await makeClip({ width: 480, height: 320, gop: 10, fps: 50 });
let server: RtspServer;
let cameras = 0;

test.before(async () => { server = await startRtspServer(); });
test.after(() => server.close());

async function camera(options: Partial<PathOptions> = {}, sourceOptions: object = {}): Promise<{ path: CameraPath; source: Source }> {
  const name = `cam${cameras++}`;
  const path = server.addPath(name, { content: clip, ...options });
  const source = await createSource({ uri: server.url(name), options: sourceOptions, media: libavAccess, ctx: { clock: systemClock, random: systemRandom } });
  return { path, source };
}

/** Reads `most` units of one session, or until it fails; `at` is called before each. */
async function read(source: Source, most: number, at: (index: number) => void = () => undefined): Promise<{ units: SourceUnit[]; error: unknown; failedAfterMs: number }> {
  const units: SourceUnit[] = [];
  let lastMs = performance.now();
  const session = await source.open(signal);
  try {
    while (units.length < most) {
      at(units.length);
      lastMs = performance.now();
      const unit = await session.next(signal);
      if (unit === undefined) break;
      units.push(unit);
    }
    return { units, error: undefined, failedAfterMs: 0 };
  } catch (error) {
    return { units, error, failedAfterMs: performance.now() - lastMs };
  } finally {
    await session.close();
  }
}

const codeOf = (error: unknown): string => (error instanceof PlatformError ? error.code : String(error));
const counters = (units: readonly SourceUnit[], codec: 'h264' | 'hevc' = 'h264'): (number | null)[] => units.map(({ data }) => readCounter(data, 'annexb', codec));

for (const codec of ['h264', 'hevc'] as const) {
  test(`every ${codec} unit that the camera sent arrives, once, in order, with its bytes and times`, async () => {
    const content = await makeClip({ codec, gop: 10, fps: 50, bFrames: codec === 'h264' ? 2 : 0 });
    const { path, source } = await camera({ content });
    const { units } = await read(source, 45);
    assert.equal(counters(units, codec), path.sent.slice(0, 45).map(({ counter }) => counter));
    assert.equal(units.map(({ isKey }) => isKey), path.sent.slice(0, 45).map(({ isKey }) => isKey));
    assert.equal(units.map(({ parameters }) => parameters?.width), [320, ...Array.from({ length: 44 })]);
    const pts = units.map((unit) => unit.pts!).toSorted((left, right) => left - right).slice(0, 40);
    assert.equal(pts.map((value) => value - pts[0]!), pts.map((_, index) => index * 1800), 'the first unit has its PTS too');
  });
}

test('login works by digest and by basic, with characters that need escaping; the label holds no password', async () => {
  for (const scheme of ['digest', 'basic'] as const) {
    const { source } = await camera({ credentials: { user: 'admin', password: 'p@ss:w/rd?#', scheme } });
    assert.is((await read(source, 3)).units.length, 3, scheme);
    assert.match(source.label, /^rtsp:\/\/127\.0\.0\.1:\d+\/cam\d+$/);
  }
});

test('a password pasted unescaped works as well', async () => {
  const password = 'p@ss:w/rd?#';
  const { path } = await camera({ credentials: { user: 'admin', password } });
  const source = await createSource({ uri: `rtsp://admin:${password}@127.0.0.1:${server.port}/${path.name}`, media: libavAccess, ctx: { clock: systemClock, random: systemRandom } });
  assert.is((await read(source, 3)).units.length, 3);
  assert.is(source.label, `rtsp://127.0.0.1:${server.port}/${path.name}`);
});

test('event time is the camera clock while it is near ours, else that of the earliest arrivals; the camera clock is kept beside it', async () => {
  const [near, far, never] = [await camera({ clockSkewMs: -80 }), await camera({ clockSkewMs: 60_000 }), await camera({ firstReportAfterMs: null })];
  const offsets = async ({ source, path }: typeof near): Promise<{ captured: number; clock: number | undefined }> => {
    const { units } = await read(source, 40);
    const sentAt = path.sent[30]!.sentAtMicros;
    return { captured: (units[30]!.capturedAt - sentAt) / 1000, clock: units[30]!.cameraClock === undefined ? undefined : (units[30]!.cameraClock - sentAt) / 1000 };
  };
  const [byCamera, byArrival, alone] = [await offsets(near), await offsets(far), await offsets(never)];
  assert.ok(Math.abs(byCamera.captured + 80) < 40, `${byCamera.captured} ms`);
  assert.ok(Math.abs(byArrival.captured) < 40, `${byArrival.captured} ms`);
  assert.ok(Math.abs(alone.captured) < 40, `${alone.captured} ms`);
  assert.ok(Math.abs(byArrival.clock! - 60_000) < 40, `${byArrival.clock} ms`);
  assert.is(alone.clock, undefined);
});

test('a camera that hangs is noticed within its limit and half a second', async () => {
  const { path, source } = await camera({}, { stallMs: 1000 });
  const { error, failedAfterMs } = await read(source, 1000, (index) => { if (index === 10) path.fault({ kind: 'stall' }); });
  assert.is(codeOf(error), 'SOURCE_STALLED');
  assert.ok(failedAfterMs > 900 && failedAfterMs < 1500, `${failedAfterMs} ms`);
});

test('a camera that hangs before its first picture is noticed', async () => {
  const { path, source } = await camera({}, { stallMs: 300, openTimeoutMs: 700 });
  path.fault({ kind: 'stall' });
  assert.is(codeOf((await read(source, 1)).error), 'SOURCE_STALLED');
});

test('a closed connection is noticed at once', async () => {
  const { path, source } = await camera();
  const { error, failedAfterMs } = await read(source, 1000, (index) => { if (index === 10) path.fault({ kind: 'close' }); });
  assert.is(codeOf(error), 'SOURCE_UNREACHABLE');
  assert.ok(failedAfterMs < 500, `${failedAfterMs} ms`);
});

test('garbage on the connection loses at most units, never their order, and ends in a named error if at all', async () => {
  const { path, source } = await camera({}, { stallMs: 1000 });
  const { units, error } = await read(source, 60, (index) => { if (index === 10) path.fault({ kind: 'garbage' }); });
  const seen = counters(units).filter((counter) => counter !== null);
  assert.equal(seen, [...new Set(seen)].toSorted((left, right) => left - right));
  assert.ok(error === undefined || ['SOURCE_STALLED', 'SOURCE_UNREACHABLE'].includes(codeOf(error)), codeOf(error));
});

test('a camera that never answers, refuses, or is not there is told apart', async () => {
  const failing = async (kind: 'mute' | 'reject' | 'refuse'): Promise<{ code: string; tookMs: number }> => {
    const { path, source } = await camera({}, { openTimeoutMs: 700 });
    path.fault({ kind });
    const startMs = performance.now();
    const code = await source.open(signal).then(() => 'opened', codeOf);
    return { code, tookMs: performance.now() - startMs };
  };
  const mute = await failing('mute');
  assert.is(mute.code, 'SOURCE_UNREACHABLE');
  assert.ok(mute.tookMs < 1200, `${mute.tookMs} ms`);
  assert.is((await failing('reject')).code, 'SOURCE_REFUSED');
  assert.is((await failing('refuse')).code, 'SOURCE_UNREACHABLE');
  const nobody = await createSource({ uri: 'rtsp://u:secret@127.0.0.1:9/x', media: libavAccess, ctx: { clock: systemClock, random: systemRandom } });
  const error = await nobody.open(signal).then(() => assert.unreachable(), (thrown: Error) => thrown);
  assert.is(codeOf(error), 'SOURCE_UNREACHABLE');
  assert.not.match(JSON.stringify([error!.message, (error as PlatformError).facts, String(error!.cause)]), 'secret');
});

test('a wrong password is refused', async () => {
  const { path } = await camera({ credentials: { user: 'a', password: 'right' } });
  const source = await createSource({ uri: server.url(path.name).replace('right', 'wrong'), media: libavAccess, ctx: { clock: systemClock, random: systemRandom } });
  assert.is(await source.open(signal).then(() => 'opened', codeOf), 'SOURCE_REFUSED');
});

test('a path that the camera does not have, or none at all, is refused by name', async () => {
  for (const uri of [`rtsp://127.0.0.1:${server.port}/nothing`, `rtsp://127.0.0.1:${server.port}`, `rtsp://127.0.0.1:${server.port}/`]) {
    const source = await createSource({ uri, media: libavAccess, ctx: { clock: systemClock, random: systemRandom } });
    assert.is(await source.open(signal).then(() => 'opened', codeOf), 'SOURCE_REFUSED', uri);
  }
});

test('a camera that offers no video, as while it starts, will be tried again', async () => {
  const sockets = new Set<Socket>();
  const silent = createServer((socket) => sockets.add(socket) && socket.on('error', () => undefined).on('data', (bytes) => {
    const { request } = takeRequest(bytes);
    const sdp = 'v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=x\r\nt=0 0\r\nm=audio 0 RTP/AVP 0\r\na=control:track1\r\n';
    if (request !== null) socket.write(answer('200 OK', request, { 'Content-Type': 'application/sdp', Public: 'DESCRIBE' }, request.method === 'DESCRIBE' ? sdp : ''));
  }));
  await new Promise<void>((resolve) => { silent.listen(0, '127.0.0.1', resolve); });
  const { port } = silent.address() as { port: number };
  const source = await createSource({ uri: `rtsp://127.0.0.1:${port}/x`, options: { openTimeoutMs: 2000 }, media: libavAccess, ctx: { clock: systemClock, random: systemRandom } });
  const error = await source.open(signal).then(() => assert.unreachable(), (thrown: unknown) => thrown);
  assert.is(fateOf(error), 'retry', String(error));
  assert.is(codeOf(error), 'SOURCE_REFUSED', String(error));
  silent.close();
  for (const socket of sockets) socket.destroy();
});

test('an address without host, with a wrong port, or of nobody is told by name', async () => {
  for (const uri of ['rtsp://', 'rtsp:///x', 'rtsp://[::1]:9/x', 'rtsp://[::1/x', 'rtsp://127.0.0.1:99999/x', 'rtsp://no-such-host.invalid/x']) {
    const source = await createSource({ uri, options: { openTimeoutMs: 2000 }, media: libavAccess, ctx: { clock: systemClock, random: systemRandom } });
    assert.is(await source.open(signal).then(() => 'opened', codeOf), 'SOURCE_UNREACHABLE', uri);
  }
});

test('new parameter sets in the stream come with the unit that brings them', async () => {
  const small = await makeClip({ gop: 10, fps: 50 });
  const { path, source } = await camera();
  const { units } = await read(source, 40, (index) => { if (index === 10) path.fault({ kind: 'content', content: small }); });
  const changes = units.flatMap(({ parameters, isKey }) => (parameters === undefined ? [] : [[parameters.width, parameters.height, isKey]]));
  assert.equal(changes, [[480, 320, true], [320, 240, true]]);
});

test('damaged pictures arrive as they were sent', async () => {
  const { path, source } = await camera();
  const { units } = await read(source, 30, (index) => { if (index === 5) path.fault({ kind: 'damage', frames: 5 }); });
  assert.equal(counters(units), path.sent.slice(0, 30).map(({ counter }) => counter));
});

test('opening is broken off by its signal', async () => {
  const { path, source } = await camera();
  path.fault({ kind: 'mute' });
  const controller = new AbortController();
  const opening = source.open(controller.signal);
  await eventually(() => server.connections > 0, 'the source connects');
  controller.abort(new Error('enough'));
  await opening.then(() => assert.unreachable(), (error: Error) => assert.is(error.message, 'enough'));
});

test('ten reconnects, half of them after a hang, leave no descriptor behind', async () => {
  const descriptors = (): number => readdirSync('/proc/self/fd').length;
  const { path, source } = await camera({}, { stallMs: 250 });
  await read(source, 2);
  await eventually(() => path.playing === 0, 'the first session ends');
  const before = descriptors();
  for (let round = 0; round < 10; round++) {
    path.clear();
    await read(source, 1000, (index) => { if (index === 2) path.fault(round % 2 === 0 ? { kind: 'close' } : { kind: 'stall' }); });
  }
  await eventually(() => descriptors() <= before && path.playing === 0, `descriptors return to ${before}`);
});

test.run();
