import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { HELD_PER_CAMERA_MAX } from '../../../actors/host/host-settings.ts';
import { epochMicros, type CameraId } from '../../../src/engine/units.ts';
import { CameraActivity, GOP_BUFFER, type ActivityObserver } from '../../../src/feature-ops/activity/camera-activity.ts';
import { CameraFeaturizer } from '../../../src/feature-ops/camera-featurizer.ts';
import { FrameRateGate, type FrameGate } from '../../../src/feature-ops/frame-gate.ts';
import { sceneGraph } from '../../../src/ingress/scene-graph.ts';
import { openGeneratedReader } from '../../../src/media/index.ts';
import type { AccessUnit } from '../../../src/messages/access-unit.ts';
import type { ChunkPart } from '../../../src/messages/chunk-part.ts';
import type { Feature, FrameFeature } from '../../../src/messages/feature.ts';
import type { DetectedRecord } from '../../../src/messages/terminal-record.ts';
import { parameters } from '../../support/archive-fixtures.ts';
import { diceOf, rollDice } from '../../support/dice.ts';
import { playGated, trueBoxes, unitsOf } from '../../support/gated-clip.ts';
import { endings, FakeMedia, PERFECT } from '../../support/habitual-media.ts';
import { visitedYard } from '../../support/visited-yard.ts';

const CAMERA = 'cam' as CameraId;
const FPS = 25;
const SILENT: ActivityObserver = { changed: () => {}, woke: () => {} };
const OPTIONS = { probeHz: 2, holdMs: 500 };

function unit(frameSeq: number, isKey: boolean, sizeBytes: number): AccessUnit {
  const at = epochMicros(Math.round(frameSeq * 1e6 / FPS));
  return { frameSeq, pts: frameSeq * 3600, dts: null, duration: 0, isKey, isCorrupt: false, capturedAt: at, arrivedAt: at, data: new Uint8Array(sizeBytes) };
}

function partOf(units: readonly AccessUnit[], fields: Partial<ChunkPart> = {}): ChunkPart {
  return { camera: CAMERA, epoch: 1, chunkSeq: 0, partSeq: 0, chunkStartedAt: epochMicros(0), parameters, units, isOpenGop: false, isEpochEnd: false, isRecovered: false, isAccounted: false, feed: 1, ...fields };
}

/** What a detector finds: a box of a fifth of the picture, or nothing. */
function found({ epoch, frameSeq, capturedAt }: FrameFeature, isThere: boolean): DetectedRecord {
  const boxes = isThere ? [{ classId: 0, label: 'person', score: 0.9, x1: 0, y1: 0, x2: 100, y2: 20 }] : [];
  return {
    kind: 'detected', camera: CAMERA, epoch, frameSeq, capturedAt, ptsSeconds: null, width: 100, height: 100, boxes, model: 'm@1', modelDigest: '', provider: 'cpu',
    timings: { decodeMs: 0, waitMs: 0, inferMs: 0, ageMs: 0 },
  };
}

/** A camera whose packets tell what is going on, a featurizer, and a detector that knows when something is there. */
class World {
  readonly media: FakeMedia;
  readonly activity: CameraActivity;
  readonly featurizer: CameraFeaturizer;
  readonly out: Feature[] = [];
  readonly isThere: (frameSeq: number) => boolean;

  constructor(options: { readonly media?: FakeMedia; readonly gate?: FrameGate; readonly observer?: ActivityObserver; readonly isThere?: (frameSeq: number) => boolean } = {}) {
    const media = options.media ?? new FakeMedia(diceOf(1), PERFECT);
    this.media = media;
    this.isThere = options.isThere ?? (() => false);
    this.activity = new CameraActivity(OPTIONS, options.observer ?? SILENT);
    this.featurizer = new CameraFeaturizer(CAMERA, options.gate ?? new FrameRateGate(null), { createDecoder: async () => media.decoder(), scaler: media.scaler, nowMs: () => media.nowMs, activity: this.activity });
  }

