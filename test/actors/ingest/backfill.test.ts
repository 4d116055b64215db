import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Backfill, type Gap, type LeftReason } from '../../../actors/ingest/backfill.ts';
import { contentHashOf } from '../../../actors/ingest/chunk-tools.ts';
import { POLICIES } from '../../../actors/tree.ts';
import { Recorder } from '../../../src/data-ops/recorder.ts';
import type { ChunkRow } from '../../../src/data-ops/store.ts';
import { createActorSystem } from '../../../src/engine/actor-system.ts';
import { Limiter } from '../../../src/engine/limiter.ts';
import { systemRandom } from '../../../src/engine/seeded-random.ts';
import { systemClock } from '../../../src/engine/system-clock.ts';
import { epochMicros } from '../../../src/engine/units.ts';
import { PlatformError } from '../../../src/engine/errors.ts';
import { libavAccess } from '../../../src/ingress/libav-access.ts';
import { knownRecording, type Recordings } from '../../../src/ingress/replay/recordings.ts';
import { createChunkWriter } from '../../../src/media/index.ts';
import type { ChunkPart } from '../../../src/messages/chunk-part.ts';
import type { PlatformEvent } from '../../../src/messages/platform-event.ts';
import { makeClip } from '../../support/clip.ts';
import { eventually } from '../../support/eventually.ts';
import { readCounter, stamp } from '../../support/frame-counter.ts';
import { camera } from '../../support/ledger-fixtures.ts';
import { startReplayServer, type ReplayOptions, type ReplayServer } from '../../support/replay-server.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

const DOCK = camera('dock-2');
const T0 = 1_795_482_000_000_000;
const FPS = 25;
const at = (index: number): ReturnType<typeof epochMicros> => epochMicros(T0 + index * 1e6 / FPS);

/** Waits of seconds take milliseconds; limits stay as they are. */
const hurried: typeof systemClock = { ...systemClock, sleep: (ms, signal) => systemClock.sleep(ms === 1_000 || ms === 5_000 || ms === 20_000 ? 20 : ms, signal) };
const silentLog = { debug() {}, info() {}, warn() {}, error() {} } as never;

interface World {
  readonly backfill: Backfill;
  readonly parts: ChunkPart[];
  readonly events: Extract<PlatformEvent, { type: 'backfilled' }>[];
  readonly left: LeftReason[];
  readonly rows: Map<string, ChunkRow>;
  readonly folder: string;
  readonly counters: () => readonly (number | null)[];
  close(): Promise<void>;
}

function open(recordings: Recordings, options: { readonly maxMs?: number; readonly turns?: Limiter; readonly isRunning?: boolean } = {}): World {
  const folder = temporaryFolder();
  const parts: ChunkPart[] = [];
  const events: World['events'] = [];
  const left: LeftReason[] = [];
  const rows = new Map<string, ChunkRow>();
  const backfill = new Backfill({
    camera: DOCK, recordings, samples: undefined, maxMs: options.maxMs ?? 3_600_000, turns: options.turns ?? new Limiter(2), log: silentLog,
    session: {
      host: { clock: hurried, random: systemRandom, observer: { batch() {}, dropped() {}, failed() {} } }, chunkSeconds: 10,
      createRecorder: () => new Recorder({ folder, createWriter: createChunkWriter, createHash: contentHashOf, index: async batch => { for (const row of batch) rows.set(row.path, row); }, partMs: 20 }),
    },
    reading: { media: libavAccess, stallMs: 900, timeoutMs: 2_000 },
    onDurable: part => parts.push(part), report: event => { if (event.type === 'backfilled') events.push(event); }, onLeft: reason => left.push(reason),
  });
  const system = createActorSystem({ name: 'test', clock: systemClock, random: systemRandom, onEvent: () => {} });
  if (options.isRunning !== false) system.supervise({ name: 'backfill', run: ctx => backfill.run(ctx, new AbortController().signal) }, POLICIES.feeder);
  return {
    backfill, parts, events, left, rows, folder,
    counters: () => parts.flatMap(({ units }) => units.map(({ data }) => readCounter(data))),
    close: () => system.stop(),
  };
}

async function device(options: Partial<ReplayOptions> = {}): Promise<ReplayServer> {
  const clip = await makeClip({ width: 160, height: 96, frames: 20, gop: 10, fps: FPS });
  const frames = Array.from({ length: 200 }, (_, index) => {
    const { data, isKey } = clip.units[index % 20]!;
    return { data: stamp(data, index), isKey, capturedMicros: at(index), counter: index };
  });
  return startReplayServer({ codec: 'h264', frameRate: FPS, frames: () => frames, ...options });
}

