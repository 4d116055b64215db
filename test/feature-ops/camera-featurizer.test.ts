import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { PlatformError } from '../../src/engine/errors.ts';
import { epochMicros, type CameraId } from '../../src/engine/units.ts';
import { CameraFeaturizer } from '../../src/feature-ops/camera-featurizer.ts';
import { EveryNth, FrameRateGate, type FrameGate } from '../../src/feature-ops/frame-gate.ts';
import type { AccessUnit } from '../../src/messages/access-unit.ts';
import type { ChunkPart } from '../../src/messages/chunk-part.ts';
import type { Feature } from '../../src/messages/feature.ts';
import { parameters } from '../support/archive-fixtures.ts';
import { diceOf, rollDice } from '../support/dice.ts';
import { endings, FakeMedia, PERFECT } from '../support/habitual-media.ts';

const CAMERA = 'cam' as CameraId;

function unit(frameSeq: number, isKey: boolean): AccessUnit {
  return { frameSeq, pts: frameSeq * 3600, dts: null, duration: 0, isKey, isCorrupt: false, capturedAt: epochMicros(frameSeq * 40_000), arrivedAt: epochMicros(frameSeq * 40_000), data: new Uint8Array(1) };
}

function partOf(units: readonly AccessUnit[], fields: Partial<ChunkPart> = {}): ChunkPart {
  return { camera: CAMERA, epoch: 1, chunkSeq: 0, partSeq: 0, chunkStartedAt: epochMicros(0), parameters, units, isOpenGop: false, isEpochEnd: false, isRecovered: false, isAccounted: false, feed: 1, ...fields };
}

const make = (media: FakeMedia, gate: FrameGate = new FrameRateGate(null)): CameraFeaturizer =>
  new CameraFeaturizer(CAMERA, gate, { createDecoder: async () => media.decoder(), scaler: media.scaler, nowMs: () => media.nowMs });

test('every unit ends exactly once, or not at all when it is accounted for, whatever the decoder does', async () => {
  const dice = rollDice('featurizer');
  for (let round = 0; round < 300; round += 1) {
    const seed = dice.between(0, 2 ** 31);
    const own = diceOf(seed);
    const media = new FakeMedia(own, { hold: own.pick([0, 2, 5]), corrupt: own.pick([0, 0.05]), swallow: own.pick([0, 0.05, 1]), unscalable: own.pick([0, 0.05]), badFlush: own.pick([0, 1]) });
    const featurizer = make(media, own.pick([new FrameRateGate(null), new FrameRateGate(5), new EveryNth(3)]));
    const out: Feature[] = [];
    const wanted = new Map<number, Set<number>>();
    for (let epoch = 1; epoch <= 3; epoch += 1) {
      const seqs = new Set<number>();
      wanted.set(epoch, seqs);
      let stream = parameters;
      for (let seq = 0, count = own.between(0, 300); seq < count; seq += 1) {
        const isKey = seq === 0 ? own.chance(0.9) : own.chance(0.08);
        if (own.chance(0.01)) stream = { ...parameters, width: own.between(10, 90) };
        const isAccounted = own.chance(0.1);
        if (!isAccounted) seqs.add(seq);
        media.nowMs += own.pick([1, 40, 2000]);
        out.push(...await featurizer.take({ part: partOf([unit(seq, isKey)], { epoch, isAccounted, parameters: stream }), isStale: own.chance(0.2), receivedAtMs: media.nowMs - own.pick([0, 1500]) }));
      }
      if (own.chance(0.7) || epoch === 3) out.push(...await featurizer.take({ part: partOf([], { epoch, isEpochEnd: true }), isStale: false, receivedAtMs: 0 }));
    }
    for (const [epoch, seqs] of wanted) {
      const ends = endings(out, epoch);
      assert.equal([...ends.keys()].sort((a, b) => a - b), [...seqs], `round seed ${seed}: epoch ${epoch}: each wanted frame and no other`);
      assert.ok([...ends.values()].every(count => count === 1), `round seed ${seed}: once each`);
    }
    featurizer.close();
    assert.equal([media.live, media.open], [0, 0], `round seed ${seed}: pictures are freed, decoders closed`);
  }
});

