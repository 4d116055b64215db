import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { PlatformError } from '../../src/engine/errors.ts';
import { epochMicros, type CameraId } from '../../src/engine/units.ts';
import { DIFFERENCES_MAX, FeatureDecoder, FeatureEncoder } from '../../src/feature-ops/feature-codec.ts';
import type { FeatureTensor } from '../../src/messages/feature-tensor.ts';
import type { FrameFeature } from '../../src/messages/feature.ts';
import type { FrameShape } from '../../src/messages/model-frame.ts';
import { rollDice } from '../support/dice.ts';
import { seeded } from '../support/small-models.ts';

const SHAPE: FrameShape = { width: 40, height: 30, fit: 'letterbox', align: 'center', padValue: 114, channels: 'bgr' };
const SIZE = 40 * 30 * 3;
const noise = seeded(7);
const FED = { readyAtMs: 0, feed: 1 };

/** Noise that does not compress; `still` takes it over and changes a few bytes. */
const noisy = (): Uint8Array => Uint8Array.from({ length: SIZE }, () => Math.floor(noise() * 256));

function still(pixels: Uint8Array, changed: number): Uint8Array {
  const next = pixels.slice();
  for (let index = 0; index < changed; index += 1) next[(index * 37) % SIZE] = (next[(index * 37) % SIZE]! + 200) % 256;
  return next;
}

function frame(frameSeq: number, pixels: Uint8Array, options: { readonly camera?: string; readonly epoch?: number; readonly feed?: number; readonly capturedAt?: number } = {}): FrameFeature {
  return {
    kind: 'frame', camera: (options.camera ?? 'cam') as CameraId, epoch: options.epoch ?? 1, frameSeq, capturedAt: epochMicros(options.capturedAt ?? 1000 + frameSeq), arrivedAt: epochMicros(2000 + frameSeq),
    ptsSeconds: frameSeq / 5, decodeMs: 3, readyAtMs: 77, feed: options.feed ?? 1,
    frame: { pixels, width: 40, height: 30, scaleX: 0.5, scaleY: 0.25, padX: 0, padY: 5, sourceWidth: 80, sourceHeight: 80 },
  };
}

async function codeOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
    return 'none';
  } catch (error) {
    return error instanceof PlatformError ? error.code : String(error);
  }
}

async function encodeAll(frames: readonly FrameFeature[]): Promise<FeatureTensor[]> {
  const encoder = await FeatureEncoder.open('bgr');
  const tensors: FeatureTensor[] = [];
  for (const each of frames) tensors.push(await encoder.encode(each));
  await encoder.close();
  return tensors;
}

test('what goes in comes out, pixel for pixel, whichever way it was encoded', async () => {
  const dice = rollDice('feature codec');
  const [encoder, decoder] = [await FeatureEncoder.open('bgr'), await FeatureDecoder.open(SHAPE)];
  const last = new Map<string, Uint8Array>();
  const seen = new Set<string>();
  const buffer = new Uint8Array(SIZE);
  for (let frameSeq = 0; frameSeq < 300; frameSeq += 1) {
    const camera = dice.pick(['a', 'b', 'c']);
    const pixels = dice.pick([noisy, () => new Uint8Array(SIZE).fill(frameSeq), () => still(last.get(camera) ?? noisy(), dice.between(0, 900))])();
    last.set(camera, pixels);
    buffer.set(pixels); // as the scaler does, the same memory is used for every frame
    const original = frame(frameSeq, buffer, { camera });
    const tensor = await encoder.encode(original);
    buffer.fill(0);
    seen.add(tensor.encoding);
    assert.ok(tensor.payload.byteLength <= SIZE);
    const { frame: read, ...rest } = await decoder.decode(tensor, { readyAtMs: 5, feed: 8 });
    assert.equal({ ...rest, frame: { ...read, pixels: [] } }, { ...original, readyAtMs: 5, feed: 8, frame: { ...original.frame, pixels: [] } });
    assert.is(Buffer.compare(read.pixels, pixels), 0);
  }
  assert.equal([...seen].toSorted(), ['delta-zstd', 'raw', 'zstd']);
  await encoder.close();
  await decoder.close();
});

test('a difference is sent when it is the smallest, a whole picture when that is', async () => {
  const first = noisy();
  const tensors = await encodeAll([frame(0, first), frame(1, still(first, 20)), frame(2, noisy()), frame(3, new Uint8Array(SIZE).fill(9))]);
  assert.equal(tensors.map(({ encoding, baseSeq }) => [encoding, baseSeq]), [['raw', -1], ['delta-zstd', 0], ['raw', -1], ['zstd', -1]]);
  assert.ok(tensors[1]!.payload.byteLength < SIZE / 10);
});