const gap = (from: number, to: number, epochs: readonly number[] = [5, 6, 7]): Gap => ({ from: { capturedAt: at(from), cameraClock: at(from) }, to: { capturedAt: at(to), cameraClock: at(to) }, epochs });
const range = (from: number, to: number): readonly number[] => Array.from({ length: to - from + 1 }, (_, index) => from + index);

test('a gap becomes an epoch of its own, recorded and told, with at most a GOP twice', async () => {
  const server = await device();
  const world = open(knownRecording(server.url));
  world.backfill.offer(gap(23, 75));
  await eventually(() => world.events.length === 1, 'it is filled', 10_000);
  assert.equal(world.counters(), range(20, 74));
  assert.equal(world.events[0], { type: 'backfilled', camera: DOCK, at: world.events[0]!.at, from: at(23), to: at(75), frames: 51 });
  assert.equal([...new Set(world.parts.map(({ epoch }) => epoch))], [5]);
  assert.ok(world.parts.at(-1)?.isEpochEnd);
  assert.equal([...world.rows.values()].map(({ epoch, frameCount, isClosed }) => [epoch, frameCount, isClosed]), [[5, 55, true]]);
  assert.ok(readdirSync(join(world.folder, DOCK), { recursive: true }).length > 0);
  assert.equal(world.left, []);
  await world.close();
  await server.close();
});

test('a replay that breaks is gone on with where it stopped, in the next epoch', async () => {
  const server = await device({ breaksAfter: 30 });
  const world = open(knownRecording(server.url));
  world.backfill.offer(gap(23, 75));
  await eventually(() => world.events.length === 1, 'it is filled', 10_000);
  assert.equal(world.parts.filter(({ units }) => units.length > 0).map(({ epoch }) => epoch), [...range(20, 49).map(() => 5), ...range(50, 74).map(() => 6)]);
  assert.equal(world.counters(), [...range(20, 49), ...range(50, 74)]);
  assert.equal([world.events[0]!.frames, world.left], [51, []]);
  await world.close();
  await server.close();
});

test('a device without replay costs one refused request and is not asked again', async () => {
  const server = await device({ isPlain: true });
  const world = open(knownRecording(server.url));
  world.backfill.offer(gap(23, 75));
  await eventually(() => world.left.length === 1, 'it is refused');
  assert.equal([world.left, world.backfill.isSupported, server.requests], [['unsupported'], false, ['DESCRIBE']]);
  world.backfill.offer(gap(80, 90));
  await new Promise(resolve => { setImmediate(resolve); });
  assert.is(server.requests.length, 1);
  await world.close();
  await server.close();
});

test('tries of a gap are bounded, and what failed says why', async () => {
  let asked = 0;
  const world = open({ label: 'd', find: async () => { asked += 1; throw new PlatformError('SOURCE_UNREACHABLE', 'nobody there', {}); } });
  world.backfill.offer(gap(23, 75));
  await eventually(() => world.left.length === 1, 'it is given up');
  assert.equal([asked, world.left, world.backfill.isSupported], [3, ['failed'], true]);
  await world.close();
});

test('a part that the device never recorded stays a gap, and the rest is told as what it is', async () => {
  const server = await device();
  const world = open(knownRecording(server.url));
  world.backfill.offer(gap(180, 600));
  await eventually(() => world.events.length === 1, 'it is filled as far as it goes', 10_000);
  assert.equal([world.events[0]!.from, world.events[0]!.to, world.events[0]!.frames], [at(180), at(199), 19]);
  assert.equal(world.left, ['not-recorded']);
  await world.close();
  await server.close();
});

test('a short gap without a picture is tried once and left in peace, one that cannot be asked for is tried again and told', async () => {
  const server = await device();
  const calm = open(knownRecording(server.url));
  calm.backfill.offer({ from: { capturedAt: at(20), cameraClock: at(20) }, to: { capturedAt: at(21), cameraClock: at(21) }, epochs: [5, 6, 7] });
  await eventually(() => server.requests.includes('TEARDOWN'), 'it was asked for');
  await new Promise(resolve => { setTimeout(resolve, 120); });
  assert.equal([calm.left, calm.events, server.plays.length], [[], [], 1]);
  await calm.close();
  await server.close();
  const failing = open(knownRecording(server.url));
  failing.backfill.offer(gap(20, 22));
  await eventually(() => failing.left.length === 1, 'it is given up');
  assert.equal(failing.left, ['failed']);
  await failing.close();
});