  async give(part: ChunkPart): Promise<void> {
    this.media.nowMs += 1000 / FPS;
    const features = await this.featurizer.take({ part, isStale: false, receivedAtMs: this.media.nowMs });
    this.out.push(...features);
    for (const feature of features) if (feature.kind === 'frame') this.featurizer.sees(found(feature, this.isThere(feature.frameSeq)));
  }

  /** Frames `from` to `to`, a key frame every `gop`; sizes as an encoder makes them of a still or a moving scene. */
  async play(from: number, to: number, gop: number, sizeOf: (frameSeq: number) => number = seq => (this.isThere(seq) ? 900 : 300)): Promise<void> {
    for (let seq = from; seq < to; seq += 1) await this.give(partOf([unit(seq, seq % gop === 0, seq % gop === 0 ? 20_000 : sizeOf(seq) + (seq * 7919) % 23)]));
  }

  end(): Promise<void> { return this.give(partOf([], { isEpochEnd: true })); }

  frames(): number[] { return this.out.filter(feature => feature.kind === 'frame').map(feature => feature.frameSeq).sort((a, b) => a - b); }

  quiet(): number { return this.out.reduce((sum, feature) => sum + (feature.kind === 'dropped' && feature.reason === 'quiet' ? feature.to - feature.from + 1 : 0), 0); }

  /** Each frame has exactly one end. */
  checkLedger(count: number): void {
    const ends = endings(this.out, 1);
    assert.equal([ends.size, [...ends.values()].every(times => times === 1)], [count, true], 'each frame ends once');
  }
}

test('a still scene is learnt, then only key frames are decoded, and the rest of each GOP ends as quiet when its successor was looked at', async () => {
  const states: string[] = [];
  const world = new World({ observer: { changed: ({ state, reason }) => states.push(`${state} ${reason ?? ''}`.trim()), woke: () => {} } });
  await world.play(0, 1500, 50);
  const late = world.frames().filter(seq => seq >= 1000);
  assert.ok(late.length <= 12, `${late.length} of the last 500 frames were decoded`);
  assert.ok(late.filter(seq => seq % 50 !== 0).length <= 1, 'beside key frames a proof at most');
  assert.ok(world.quiet() > 1100, `${world.quiet()} frames ended as quiet`);
  assert.equal(states, ['active', 'probing learning', 'quiet']);
  await world.end();
  world.checkLedger(1500);
});

test('what comes in the middle of a GOP is caught up with from before its first picture', async () => {
  const isThere = (seq: number): boolean => seq >= 1012 && seq < 1100;
  const world = new World({ isThere });
  await world.play(0, 1500, 50);
  await world.end();
  world.checkLedger(1500);
  const frames = new Set(world.frames());
  for (let seq = 1012; seq < 1100; seq += 1) assert.ok(frames.has(seq), `frame ${seq}`);
  assert.ok(world.frames().filter(seq => seq > 1200).length <= 14, 'it becomes quiet again');
});

test('what packet sizes do not tell of is found at the next key frame that is looked at, and everything since the last one is caught up with', async () => {
  const isThere = (seq: number): boolean => seq >= 1020 && seq < 1160;
  const world = new World({ isThere });
  await world.play(0, 1500, 50, () => 300);
  await world.end();
  world.checkLedger(1500);
  const frames = new Set(world.frames());
  for (let seq = 1020; seq < 1160; seq += 1) assert.ok(frames.has(seq), `frame ${seq}`);
});

test('something that stands still keeps the gate open', async () => {
  const world = new World({ isThere: seq => seq >= 1000 });
  await world.play(0, 1300, 50, seq => (seq >= 1000 && seq < 1010 ? 900 : 300));
  assert.equal(world.frames().filter(seq => seq >= 1000 && seq < 1290).length, 290);
});

