import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { PlatformError, type ErrorCode } from '../../../src/engine/errors.ts';
import { systemClock } from '../../../src/engine/system-clock.ts';
import { systemRandom } from '../../../src/engine/seeded-random.ts';
import { epochMicros } from '../../../src/engine/units.ts';
import { libavAccess } from '../../../src/ingress/libav-access.ts';
import { replaySource, type ReplayCounts, type ReplayOptions } from '../../../src/ingress/replay/replay-source.ts';
import type { SourceUnit } from '../../../src/messages/access-unit.ts';
import { makeClip } from '../../support/clip.ts';
import { eventually } from '../../support/eventually.ts';
import { readCounter, stamp } from '../../support/frame-counter.ts';
import type { NalCodec } from '../../support/nal-units.ts';
import { startReplayServer, type ReplayOptions as DeviceOptions, type ReplayServer } from '../../support/replay-server.ts';
import type { RecordedFrame } from '../../support/rtsp-path.ts';

const T0 = 1_795_482_000_123_456;
const FPS = 25;
const GOP = 10;
const at = (index: number): ReturnType<typeof epochMicros> => epochMicros(T0 + index * 1e6 / FPS);

async function recorded(codec: NalCodec, frames = 100): Promise<readonly RecordedFrame[]> {
  const clip = await makeClip({ codec, width: 160, height: 96, frames: 20, gop: GOP, fps: FPS });
  return Array.from({ length: frames }, (_, index) => {
    const { data, isKey } = clip.units[index % clip.units.length]!;
    return { data: stamp(data, index, codec), isKey, capturedMicros: at(index), counter: index };
  });
}

interface Read { readonly units: readonly SourceUnit[]; readonly counters: readonly (number | null)[]; readonly counts: ReplayCounts | undefined; readonly error: unknown; readonly device: ReplayServer }

async function read(device: DeviceOptions, wanted: Partial<ReplayOptions> = {}): Promise<Read> {
  const server = await startReplayServer(device);
  let counts: ReplayCounts | undefined;
  const units: SourceUnit[] = [];
  let error: unknown;
  const source = replaySource({
    uri: server.url, label: 'the device', ctx: { clock: systemClock, random: systemRandom }, timeoutMs: 5_000, from: at(23), to: at(75), stallMs: 2_000, speedMax: 1_000, media: libavAccess,
    onEnd: ended => { counts = ended; }, ...wanted,
  });
  const signal = AbortSignal.timeout(20_000);
  try {
    const session = await source.open(signal);
    try {
      for (let unit = await session.next(signal); unit !== undefined; unit = await session.next(signal)) units.push(unit);
      assert.is(await session.next(signal), undefined, 'the end is the end');
    } finally {
      await session.close();
    }
  } catch (thrown) {
    error = thrown;
  }
  await eventually(() => server.connections === 0, 'the connection is closed');
  await server.close();
  return { units, counters: units.map(({ data }) => readCounter(data, 'annexb', device.codec)), counts, error, device: server };
}

const codeOf = (error: unknown): ErrorCode | undefined => (error instanceof PlatformError ? error.code : undefined);
const range = (from: number, to: number): readonly number[] => Array.from({ length: to - from + 1 }, (_, index) => from + index);

