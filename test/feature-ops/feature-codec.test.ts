import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { PlatformError } from '../../src/engine/errors.ts';
import { DIFFERENCES_MAX, FeatureDecoder, FeatureEncoder } from '../../src/feature-ops/feature-codec.ts';
import type { FeatureTensor } from '../../src/messages/feature-tensor.ts';
import type { FrameFeature } from '../../src/messages/feature.ts';
import { rollDice } from '../support/dice.ts';
import { frameFeature, noisyPixels, SMALL_BYTES, SMALL_SHAPE, stillPixels } from '../support/model-frames.ts';

const FED = { readyAtMs: 0, feed: 1 };

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
  const [encoder, decoder] = [await FeatureEncoder.open('bgr'), await FeatureDecoder.open(SMALL_SHAPE)];
  const last = new Map<string, Uint8Array>();
  const seen = new Set<string>();
  const buffer = new Uint8Array(SMALL_BYTES);
  for (let frameSeq = 0; frameSeq < 300; frameSeq += 1) {
    const camera = dice.pick(['a', 'b', 'c']);
    const pixels = dice.pick([noisyPixels, () => new Uint8Array(SMALL_BYTES).fill(frameSeq), () => stillPixels(last.get(camera) ?? noisyPixels(), dice.between(0, 900))])();
    last.set(camera, pixels);
    buffer.set(pixels); // as the scaler does, the same memory is used for every frame
    const original = frameFeature(frameSeq, buffer, { camera });
    const tensor = await encoder.encode(original);
    buffer.fill(0);
    seen.add(tensor.encoding);
    assert.ok(tensor.payload.byteLength <= SMALL_BYTES);
    const { frame: read, ...rest } = await decoder.decode(tensor, { readyAtMs: 5, feed: 8 });
    assert.equal({ ...rest, frame: { ...read, pixels: [] } }, { ...original, readyAtMs: 5, feed: 8, frame: { ...original.frame, pixels: [] } });
    assert.is(Buffer.compare(read.pixels, pixels), 0);
  }
  assert.equal([...seen].toSorted(), ['delta-zstd', 'raw', 'zstd']);
  await encoder.close();
  await decoder.close();
});

test('a difference is sent when it is the smallest, a whole picture when that is', async () => {
  const first = noisyPixels();
  const tensors = await encodeAll([frameFeature(0, first), frameFeature(1, stillPixels(first, 20)), frameFeature(2, noisyPixels()), frameFeature(3, new Uint8Array(SMALL_BYTES).fill(9))]);
  assert.equal(tensors.map(({ encoding, baseSeq }) => [encoding, baseSeq]), [['raw', -1], ['delta-zstd', 0], ['raw', -1], ['zstd', -1]]);
  assert.ok(tensors[1]!.payload.byteLength < SMALL_BYTES / 10);
});

test('after so many differences, a new feed and a new epoch, a whole picture is sent', async () => {
  const pixels = noisyPixels();
  const frames = Array.from({ length: 2 * DIFFERENCES_MAX + 4 }, (_, index) => frameFeature(index, pixels));
  const whole = (await encodeAll(frames)).flatMap(({ encoding, frameSeq }) => (encoding === 'delta-zstd' ? [] : [frameSeq]));
  assert.equal(whole, [0, DIFFERENCES_MAX + 1, 2 * DIFFERENCES_MAX + 2]);
  const encoder = await FeatureEncoder.open('bgr');
  const encodings: string[] = [];
  for (const [epoch, feed] of [[1, 1], [1, 1], [1, 2], [1, 2], [2, 2], [2, 2]] as const) encodings.push((await encoder.encode(frameFeature(0, pixels, { epoch, feed }))).encoding);
  assert.equal(encodings, ['raw', 'delta-zstd', 'raw', 'delta-zstd', 'raw', 'delta-zstd']);
  await encoder.close();
});

test('where few frames are chosen a whole picture is sent every 10 s all the same', async () => {
  const pixels = noisyPixels();
  const whole = (await encodeAll(Array.from({ length: 8 }, (_, index) => frameFeature(index, pixels, { capturedAt: index * 4e6 })))).flatMap(({ encoding, frameSeq }) => (encoding === 'delta-zstd' ? [] : [frameSeq]));
  assert.equal(whole, [0, 3, 6]);
});