test('where sizes say nothing pictures are looked at by the clock, and why is said', async () => {
  const isThere = (seq: number): boolean => seq >= 1030 && seq < 1100;
  const dice = diceOf(5);
  const world = new World({ isThere });
  await world.play(0, 1020, 50, () => dice.between(3_000, 20_000));
  assert.equal([world.activity.status.state, world.activity.status.reason], ['probing', 'no-signal']);
  const before = world.frames().filter(seq => seq >= 500 && seq < 1000).length;
  assert.ok(before >= 30 && before <= 60, `two a second: ${before} of 500`);
  await world.play(1020, 1500, 50, () => dice.between(3_000, 20_000));
  await world.end();
  world.checkLedger(1500);
  const frames = new Set(world.frames());
  for (let seq = 1030; seq < 1100; seq += 1) assert.ok(frames.has(seq), `frame ${seq}`);
});

test('a GOP that outgrows the buffer is said, and decoded', async () => {
  const reasons: string[] = [];
  const world = new World({ observer: { changed: ({ reason }) => { if (reason) reasons.push(reason); }, woke: () => {} } });
  await world.play(0, 600, 50);
  const big = Math.ceil(GOP_BUFFER.bytesMax / 100);
  let most = 0;
  for (let seq = 600; seq < 800; seq += 1) {
    await world.give(partOf([unit(seq, seq === 600, big)]));
    most = Math.max(most, world.activity.depth.bytes);
  }
  assert.ok(reasons.includes('long-gop'));
  assert.ok(most <= GOP_BUFFER.bytesMax + big, `${most} bytes were held`);
  assert.ok(world.frames().filter(seq => seq >= 760).length === 40, 'everything is decoded');
  await world.end();
  world.checkLedger(800);
});

test('in a GOP of minutes frames do not wait for its end, so that a host bounds what it has in flight', async () => {
  const world = new World();
  let most = 0;
  for (let seq = 0; seq < 3000; seq += 1) {
    await world.give(partOf([unit(seq, seq % 1000 === 0, seq % 1000 === 0 ? 20_000 : 300 + (seq * 7919) % 23)]));
    most = Math.max(most, seq + 1 - endings(world.out, 1).size);
  }
  assert.ok(most < HELD_PER_CAMERA_MAX, `${most} frames had no record`);
  await world.end();
  world.checkLedger(3000);
});

test('with a camera of its own motion detection the gate opens as it says so', async () => {
  const world = new World();
  await world.play(0, 1020, 50);
  world.activity.hint();
  await world.play(1020, 1050, 50);
  assert.equal(world.frames().filter(seq => seq >= 1000 && seq < 1030).length, 30);
});

test('a unit that the camera marked with a hint opens the gate, with what came just before it', async () => {
  const woken: string[] = [];
  const world = new World({ observer: { changed: () => {}, woke: cause => woken.push(cause) } });
  await world.play(0, 1030, 50);
  const before = world.frames().filter(seq => seq >= 1000).length;
  await world.give(partOf([{ ...unit(1030, false, 300), isActivityHint: true }]));
  await world.play(1031, 1065, 50);
  assert.equal(woken.filter(cause => cause === 'hint'), ['hint']);
  assert.ok(before <= 2 && world.frames().filter(seq => seq >= 1000 && seq <= 1030).length === 31, `${before} before`);
});

test('the clock of a camera may jump: pictures are looked at all the same', async () => {
  const world = new World();
  await world.play(0, 1000, 50);
  for (const jump of [-3_600e6, 7_200e6]) {
    const before = world.frames().length;
    for (let seq = 1000; seq < 1500; seq += 1) {
      const frameSeq = seq + (jump > 0 ? 500 : 0);
      const sent = unit(frameSeq, frameSeq % 50 === 0, frameSeq % 50 === 0 ? 20_000 : 300 + (seq * 7919) % 23);
      await world.give(partOf([{ ...sent, capturedAt: epochMicros(sent.capturedAt + jump) }]));
    }
    const looked = world.frames().length - before;
    assert.ok(looked >= 5 && looked <= 20, `${looked} looks in 20 s after a jump of ${jump / 1e6} s`);
  }
  await world.end();
  world.checkLedger(2000);
});