for (const codec of ['h264', 'hevc'] as const) {
  for (const ending of ['bye', 'track-end'] as const) {
    test(`${codec}, ended by ${ending}: what was captured in the gap comes out with its exact times, and of what is there already one GOP`, async () => {
      const frames = await recorded(codec);
      const { units, counters, counts, error, device } = await read({ codec, frameRate: FPS, frames: () => frames, ending });
      assert.is(error, undefined);
      assert.equal(counters, range(20, 74));
      assert.equal([counts?.wanted, counts?.overlap, counts?.lastCapturedAt], [51, 4, at(74)]);
      for (const [index, unit] of units.entries()) {
        assert.ok(Math.abs(unit.capturedAt - at(20 + index)) <= 1, `${unit.capturedAt} is ${at(20 + index)}`);
        assert.ok(Math.abs(unit.pts! - index * 90_000 / FPS) <= 1);
        assert.is(Buffer.compare(unit.data, frames[20 + index]!.data), 0);
        assert.is(unit.isCorrupt, false);
      }
      const [first] = units;
      assert.equal([first?.parameters?.codec, first?.parameters?.width, first?.parameters?.height, first?.parameters?.framing], [codec, 160, 96, 'annexb']);
      assert.is(units.filter(({ parameters }) => parameters !== undefined).length, 1);
      assert.equal(device.requests.map((request) => request.split(' ')[0]), ['DESCRIBE', 'SETUP', 'PLAY', 'TEARDOWN']);
      assert.equal([device.plays[0]?.get('rate-control'), device.plays[0]?.get('require'), device.plays[0]?.get('range')], ['no', 'onvif-replay', 'clock=20261124T010001.043Z-20261124T010003.124Z']);
    });
  }
}

test('every way to ask for a login is met, and a wrong password is refused by name', async () => {
  const frames = await recorded('h264', 40);
  const device = { codec: 'h264', frameRate: FPS, frames: () => frames } as const;
  for (const scheme of ['basic', 'MD5', 'SHA-256'] as const) {
    for (const [hasQop, isSession] of [[false, false], [true, false], [true, true], [false, true]] as const) {
      const { counters, error } = await read({ ...device, login: { user: 'operator', password: 'p@ss:w/rd', scheme, hasQop, isSession } }, { login: { user: 'operator', password: 'p@ss:w/rd' }, from: at(9), to: at(20) });
      assert.is(error, undefined, `${scheme} ${hasQop} ${isSession}`);
      assert.equal(counters, range(10, 19));
      if (scheme === 'basic') break;
    }
  }
  const login = { user: 'u', password: 'right', scheme: 'SHA-256', hasQop: true } as const;
  const wrong = await read({ ...device, login }, { login: { user: 'u', password: 'wrong' } });
  assert.is(codeOf(wrong.error), 'SOURCE_REFUSED');
  assert.match((wrong.error as Error).message, /refuses user or password/);
  assert.is(wrong.device.requests.length, 2, 'it is not tried again and again');
  const none = await read({ ...device, login });
  assert.match((none.error as Error).message, /wants user and password/);
});

test('a device that cannot replay costs one refused request, and is told apart', async () => {
  const frames = await recorded('h264', 20);
  const { error, device } = await read({ codec: 'h264', frameRate: FPS, frames: () => frames, isPlain: true });
  assert.is(codeOf(error), 'MEDIA_UNSUPPORTED');
  assert.equal(device.requests, ['DESCRIBE']);
});

test('pictures without the time of their capture are refused', async () => {
  const frames = await recorded('h264', 60);
  const { error } = await read({ codec: 'h264', frameRate: FPS, frames: () => frames, isUntimed: true });
  assert.is(codeOf(error), 'MEDIA_UNSUPPORTED');
});

test('nothing recorded of that time is an end without units', async () => {
  const frames = await recorded('h264', 20);
  const { error, units } = await read({ codec: 'h264', frameRate: FPS, frames: () => frames }, { from: at(500), to: at(600) });
  assert.is(error, undefined);
  assert.is(units.length, 0);
});

test('a device that falls silent, and one that hangs up, are named; what came before is there', async () => {
  const frames = await recorded('h264', 60);
  const silent = await read({ codec: 'h264', frameRate: FPS, frames: () => frames, ending: 'silence' }, { stallMs: 300 });
  assert.is(codeOf(silent.error), 'SOURCE_STALLED');
  assert.equal(silent.counters, range(20, 59));
  const gone = await read({ codec: 'h264', frameRate: FPS, frames: () => frames, breaksAfter: 15 });
  assert.is(codeOf(gone.error), 'SOURCE_UNREACHABLE');
  assert.equal(gone.counters, range(20, 34));
});

test('requests of the device and blank lines between packets do not disturb', async () => {
  const frames = await recorded('h264');
  const { counters, error } = await read({ codec: 'h264', frameRate: FPS, frames: () => frames, isTalkative: true });
  assert.is(error, undefined);
  assert.equal(counters, range(20, 74));
});