test('a reader that starts in the middle is told so by name until the next whole picture, then reads on', async () => {
  const pixels = noisyPixels();
  const tensors = await encodeAll(Array.from({ length: DIFFERENCES_MAX + 3 }, (_, index) => frameFeature(index, stillPixels(pixels, index))));
  const decoder = await FeatureDecoder.open(SMALL_SHAPE);
  const codes: string[] = [];
  for (const tensor of tensors.slice(5)) codes.push(await codeOf(decoder.decode(tensor, FED)));
  assert.equal(codes, [...Array.from({ length: DIFFERENCES_MAX - 4 }, () => 'BASE_MISSING'), 'none', 'none']);
  await decoder.close();
});

test('a hole in the differences never becomes a wrong picture, nor does a base of another epoch or one that was written otherwise', async () => {
  const pixels = noisyPixels();
  const [whole, one, two] = await encodeAll([frameFeature(0, pixels), frameFeature(1, stillPixels(pixels, 10)), frameFeature(2, stillPixels(pixels, 20))]) as [FeatureTensor, FeatureTensor, FeatureTensor];
  const [other] = await encodeAll([frameFeature(0, noisyPixels())]) as [FeatureTensor];
  const decoder = await FeatureDecoder.open(SMALL_SHAPE);
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
  const pixels = noisyPixels();
  const [raw, difference] = await encodeAll([frameFeature(0, pixels), frameFeature(1, stillPixels(pixels, 10))]) as [FeatureTensor, FeatureTensor];
  const [flat] = await encodeAll([frameFeature(0, new Uint8Array(SMALL_BYTES))]) as [FeatureTensor];
  const decoder = await FeatureDecoder.open(SMALL_SHAPE);
  await decoder.decode(raw, FED);
  const cut = (tensor: FeatureTensor, bytes: number): FeatureTensor => ({ ...tensor, payload: tensor.payload.subarray(0, -bytes) });
  const [large] = await encodeAll([{ ...frameFeature(0, new Uint8Array(4 * SMALL_BYTES)), frame: { ...frameFeature(0, pixels).frame, pixels: new Uint8Array(4 * SMALL_BYTES), width: 80, height: 60 } }]) as [FeatureTensor];
  const refused: readonly FeatureTensor[] = [
    cut(raw, 1), cut(flat, 3), cut(difference, 1), cut(difference, 12), { ...flat, payload: large.payload }, large, { ...raw, encoder: 'pixels-rgb@1' }, { ...raw, encoder: 'hog@1' },
    { ...raw, dtype: 'float32' }, { ...raw, geometry: null },
  ];
  for (const tensor of refused) assert.is(await codeOf(decoder.decode(tensor, FED)), 'RECORD_INVALID');
  assert.is(await codeOf(decoder.decode(difference, FED)), 'none');
  await decoder.close();
});

test('the memory of an encoder and a decoder does not grow with the cameras that went by', async () => {
  const [encoder, decoder] = [await FeatureEncoder.open('bgr'), await FeatureDecoder.open(SMALL_SHAPE)];
  const same = noisyPixels();
  const first = await encoder.encode(frameFeature(0, same, { camera: 'first' }));
  await decoder.decode(first, FED);
  const next = await encoder.encode(frameFeature(1, same, { camera: 'first' }));
  assert.is(next.encoding, 'delta-zstd');
  for (let index = 0; index < 512; index += 1) await decoder.decode(await encoder.encode(frameFeature(0, same, { camera: `cam-${index}` })), FED);
  assert.is((await encoder.encode(frameFeature(2, same, { camera: 'first' }))).encoding, 'raw');
  assert.is(await codeOf(decoder.decode(next, FED)), 'BASE_MISSING');
  assert.is((await encoder.encode(frameFeature(1, same, { camera: 'cam-511' }))).encoding, 'delta-zstd');
  await encoder.close();
  await decoder.close();
});

test.run();
