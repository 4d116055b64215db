import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { visionFlow } from '../../../actors/pipeline.ts';
import type { IntakeRules } from '../../../actors/vision/intake.ts';
import { Detector } from '../../../actors/vision/detector.ts';
import { createActorSystem } from '../../../src/engine/actor-system.ts';
import type { Envelope } from '../../../src/engine/ports.ts';
import { systemRandom } from '../../../src/engine/seeded-random.ts';
import type { Stage } from '../../../src/engine/stage.ts';
import { epochMicros, type CameraId } from '../../../src/engine/units.ts';
import type { DetectorModel } from '../../../src/inference/detector-model.ts';
import type { ChunkPart } from '../../../src/messages/chunk-part.ts';
import type { Feature, FeatureRequest } from '../../../src/messages/feature.ts';
import type { TerminalRecord } from '../../../src/messages/terminal-record.ts';
import { createMemoryPort } from '../../../src/transports/memory.ts';
import { parameters } from '../../support/archive-fixtures.ts';
import { NEVER } from '../../support/envelopes.ts';
import { fakeClock } from '../../support/fake-clock.ts';

const LINK = { maxRestarts: 0, windowMs: 1000, backoffMs: 1, backoffMaxMs: 1, jitter: 0, stallMs: 0, stopMs: 1000 };
const STALENESS_MS = 100;

/** A frame that reached the featurizer. */
interface Seen { readonly camera: string; readonly seq: number; readonly isStale: boolean; readonly ageMs: number; readonly waiting: number }

/** The flow of a vision process with a detector that takes `detectMs` a frame, and a link with its parts. */
function world(options: { readonly detectMs: number; readonly catchUpMs?: number; readonly stalenessMs?: number; readonly batchMs?: (frames: number) => number; readonly withinMs?: number; readonly decodeMs?: Readonly<Record<string, number>>; readonly shares?: Pick<IntakeRules, 'priorityOf' | 'tenantOf' | 'tenantShareOf'> }) {
  const clock = fakeClock();
  const link = createMemoryPort<ChunkPart>({ maxItems: 100_000, maxBytes: 1e9, sizeOf: () => 1 });
  const store = createMemoryPort<TerminalRecord>({ maxItems: 100_000, maxBytes: 1e9, sizeOf: () => 1 });
  const seen: Seen[] = [];
  let released = 0;
  const records: TerminalRecord[] = [];
  const sent = new Map<string, number>();
  const featurizer: Stage<FeatureRequest<ChunkPart>, Feature> = {
    open: async () => {},
    close: async () => {},
    process: async batch => {
      for (const { key } of batch) if (options.decodeMs?.[key]) await clock.sleep(options.decodeMs[key]);
      return batch.flatMap(({ body, key }): Envelope<Feature>[] => {
      const { part, isStale, receivedAtMs } = body;
      const unit = part.units[0]!;
      const seq = unit.frameSeq;
      seen.push({ camera: key, seq, isStale, ageMs: clock.monotonicMs() - receivedAtMs, waiting: (sent.get(key) ?? 0) - seq - 1 });
      const base = { camera: key, epoch: 1, capturedAt: unit.capturedAt };
      const feature: Feature = isStale ? { ...base, kind: 'dropped', from: seq, to: seq, reason: 'stale', isIntentional: false } : {
        ...base, kind: 'frame', frameSeq: seq, arrivedAt: unit.arrivedAt, ptsSeconds: null, decodeMs: 0, readyAtMs: receivedAtMs, feed: 1,
        frame: { pixels: new Uint8Array(3), width: 1, height: 1, scaleX: 1, scaleY: 1, padX: 0, padY: 0, sourceWidth: 1, sourceHeight: 1 },
      };
      return [{ body: feature, key, capturedAt: unit.capturedAt, trace: '' }];
      });
    },
  };
  const batches: number[] = [];
  const model = {
    id: 'm@1', digest: '', provider: 'cpu', labels: [], batchMax: options.batchMs ? 16 : 1, close: async () => {}, detect: async () => { await clock.sleep(options.batchMs?.(1) ?? options.detectMs); batches.push(1); return []; },
    detectBatch: async (frames: readonly unknown[]) => { await clock.sleep(options.batchMs?.(frames.length) ?? 0); batches.push(frames.length); return frames.map(() => []); },
  } as unknown as DetectorModel; // the calls that are made
  const system = createActorSystem({ name: 'test', clock, random: systemRandom, onEvent: () => {} });
  const detector = new Detector(async () => model, () => { released += 1; }, { max: 16, withinMs: options.withinMs ?? 0, stalenessMs: options.stalenessMs ?? STALENESS_MS });
  const actors = visionFlow({ clock, random: systemRandom, observer: { batch() {}, dropped() {}, failed() {} } }, {
    parts: link.input, records: store.output, featurizer, detector, batching: detector, credit: 16_384,
    stalenessMs: options.stalenessMs ?? STALENESS_MS, catchUpMs: options.catchUpMs ?? 0, ...options.shares,
  }).map(actor => system.supervise(actor, LINK));
  void (async () => {
    for (let delivery = await store.input.pull(64, NEVER); delivery; delivery = await store.input.pull(64, NEVER)) {
      records.push(...delivery.items.map(({ body }) => body));
      await delivery.ack();
    }
  })();
  const send = (camera: string, isRecovered = false): void => {
    const frameSeq = sent.get(camera) ?? 0;
    sent.set(camera, frameSeq + 1);
    const unit = { frameSeq, pts: 0, dts: 0, duration: 0, isKey: true, isCorrupt: false, capturedAt: epochMicros(frameSeq), arrivedAt: clock.now(), data: new Uint8Array(1) };
    // Not the first chunk of a session: its first frames may be caught up with.
    const body: ChunkPart = { camera: camera as CameraId, epoch: 1, chunkSeq: 1, partSeq: frameSeq, chunkStartedAt: epochMicros(0), parameters, units: [unit], isOpenGop: false, isEpochEnd: false, isRecovered, isAccounted: false, feed: 1 };
    void link.output.push([{ body, key: camera as CameraId, capturedAt: epochMicros(0), trace: '' }], NEVER);
  };
  const stop = async (): Promise<void> => {
    const stopped = system.stop();
    await clock.advance(5_000); // its limits are those of this clock
    await stopped;
  };
  /** Frames of all cameras at 25 a second. */
  const stream = async (cameras: readonly string[], seconds: number): Promise<void> => {
    for (let frame = 0; frame < seconds * 25; frame += 1) {
      for (const camera of cameras) send(camera);
      await clock.advance(40);
    }
  };
  const detectedOf = (camera: string): number => records.filter(record => record.kind === 'detected' && record.camera === camera).length;
  return { clock, seen, batches, records, actors, send, stream, released: () => released, detectedOf, end: () => link.end(), stop };
}

