import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { PlatformError } from '../../../src/engine/errors.ts';
import { FeatureFactory, type EncodingOptions } from '../../../src/feature-ops/feature-factory.ts';
import type { Encoder } from '../../../src/feature-ops/encoders/encoder.ts';
import type { Modality } from '../../../src/messages/raster.ts';
import { distance } from '../../support/arrays.ts';
import { writeEmbeddingModel } from '../../support/embedding-model.ts';
import { intensityOf } from '../../support/feature-oracles.ts';
import { FORMS } from '../../support/rasters.ts';
import { seeded } from '../../support/small-models.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

const folder = temporaryFolder();
const random = seeded(Number(process.env['SEED'] ?? 9));
const size = { width: 24, height: 24 };

function open(options: EncodingOptions, modality: Modality = 'rgb'): Promise<Encoder> {
  return FeatureFactory.create().withModality(modality).withEncoding('onnx', options).instantiate();
}

async function refusal(options: EncodingOptions): Promise<PlatformError> {
  const error: unknown = await open(options).catch((reason: unknown) => reason);
  assert.instance(error, PlatformError);
  return error as PlatformError;
}

for (const variant of [{}, { isChannelsLast: true }, { opset: 11 }, { opset: 18 }, { batch: 1 }, { batch: 4 }]) {
  test(`makes a vector of a picture by a model of form ${JSON.stringify(variant)}`, async () => {
    const encoder = await open({ file: writeEmbeddingModel(folder, variant), mean: [0.5, 0.4, 0.3], deviation: [0.2, 0.25, 0.3], order: 'bgr' });
    assert.equal(encoder.shape, [6]);
    const pictures = Array.from({ length: 3 }, () => FORMS['rgb8']!.raster(size, random));
    const features = await encoder.encode(pictures);
    for (const [index, { samples }] of pictures.entries()) {
      const planes = [2, 1, 0].map((channel, place) => [...samples].filter((_, at) => at % 3 === channel).map((level) => (level / 255 - [0.5, 0.4, 0.3][place]!) / [0.2, 0.25, 0.3][place]!));
      const wanted = [...planes.map((plane) => plane.reduce((sum, value) => sum + value, 0) / plane.length), ...planes.map((plane) => Math.max(...plane))];
      assert.ok(distance(features[index]!, wanted) < 1e-4);
    }
    await encoder.close();
  });
}

test('brings features to length 1 when asked, and gives degrees to a model of one channel', async () => {
  const encoder = await open({ file: writeEmbeddingModel(folder, { channels: 1, side: 'any' }), ...size, isNormalised: true }, 'thermal');
  const picture = FORMS['planck16']!.raster(size, random);
  const [feature] = await encoder.encode([picture]);
  const values = intensityOf(picture);
  const [mean, most] = [values.reduce((sum, value) => sum + value, 0) / values.length, Math.max(...values)];
  assert.ok(distance(feature!, [mean / Math.hypot(mean, most), most / Math.hypot(mean, most)]) < 1e-4);
  await encoder.close();
});

test('has the digest of its file as its version', async () => {
  const [one, other] = [await open({ file: writeEmbeddingModel(folder) }), await open({ file: writeEmbeddingModel(folder, { opset: 15 }) })];
  assert.match(one.id, /^onnx@[0-9a-f]{12}$/);
  assert.is.not(one.id, other.id);
  await Promise.all([one.close(), other.close()]);
});

test('says what is wrong with a file that is no encoder', async () => {
  assert.is((await refusal({ file: join(folder, 'none.onnx') })).code, 'SOURCE_NOT_FOUND');
  assert.match((await refusal({})).message, /encoder 'onnx': option 'file'/);
  writeFileSync(join(folder, 'noise.onnx'), 'noise');
  assert.is((await refusal({ file: join(folder, 'noise.onnx') })).code, 'MODEL_INVALID');
  assert.match((await refusal({ file: writeEmbeddingModel(folder, { side: 'open' }) })).message, /leaves the (height|width) open: name it/);
  assert.match((await refusal({ file: writeEmbeddingModel(folder), width: 99 })).message, /its width is 24, not 99/);
  assert.match((await refusal({ file: writeEmbeddingModel(folder, { outputs: 2 }) })).message, /name one of its outputs: embedding, other_1/);
  assert.match((await refusal({ file: writeEmbeddingModel(folder, { outputs: 2 }), output: 'third' })).message, /name one of its outputs/);
});

test.run();