test('after so many differences, a new feed and a new epoch, a whole picture is sent', async () => {
  const pixels = noisy();
  const frames = Array.from({ length: 2 * DIFFERENCES_MAX + 4 }, (_, index) => frame(index, pixels));
  const whole = (await encodeAll(frames)).flatMap(({ encoding, frameSeq }) => (encoding === 'delta-zstd' ? [] : [frameSeq]));
  assert.equal(whole, [0, DIFFERENCES_MAX + 1, 2 * DIFFERENCES_MAX + 2]);
  const encoder = await FeatureEncoder.open('bgr');
  const encodings: string[] = [];
  for (const [epoch, feed] of [[1, 1], [1, 1], [1, 2], [1, 2], [2, 2], [2, 2]] as const) encodings.push((await encoder.encode(frame(0, pixels, { epoch, feed }))).encoding);
  assert.equal(encodings, ['raw', 'delta-zstd', 'raw', 'delta-zstd', 'raw', 'delta-zstd']);
  await encoder.close();
});

test('where few frames are chosen a whole picture is sent every 10 s all the same', async () => {
  const pixels = noisy();
  const whole = (await encodeAll(Array.from({ length: 8 }, (_, index) => frame(index, pixels, { capturedAt: index * 4e6 })))).flatMap(({ encoding, frameSeq }) => (encoding === 'delta-zstd' ? [] : [frameSeq]));
  assert.equal(whole, [0, 3, 6]);
});

test('a reader that starts in the middle is told so by name until the next whole picture, then reads on', async () => {
  const pixels = noisy();
  const tensors = await encodeAll(Array.from({ length: DIFFERENCES_MAX + 3 }, (_, index) => frame(index, still(pixels, index))));
  const decoder = await FeatureDecoder.open(SHAPE);
  const codes: string[] = [];
  for (const tensor of tensors.slice(5)) codes.push(await codeOf(decoder.decode(tensor, FED)));
  assert.equal(codes, [...Array.from({ length: DIFFERENCES_MAX - 4 }, () => 'BASE_MISSING'), 'none', 'none']);
  await decoder.close();
});

test('a hole in the differences never becomes a wrong picture, nor does a base of another epoch or one that was written otherwise', async () => {
  const pixels = noisy();
  const [whole, one, two] = await encodeAll([frame(0, pixels), frame(1, still(pixels, 10)), frame(2, still(pixels, 20))]) as [FeatureTensor, FeatureTensor, FeatureTensor];
  const [other] = await encodeAll([frame(0, noisy())]) as [FeatureTensor];
  const decoder = await FeatureDecoder.open(SHAPE);
  await decoder.decode(whole, FED);
  assert.is(await codeOf(decoder.decode(two, FED)), 'BASE_MISSING');
  assert.is(await codeOf(decoder.decode({ ...one, epoch: 2 }, FED)), 'BASE_MISSING');
  assert.is(await codeOf(decoder.decode(one, FED)), 'none', 'what failed before it did no harm');
  assert.is(await codeOf(decoder.decode({ ...other }, FED)), 'none');
  assert.is(await codeOf(decoder.decode(one, FED)), 'BASE_MISSING', 'the base has the right name and other pixels');
  decoder.forget(whole.camera);
  assert.is(await codeOf(decoder.decode(one, FED)), 'BASE_MISSING');
  await decoder.close();
});

test('damaged and foreign features are refused by name', async () => {
  const pixels = noisy();
  const [raw, difference] = await encodeAll([frame(0, pixels), frame(1, still(pixels, 10))]) as [FeatureTensor, FeatureTensor];
  const [flat] = await encodeAll([frame(0, new Uint8Array(SIZE))]) as [FeatureTensor];
  const decoder = await FeatureDecoder.open(SHAPE);
  await decoder.decode(raw, FED);
  const cut = (tensor: FeatureTensor, bytes: number): FeatureTensor => ({ ...tensor, payload: tensor.payload.subarray(0, -bytes) });
  const [large] = await encodeAll([{ ...frame(0, new Uint8Array(4 * SIZE)), frame: { ...frame(0, pixels).frame, pixels: new Uint8Array(4 * SIZE), width: 80, height: 60 } }]) as [FeatureTensor];
  const refused: readonly FeatureTensor[] = [
    cut(raw, 1), cut(flat, 3), cut(difference, 1), cut(difference, 12), { ...flat, payload: large.payload }, large, { ...raw, encoder: 'pixels-rgb@1' }, { ...raw, encoder: 'hog@1' },
    { ...raw, dtype: 'float32' }, { ...raw, geometry: null },
  ];
  for (const tensor of refused) assert.is(await codeOf(decoder.decode(tensor, FED)), 'RECORD_INVALID');
  assert.is(await codeOf(decoder.decode(difference, FED)), 'none');
  await decoder.close();
});

test.run();