test('a machine that is fast enough detects every frame, in order', async () => {
  const { stream, records, stop } = world({ detectMs: 5 });
  await stream(['a', 'b'], 2);
  assert.is(records.length, 100);
  for (const camera of ['a', 'b']) assert.equal(records.flatMap(record => (record.kind === 'detected' && record.camera === camera ? [record.frameSeq] : [])), Array.from({ length: 50 }, (_, seq) => seq));
  await stop();
});

test('under overload no frame over the staleness budget is chosen while a newer one of its camera waits, and cameras have equal shares', async () => {
  const { stream, seen, detectedOf, records, stop } = world({ detectMs: 60 });
  await stream(['a', 'b', 'c'], 8);
  const chosen = seen.filter(({ isStale }) => !isStale);
  assert.ok(chosen.length > 100, `${chosen.length} frames are worked on: the detector is never idle`);
  assert.ok(seen.some(({ isStale }) => isStale), 'it was overloaded');
  for (const { camera, seq, ageMs, waiting } of chosen) assert.ok(ageMs <= STALENESS_MS || waiting === 0, `${camera} ${seq}: ${ageMs} ms old while ${waiting} newer wait`);
  const shares = ['a', 'b', 'c'].map(detectedOf);
  assert.ok(Math.max(...shares) - Math.min(...shares) <= Math.max(...shares) * 0.2, `shares ${shares.join(' ')}`);
  for (const camera of ['a', 'b', 'c']) {
    const order = seen.filter(each => each.camera === camera).map(({ seq }) => seq);
    assert.equal(order, order.map((_, index) => index), `${camera}: each frame once and in order`);
  }
  const lateDetections = records.filter(record => record.kind === 'detected' && record.timings.ageMs > STALENESS_MS + 3 * 60 + 60);
  assert.equal(lateDetections, [], 'what is detected is fresh');
  await stop();
});

