import { readFileSync } from 'node:fs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { FeatureFactory } from '../../../src/feature-ops/feature-factory.ts';
import { createDecoder, createRasterReader, describeStill } from '../../../src/media/index.ts';
import type { SampleMeaning } from '../../../src/messages/stream-parameters.ts';
import { sharedData } from '../../support/shared-data.ts';

const THERMAL: SampleMeaning = { modality: 'thermal', metresPerStep: null, range: null };

/** The feature of a picture file, decoded as a camera's is. */
async function featureOf(path: string, samples: SampleMeaning, encoding: string, options: Readonly<Record<string, unknown>> = {}): Promise<Float32Array> {
  const data = readFileSync(path);
  const decoder = await createDecoder({ ...describeStill(data), extradata: new Uint8Array(0), timeBase: { num: 1, den: 90_000 }, framing: 'raw', frameRate: 1, samples }, { threads: 1 });
  const reader = createRasterReader();
  const [picture] = decoder.decode({ frameSeq: 0, data, isKey: true });
  const encoder = await FeatureFactory.create().withModality(samples.modality).withEncoding(encoding, options).instantiate();
  try {
    return (await encoder.encode([reader.read(picture!, encoder.size)]))[0]!;
  } finally {
    await encoder.close();
    picture!.free();
    reader.close();
    decoder.close();
  }
}

test('the record of a FLIR camera lies between 10.7 and 13.4 degrees, as exiftool\'s constants say', async () => {
  const path = sharedData('thermal/flir/frame_000000.fff');
  if (path === undefined) { console.log('SKIPPED: shared test data is not here'); return; }
  const [minimum, maximum, mean, deviation] = await featureOf(path, THERMAL, 'thermal-statistics');
  assert.equal([minimum!.toFixed(1), maximum!.toFixed(1)], ['10.7', '13.4']);
  assert.ok(mean! > 11 && mean! < 13.2 && deviation! > 0.01 && deviation! < 1, `mean ${mean}, deviation ${deviation}`);
});

test('thermal pictures without constants are told in the levels they have', async () => {
  const tiff = sharedData('thermal/flir/example_radiometric.tiff');
  const jpeg = sharedData('thermal/flir/baboons.jpg');
  if (tiff === undefined || jpeg === undefined) { console.log('SKIPPED: shared test data is not here'); return; }
  const [least, most] = await featureOf(tiff, THERMAL, 'thermal-statistics');
  assert.equal([least, most], [6743, 7077]);
  const [coldest, hottest] = await featureOf(tiff, { ...THERMAL, kelvinPerStep: 0.04 }, 'thermal-statistics');
  assert.equal([coldest!.toFixed(2), hottest!.toFixed(2)], [(6743 * 0.04 - 273.15).toFixed(2), (7077 * 0.04 - 273.15).toFixed(2)], 'degrees, where somebody knows the steps');
  const [darkest, brightest] = await featureOf(jpeg, THERMAL, 'thermal-statistics');
  assert.ok(darkest! >= 0 && brightest! <= 255 && brightest! > 200, `${darkest} to ${brightest}`);
});

test('a Kinect picture and a rendered room show surfaces where they have readings', async () => {
  for (const [name, metresPerStep, holes] of [['depth/tum/TUM_depth.png', 0.0002, 0.19], ['depth/redwood_rendered/depth/00000.png', 0.001, 0.13]] as const) {
    const path = sharedData(name);
    if (path === undefined) { console.log('SKIPPED: shared test data is not here'); return; }
    const feature = await featureOf(path, { modality: 'depth', metresPerStep, range: null }, 'depth-normals');
    const cells = Array.from({ length: feature.length / 5 }, (_, cell) => feature.subarray(cell * 5, cell * 5 + 5));
    const share = cells.reduce((sum, cell) => sum + cell[4]!, 0) / cells.length;
    assert.ok(share > 0.5 && share <= 1 - holes + 0.02, `${name}: surfaces at ${share} of the pixels, ${holes} of them without a reading`);
    const towards = cells.filter((cell) => cell[4]! > 0.5).map((cell) => cell[2]!);
    assert.ok(towards.length > 10 && towards.every((z) => z > 0), `${name}: surfaces face the camera`);
  }
});

test.run();