test('a device whose newest second is not there yet is asked again for it', async () => {
  let shown = 137;
  const clip = await makeClip({ width: 160, height: 96, frames: 20, gop: 10, fps: FPS });
  const frames = Array.from({ length: 200 }, (_, index) => ({ data: stamp(clip.units[index % 20]!.data, index), isKey: clip.units[index % 20]!.isKey, capturedMicros: at(index), counter: index }));
  const server = await device({ frames: () => frames.slice(0, shown) });
  const world = open(knownRecording(server.url));
  world.backfill.offer(gap(105, 150));
  await eventually(() => world.parts.some(({ epoch, isEpochEnd }) => epoch === 5 && isEpochEnd), 'the first part is there');
  shown = 200;
  await eventually(() => world.events.length === 1, 'the rest too', 10_000);
  assert.equal(world.counters(), [...range(100, 136), ...range(130, 149)]);
  assert.equal([world.events[0]!.to, world.events[0]!.frames, world.left], [at(150), 44, []]);
  await world.close();
  await server.close();
});

test('of a long gap the last part is filled', async () => {
  const server = await device();
  const world = open(knownRecording(server.url), { maxMs: 1_000 });
  world.backfill.offer(gap(23, 150));
  await eventually(() => world.events.length === 1, 'it is filled', 10_000);
  assert.equal(world.counters(), range(120, 149));
  assert.equal([world.events[0]!.from, world.events[0]!.frames], [at(125), 24]);
  await world.close();
  await server.close();
});

test('where the camera\'s clock is not known at an end, more is recorded rather than less', async () => {
  const server = await device();
  const far = open(knownRecording(server.url));
  far.backfill.offer({ ...gap(80, 110), from: { capturedAt: at(80), cameraClock: undefined }, to: { capturedAt: at(110), cameraClock: undefined } });
  await eventually(() => far.events.length === 1, 'it is filled', 10_000);
  assert.equal(far.counters(), range(30, 159)); // two seconds more on both sides
  assert.equal([far.events[0]!.from, far.events[0]!.to], [at(80), at(110)]);
  const near = open(knownRecording(server.url));
  near.backfill.offer({ ...gap(80, 110), from: { capturedAt: at(80), cameraClock: undefined } });
  await eventually(() => near.events.length === 1, 'it is filled', 10_000);
  assert.equal(near.counters(), range(70, 109)); // from the key frame before 200 ms before
  await far.close();
  await near.close();
  await server.close();
});

test('a camera whose clock is an hour off is asked by its own clock, and its pictures get their event time', async () => {
  const server = await device();
  const world = open(knownRecording(server.url));
  const hour = 3_600e6;
  world.backfill.offer({ from: { capturedAt: epochMicros(at(23) - hour), cameraClock: at(23) }, to: { capturedAt: epochMicros(at(75) - hour), cameraClock: at(75) }, epochs: [5, 6, 7] });
  await eventually(() => world.events.length === 1, 'it is filled', 10_000);
  assert.equal(world.counters(), range(20, 74));
  assert.ok(Math.abs(world.parts[0]!.units[0]!.capturedAt - (at(20) - hour)) <= 1);
  assert.equal([world.events[0]!.from, world.events[0]!.to], [at(23) - hour, at(75) - hour]);
  await world.close();
  await server.close();
});

test('gaps wait in a bounded queue; the oldest gives way and is counted', async () => {
  const server = await device();
  const world = open(knownRecording(server.url), { isRunning: false });
  for (let index = 0; index < 20; index += 1) world.backfill.offer(gap(index * 8, index * 8 + 5));
  assert.equal(world.left, Array.from({ length: 4 }, () => 'queue-full'));
  await world.close();
  await server.close();
});

test('a camera that ends does not wait for its turn, nor for a device that hangs', async () => {
  const server = await device({ ending: 'silence' });
  const turns = new Limiter(1);
  const held = Promise.withResolvers<void>();
  void turns.run(() => held.promise);
  const world = open(knownRecording(server.url), { turns });
  world.backfill.offer(gap(23, 75));
  await new Promise(resolve => { setTimeout(resolve, 60); });
  const startMs = performance.now();
  await world.close();
  assert.ok(performance.now() - startMs < 1_000);
  held.resolve();
  await server.close();
});

test.run();