test('what is back-filled waits for the live frames of all cameras, is never stale, and gets the time that they leave', async () => {
  const { clock, send, seen, detectedOf, stop } = world({ detectMs: 15 });
  for (let frame = 0; frame < 250; frame += 1) {
    if (frame < 50) for (let count = 0; count < 5; count += 1) send('a~backfill', true); // ten seconds within two
    for (const camera of ['a', 'b']) send(camera);
    await clock.advance(40);
  }
  await clock.advance(2_000);
  for (const { camera, seq, ageMs, isStale } of seen) {
    assert.is(isStale, false, `${camera} ${seq}`);
    if (camera !== 'a~backfill') assert.ok(ageMs <= 15 + 15, `live frame ${seq} of ${camera} waited ${ageMs} ms: no longer than for one frame that was under way, and the other camera's`);
  }
  assert.equal(['a', 'b', 'a~backfill'].map(detectedOf), [250, 250, 250]);
  assert.ok(Math.max(...seen.filter(({ camera }) => camera === 'a~backfill').map(({ ageMs }) => ageMs)) > 10 * STALENESS_MS, 'it had to wait');
  await stop();
});

test('a camera that sends much does not take the share of one that sends little', async () => {
  const { clock, send, detectedOf, stop } = world({ detectMs: 50 });
  for (let frame = 0; frame < 200; frame += 1) {
    for (let count = 0; count < 4; count += 1) send('busy');
    if (frame % 5 === 0) send('calm');
    await clock.advance(40);
  }
  assert.is(detectedOf('calm'), 40, 'each of its frames');
  assert.ok(detectedOf('busy') > 60);
  await stop();
});

test('under overload tenants have equal shares, however many cameras each has, and every frame ends: detected, or dropped as stale', async () => {
  const many = Array.from({ length: 10 }, (_, index) => `many-${index}`);
  const { clock, stream, records, detectedOf, end, stop } = world({ detectMs: 60, shares: { tenantOf: camera => camera.split('-')[0] ?? '', priorityOf: camera => (camera === 'many-0' ? 3 : 1) } });
  await stream([...many, 'single'], 30);
  end();
  await clock.advance(20_000);
  await stop();
  const [own, others] = [detectedOf('single'), many.map(detectedOf)];
  const total = own + others.reduce((sum, count) => sum + count, 0);
  assert.ok(total > 400, `${total} frames are detected on: the detector is never idle`);
  assert.ok(Math.abs(own / total - 0.5) < 0.05, `${own} of ${total}`);
  assert.ok(Math.min(...others) > 0, `none starves: ${others.join(' ')}`);
  const average = others.slice(1).reduce((sum, count) => sum + count, 0) / 9;
  assert.ok(Math.abs((others[0] ?? 0) / average - 3) < 0.6, `the one with priority 3 has three times as much: ${others.join(' ')}`);
  for (const camera of ['single', ...many]) {
    const ended = records.filter(record => record.camera === camera).reduce((sum, record) => sum + (record.kind === 'dropped' ? record.to - record.from + 1 : 1), 0);
    assert.is(ended, 750, camera);
  }
  assert.equal([...new Set(records.flatMap(record => (record.kind === 'dropped' ? [record.reason] : [])))], ['stale']);
});

test('shares and tenants that change hold from then on', async () => {
  let tenants: Readonly<Record<string, number>> = { a: 1, b: 1 };
  let [tenantOfX, priorityOfX] = ['a', 1];
  const { stream, detectedOf, stop } = world({ detectMs: 60, shares: { tenantOf: camera => (camera === 'x' ? tenantOfX : 'b'), priorityOf: camera => (camera === 'x' ? priorityOfX : 1), tenantShareOf: tenant => tenants[tenant] ?? 1 } });
  const shareOfX = async (): Promise<number> => {
    const before = [detectedOf('x'), detectedOf('y')];
    await stream(['x', 'y'], 20);
    const [x, y] = [detectedOf('x') - (before[0] ?? 0), detectedOf('y') - (before[1] ?? 0)];
    return x / (x + y);
  };
  const about = (share: number, wanted: number): void => assert.ok(Math.abs(share - wanted) < 0.06, `${share}, wanted ${wanted}`);
  about(await shareOfX(), 1 / 2);
  tenants = { a: 3, b: 1 };
  about(await shareOfX(), 3 / 4);
  [tenantOfX, priorityOfX] = ['b', 1];
  about(await shareOfX(), 1 / 2);
  priorityOfX = 2;
  about(await shareOfX(), 2 / 3);
  await stop();
});

