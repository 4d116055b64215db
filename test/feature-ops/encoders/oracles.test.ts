import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { EncodingOptions } from '../../../src/feature-ops/feature-factory.ts';
import { FeatureFactory } from '../../../src/feature-ops/feature-factory.ts';
import type { Raster } from '../../../src/messages/raster.ts';
import { distance } from '../../support/arrays.ts';
import { colourHistogramOracle, lbpOracle, motionOracle, normalsOracle, statisticsOracle } from '../../support/feature-oracles.ts';
import { FORMS, MILLIMETRES, PLANCK } from '../../support/rasters.ts';
import { seeded } from '../../support/small-models.ts';

const seed = Number(process.env['SEED'] ?? 5);
const random = seeded(seed);
console.log(`seed ${seed}`);

async function encode(form: string, name: string, options: EncodingOptions, pictures: readonly Raster[]): Promise<readonly Float32Array[]> {
  const encoder = await FeatureFactory.create().withModality(FORMS[form]!.modality).withEncoding(name, options).instantiate();
  try { return await encoder.encode(pictures); } finally { await encoder.close(); }
}

for (const bins of [4, 16, 64]) {
  test(`counts levels of red, green and blue into ${bins} bins`, async () => {
    const size = { width: 50, height: 31 };
    const picture = FORMS['rgb8']!.raster(size, random);
    const [feature] = await encode('rgb8', 'colour-histogram', { ...size, bins }, [picture]);
    assert.ok(distance(feature!, colourHistogramOracle(picture, bins)) < 1e-6);
  });
}

for (const form of ['rgb8', 'grey8', 'linear16', 'planck16']) {
  test(`finds the local binary patterns of ${form} pictures, flat parts and borders among them`, async () => {
    const size = { width: 48, height: 30 };
    const picture = FORMS[form]!.raster(size, random);
    picture.samples.fill(picture.samples[0]!, 0, picture.samples.length / 3);
    const [feature] = await encode(form, 'lbp', { ...size, columns: 4, rows: 3 }, [picture]);
    assert.ok(distance(feature!, lbpOracle(picture, 4, 3)) < 1e-6);
  });

  test(`measures the motion of ${form} pictures, with and without a memory`, async () => {
    const size = { width: 48, height: 24 };
    const pictures = Array.from({ length: 5 }, () => FORMS[form]!.raster(size, random));
    for (const memory of [0, 0.7]) {
      const wanted = motionOracle(pictures, { columns: 6, rows: 4, memory });
      const found = await encode(form, 'motion-energy', { ...size, columns: 6, rows: 4, memory }, pictures);
      for (const [index, feature] of found.entries()) {
        assert.ok(distance(feature, wanted[index]!) < 1e-5 * Math.max(1, ...wanted[index]!), `picture ${index}`); // degrees are larger than shares of white
      }
      assert.ok(found[0]!.every((value) => value === 0));
      assert.ok(Math.min(...found[1]!) > 0);
    }
  });
}

test('keeps the motion of two cameras apart', async () => {
  const encoder = await FeatureFactory.create().withEncoding('motion-energy').instantiate();
  const [one, other] = [1, 2].map(() => FORMS['rgb8']!.raster(encoder.size!, random));
  await encoder.encode([one!], 'a');
  assert.ok((await encoder.encode([other!], 'b'))[0]!.every((value) => value === 0));
  assert.ok((await encoder.encode([one!], 'a'))[0]!.every((value) => value === 0));
  assert.ok((await encoder.encode([one!], 'b'))[0]!.some((value) => value > 0));
  await encoder.close();
});

test('finds normals and heights of depth pictures with holes, by the definition', async () => {
  const size = { width: 48, height: 36 };
  const picture = FORMS['depth16']!.raster(size, random);
  // Jumps that no whole millimetres reach exactly: float32 and float64 would fall on either side.
  for (const options of [{ columns: 4, rows: 3, focalX: 0.82, focalY: 1.09, tiltDegrees: 0, mountMetres: 0, jump: 0.10007 }, { columns: 6, rows: 4, focalX: 0.7, focalY: 0.9, tiltDegrees: 35, mountMetres: 2.6, jump: 0.50007 }]) {
    const [feature] = await encode('depth16', 'depth-normals', { ...size, ...options }, [picture]);
    // A cross product of nearly parallel differences loses digits: float32 against float64.
    assert.ok(distance(feature!, normalsOracle(picture, options)) < 2e-3, `${distance(feature!, normalsOracle(picture, options))}`);
  }
});

test('sees a floor as a floor, at height 0, from a camera that looks down on it', async () => {
  const [width, height, tilt, mount] = [160, 120, 40 * Math.PI / 180, 2.5];
  const samples = Uint16Array.from({ length: width * height }, (_, index) => {
    const up = (height / 2 - (Math.floor(index / width) + 0.5)) / (1.09 * height);
    const fall = Math.sin(tilt) - up * Math.cos(tilt); // metres down for each metre ahead
    return fall > 0.02 ? Math.round(mount / fall * 1000) : 0;
  });
  const [feature] = await encode('depth16', 'depth-normals', { tiltDegrees: 40, mountMetres: mount }, [{ samples, width, height, channels: 1, calibration: MILLIMETRES }]);
  const cells = Array.from({ length: 48 }, (_, index) => feature!.slice(index * 5, index * 5 + 5));
  for (const [right, up, back, heightMetres, share] of cells.slice(24, 40)) {
    assert.ok(Math.abs(right!) < 0.02 && up! > 0.99 && Math.abs(back!) < 0.1 && Math.abs(heightMetres!) < 0.01 && share! > 0.9, `${[right, up, back, heightMetres, share].join(' ')}`);
  }
});

for (const [form, above] of [['planck16', [8, 15, 40]], ['linear16', [0, 4]], ['grey8', [100]]] as const) {
  test(`gives the statistics of ${form} pictures of any size`, async () => {
    for (const size of [{ width: 33, height: 21 }, { width: 640, height: 512 }]) {
      const picture = FORMS[form]!.raster(size, random);
      const [feature] = await encode(form, 'thermal-statistics', { above }, [picture]);
      const wanted = statisticsOracle(picture, above);
      const tolerance = wanted.map((value, index) => (index < 4 ? 1e-3 + 1e-5 * Math.abs(value) : 1e-5)); // degrees, then shares
      feature!.forEach((value, index) => assert.ok(Math.abs(value - wanted[index]!) <= tolerance[index]!, `${index}: ${value} ${wanted[index]}`));
    }
  });
}

test('reads temperatures from raw samples as exiftool\'s constants say', async () => {
  const samples = Uint16Array.of(2623, 2699, 2739, 2700);
  const [feature] = await encode('planck16', 'thermal-statistics', {}, [{ samples, width: 2, height: 2, channels: 1, calibration: PLANCK }]);
  assert.ok(Math.abs(feature![0]! - 10.7) < 0.06 && Math.abs(feature![1]! - 13.4) < 0.06, `${feature![0]} ${feature![1]}`);
  assert.equal([...feature!.slice(4)], [0.25, 0.75, 0.25, 0.25]);
});

test.run();