test('each frame ends exactly once whatever moves, whatever the decoder does, and however often everything is fed again', async () => {
  const dice = rollDice('camera-activity');
  for (let round = 0; round < 30; round += 1) {
    const seed = dice.between(0, 2 ** 31);
    const own = diceOf(seed);
    const media = new FakeMedia(own, { hold: own.pick([0, 2, 5]), corrupt: own.pick([0, 0.02]), swallow: own.pick([0, 0.02]), unscalable: own.pick([0, 0.02]), badFlush: own.pick([0, 0.3]) });
    const gop = own.pick([10, 50, 250]);
    const visits = Array.from({ length: 6 }, () => own.between(0, 1500));
    const world = new World({ media, gate: new FrameRateGate(own.pick([null, 5])), isThere: seq => visits.some(from => seq >= from && seq < from + 40) });
    const ended = new Set<number>();
    const note = (): void => { for (const seq of endings(world.out, 1).keys()) ended.add(seq); };
    let feed = 1;
    for (let seq = 0; seq < 1500; seq += 1) {
      if (own.chance(0.002)) {
        // A new feed: from the last key frame, what has its record for reference, the rest again.
        note();
        feed += 1;
        const first = Array.from({ length: seq }, (_, index) => index).find(index => !ended.has(index)) ?? seq;
        for (let again = first - first % gop; again < seq; again += 1) {
          await world.give(partOf([unit(again, again % gop === 0, 300)], { feed, isAccounted: ended.has(again) }));
        }
      }
      const isStale = own.chance(0.02);
      const part = partOf([unit(seq, seq % gop === 0, seq % gop === 0 ? 9_000 : (world.isThere(seq) ? 900 : 300) + own.between(0, 40))], { feed });
      media.nowMs += 1000 / FPS;
      const features = await world.featurizer.take({ part, isStale, receivedAtMs: media.nowMs - (isStale ? own.pick([200, 1500]) : 0) });
      world.out.push(...features);
      for (const feature of features) if (feature.kind === 'frame' && own.chance(0.98)) world.featurizer.sees(found(feature, world.isThere(feature.frameSeq)));
    }
    await world.give(partOf([], { feed, isEpochEnd: true }));
    const ends = endings(world.out, 1);
    const missing = Array.from({ length: 1500 }, (_, seq) => seq).filter(seq => !ends.has(seq));
    assert.equal(missing, [], `round seed ${seed}: every frame has its record`);
    assert.equal([...ends].filter(([, times]) => times !== 1), [], `round seed ${seed}: and one only`);
    world.featurizer.close();
    assert.equal([media.live, media.open], [0, 0], `round seed ${seed}: pictures are freed, decoders closed`);
  }
});

for (const [name, encoder] of [
  ['H.264 with a B-pyramid', { codec: 'h264', bitrate: 3_000_000, gop: 30, bFrames: 3, extra: { 'crf': '27', 'b-pyramid': 'normal' } }],
  ['H.265 with open GOPs', { codec: 'hevc', bitrate: 3_000_000, gop: 30, bFrames: 3, preset: 'superfast', extra: { 'crf': '27', 'x265-params': 'log-level=none:pools=none:frame-threads=1:open-gop=1:scenecut=0:keyint=30:min-keyint=30' } }],
] as const) {
  test(`in a real stream, ${name}, visitors are seen from their first picture to their last, and each frame ends once`, async () => {
    const scene = visitedYard({ width: 320, height: 180 });
    const { parameters: stream, units } = await unitsOf(await openGeneratedReader({ graph: sceneGraph(scene, 15), frameRate: 15, frames: 600, encoder }));
    const [round] = await playGated({ name, parameters: stream, units, boxes: units.map(each => trueBoxes(scene, each.capturedAt / 1e6)), seconds: 40, truth: 'ground truth' }, 1);
    assert.ok(round!.confident > 100, `${round!.confident} frames show somebody`);
    assert.ok(round!.recall >= 0.99, `recall ${round!.recall}`);
    assert.ok(round!.skippedOfEmpty > 0.5, `${round!.skippedOfEmpty} of the empty stretches were skipped`);
    assert.ok(round!.decodes < 1.1, `${round!.decodes} decodes a frame`);
  });
}

test.run();