test('a redirect is followed, its login goes to the same host only, and a circle ends', async () => {
  const frames = await recorded('h264', 60);
  const target = await startReplayServer({ codec: 'h264', frameRate: FPS, frames: () => frames, login: { user: 'u', password: 'p', scheme: 'basic' } });
  const device = { codec: 'h264', frameRate: FPS, frames: () => frames, movedTo: () => target.url } as const;
  const followed = await read(device, { login: { user: 'u', password: 'p' }, to: at(50) });
  assert.equal(followed.counters, range(20, 49));
  const elsewhere = await read({ ...device, movedTo: () => target.url.replace('127.0.0.1', 'localhost') }, { login: { user: 'u', password: 'p' } });
  assert.match((elsewhere.error as Error).message, /wants user and password/);
  await target.close();
  let url = '';
  const circle = await startReplayServer({ ...device, movedTo: () => url });
  url = circle.url;
  const round = await read({ ...device, movedTo: () => url });
  assert.match((round.error as Error).message, /moves on for ever/);
  await circle.close();
});

test('a clock that is off is corrected in what is asked and in what is given out', async () => {
  const frames = (await recorded('h264')).map((frame) => ({ ...frame, capturedMicros: frame.capturedMicros + 3_600e6 }));
  const { counters, units } = await read({ codec: 'h264', frameRate: FPS, frames: () => frames }, { clockOffsetMicros: 3_600e6 });
  assert.equal(counters, range(20, 74));
  assert.ok(Math.abs(units[0]!.capturedAt - at(20)) <= 1);
});

test('a replay is not read faster than allowed', async () => {
  const frames = await recorded('h264');
  const startMs = performance.now();
  const { counters } = await read({ codec: 'h264', frameRate: FPS, frames: () => frames }, { speedMax: 4 });
  const tookMs = performance.now() - startMs;
  assert.equal(counters, range(20, 74));
  assert.ok(tookMs >= 54 / FPS / 4 * 1000 - 20, `${tookMs} ms for ${54 / FPS} s`);
});

test('a session is kept alive, and waiting can be given up at any time', async () => {
  const frames = await recorded('h264', 60);
  const server = await startReplayServer({ codec: 'h264', frameRate: FPS, frames: () => frames, ending: 'silence', sessionSeconds: 2 });
  const source = replaySource({ uri: server.url, label: 'd', ctx: { clock: systemClock, random: systemRandom }, timeoutMs: 5_000, from: at(23), to: at(75), stallMs: 60_000, speedMax: 1_000, media: libavAccess });
  const session = await source.open(AbortSignal.timeout(5_000));
  const leaving = new AbortController();
  let units = 0;
  const reading = (async () => { for (;;) { await session.next(leaving.signal); units += 1; } })();
  await eventually(() => server.requests.filter((request) => request === 'GET_PARAMETER').length >= 2, 'it is kept alive', 8_000);
  leaving.abort(new Error('enough'));
  assert.is(await reading.catch((error: unknown) => (error as Error).message), 'enough');
  assert.is(units, 40);
  await session.close();
  await session.close();
  await server.close();
});

test('an address where nobody answers, and a wrong one, are named', async () => {
  const server = await startReplayServer({ codec: 'h264', frameRate: FPS, frames: () => [] });
  await server.close();
  const open = (uri: string): Promise<unknown> => replaySource({ uri, label: 'd', ctx: { clock: systemClock, random: systemRandom }, timeoutMs: 500, from: at(0), to: at(1), stallMs: 500, speedMax: 1, media: libavAccess })
    .open(AbortSignal.timeout(5_000)).catch((error: unknown) => codeOf(error));
  assert.is(await open(server.url), 'SOURCE_UNREACHABLE');
  assert.is(await open('http://127.0.0.1/'), 'CONFIG_INVALID');
  assert.is(await open('not a uri'), 'CONFIG_INVALID');
});

test.run();