test('a decoder that gives nothing back holds nothing up and takes no more memory than the deepest codec', async () => {
  const featurizer = make(new FakeMedia(diceOf(1), { ...PERFECT, swallow: 1 }));
  const out: Feature[] = [];
  for (let seq = 0; seq < 1000; seq += 1) out.push(...await featurizer.take({ part: partOf([unit(seq, seq === 0)]), isStale: false, receivedAtMs: 0 }));
  const ends = endings(out, 1);
  assert.ok(ends.size >= 1000 - 128 - 128, `${ends.size} of 1000 frames have ended before the epoch does`);
});

test('a new feed forgets what the one before it held: it comes again', async () => {
  const media = new FakeMedia(diceOf(1), { ...PERFECT, hold: 4 });
  const featurizer = make(media);
  const give = (seq: number, isKey: boolean, feed: number): Promise<Feature[]> => featurizer.take({ part: partOf([unit(seq, isKey)], { feed }), isStale: false, receivedAtMs: 0 });
  for (let seq = 0; seq < 4; seq += 1) assert.equal(await give(seq, seq === 0, 5), []);
  assert.equal(await give(0, true, 6), []);
  assert.equal(await give(4, false, 5), [], 'parts of the older feed are left');
  const last = await featurizer.take({ part: partOf([], { feed: 6, isEpochEnd: true }), isStale: false, receivedAtMs: 0 });
  assert.equal([...endings(last, 1)], [[0, 1]]);
  assert.equal([media.live, media.open], [0, 0]);
});

test('a stream that nobody can decode ends as undecodable and fails nobody else', async () => {
  let tries = 0;
  const media = new FakeMedia(diceOf(1), PERFECT);
  const featurizer = new CameraFeaturizer(CAMERA, new FrameRateGate(null), {
    createDecoder: async () => { tries += 1; throw new PlatformError('MEDIA_UNSUPPORTED', 'no decoder'); }, scaler: media.scaler, nowMs: () => 0,
  });
  const out: Feature[] = [];
  for (let seq = 0; seq < 200; seq += 1) out.push(...await featurizer.take({ part: partOf([unit(seq, seq % 10 === 0)]), isStale: false, receivedAtMs: 0 }));
  out.push(...await featurizer.take({ part: partOf([], { isEpochEnd: true }), isStale: false, receivedAtMs: 0 }));
  assert.is(endings(out, 1).size, 200);
  assert.ok(out.every(feature => feature.kind === 'dropped' && feature.reason === 'undecodable'));
  assert.is(tries, 1, 'it is tried once per stream');
});

test('when even decoding is too slow the rest of a GOP is left out, up to the next key frame', async () => {
  const media = new FakeMedia(diceOf(1), PERFECT);
  const featurizer = make(media);
  const out: Feature[] = [];
  media.nowMs = 5000;
  for (let seq = 0; seq < 12; seq += 1) {
    const isLate = seq === 3;
    out.push(...await featurizer.take({ part: partOf([unit(seq, seq % 8 === 0)]), isStale: isLate, receivedAtMs: isLate ? 3500 : 5000 }));
  }
  out.push(...await featurizer.take({ part: partOf([], { isEpochEnd: true }), isStale: false, receivedAtMs: 0 }));
  assert.equal(out.filter(feature => feature.kind === 'frame').map(feature => feature.frameSeq), [0, 1, 2, 8, 9, 10, 11]);
  assert.equal(out.filter(feature => feature.kind === 'dropped').map(({ from, to, reason }) => [from, to, reason]), [[3, 7, 'stale']]);
});

test('a stale frame is decoded for reference, and dropped', async () => {
  const featurizer = make(new FakeMedia(diceOf(1), PERFECT));
  const out: Feature[] = [];
  for (let seq = 0; seq < 4; seq += 1) out.push(...await featurizer.take({ part: partOf([unit(seq, seq === 0)]), isStale: seq === 2, receivedAtMs: 0 }));
  out.push(...await featurizer.take({ part: partOf([], { isEpochEnd: true }), isStale: false, receivedAtMs: 0 }));
  assert.equal(out.map(feature => (feature.kind === 'frame' ? feature.frameSeq : feature.reason)), [0, 1, 3, 'stale']);
});

test.run();