test('missed frames are caught up with for so long, then the oldest are left; the next time has its own limit', async () => {
  const { clock, send, seen, stream, stop } = world({ detectMs: 10, catchUpMs: 1_000 });
  for (const round of [0, 1]) {
    const from = seen.length;
    for (let count = 0; count < 300; count += 1) send('a', true);
    await clock.advance(6_000);
    const fates = seen.slice(from).map(({ isStale }) => isStale);
    const caughtUp = fates.indexOf(true);
    assert.is(fates.length, 300, `round ${round}: each was handed on`);
    assert.ok(caughtUp >= 90 && caughtUp <= 110, `round ${round}: ${caughtUp} in a second at 100 a second`);
    assert.not.ok(fates.at(-1), 'the newest one is worked on');
    await stream(['a'], 1);
  }
  await stop();
});

test('frames of several cameras run as one where a run has a price of its own, and none is late for it', async () => {
  const cameras = ['a', 'b', 'c', 'd', 'e', 'f'];
  const { stream, batches, records, detectedOf, released, stop } = world({ detectMs: 0, batchMs: frames => 15 + frames });
  await stream(cameras, 10); // 6 of 16 ms in 40 ms: too much one by one
  const from = records.length;
  await stream(cameras, 4);
  const late = records.slice(from);
  assert.ok(batches.slice(-20).some(frames => frames >= 4), `batches of ${batches.slice(-20).join(' ')}`);
  assert.equal(late.filter(({ kind }) => kind === 'dropped'), [], 'once it has learnt, nothing is left out');
  for (const record of late) assert.ok(record.kind === 'detected' && record.timings.ageMs <= STALENESS_MS, JSON.stringify(record));
  for (const camera of cameras) {
    const order = records.flatMap(record => (record.kind === 'detected' && record.camera === camera ? [record.frameSeq] : []));
    assert.equal(order, order.toSorted((one, other) => one - other), `${camera}: in order`);
    assert.ok(detectedOf(camera) > 200);
  }
  assert.is(released(), batches.reduce((sum, frames) => sum + frames, 0), 'each frame is given back once');
  await stop();
});

test('a frame waits for others only as long as it may', async () => {
  const { clock, send, stream, batches, records, stop } = world({ detectMs: 0, batchMs: frames => 15 + frames, withinMs: 8 });
  await stream(['a', 'b', 'c', 'd', 'e', 'f'], 10);
  await clock.advance(1_000);
  const from = batches.length;
  for (let frame = 0; frame < 5; frame += 1) { send('a'); await clock.advance(200); }
  assert.equal(batches.slice(from), [1, 1, 1, 1, 1]);
  for (const record of records.slice(-5)) assert.is(record.kind === 'detected' && record.timings.ageMs, 8 + 16);
  await stop();
});

test('a camera that is dear to decode has fewer turns, not more time', async () => {
  const { clock, send, detectedOf, stop } = world({ detectMs: 20, decodeMs: { large: 20 } });
  for (let frame = 0; frame < 400; frame += 1) {
    send('large');
    if (frame % 2 === 0) send('small');
    await clock.advance(40);
  }
  assert.is(detectedOf('small'), 200, 'each of its frames');
  assert.ok(detectedOf('large') > 150, `${detectedOf('large')} of the large one: what is left`);
  await stop();
});

test('without a budget every frame is waited for', async () => {
  const { clock, send, records, stop } = world({ detectMs: 50, stalenessMs: Number.POSITIVE_INFINITY });
  for (let count = 0; count < 60; count += 1) send('a');
  await clock.advance(60 * 50 + 1000);
  assert.is(records.filter(record => record.kind === 'detected').length, 60);
  await stop();
});

test('the end of the input drains everything, and each stage ends by itself', async () => {
  const { clock, send, records, actors, end } = world({ detectMs: 20 });
  for (let count = 0; count < 30; count += 1) { send('a'); send('b'); }
  end();
  await clock.advance(5_000);
  assert.is(records.length, 60);
  for (const actor of actors) assert.is((await actor.exit).reason, 'ended');
});

test.run();
