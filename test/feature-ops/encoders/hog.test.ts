import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { FeatureFactory } from '../../../src/feature-ops/feature-factory.ts';
import { distance, readNpy } from '../../support/arrays.ts';
import { hogOracle } from '../../support/feature-oracles.ts';
import { loadPicture } from '../../support/pictures.ts';
import { FORMS } from '../../support/rasters.ts';
import { sharedData } from '../../support/shared-data.ts';
import { seeded } from '../../support/small-models.ts';

const seed = Number(process.env['SEED'] ?? 3);
const SIDE = 512;

for (const [norm, file] of [['l2-hys', 'astronaut_GRAY_hog_L2-Hys.npy'], ['l1', 'astronaut_GRAY_hog_L1.npy']] as const) {
  const [picture, expected] = [sharedData('images/hog/astronaut.png'), sharedData(`images/hog/${file}`)];
  (picture && expected ? test : test.skip)(`equals scikit-image on its own picture with block norm ${norm}`, async () => {
    const { pixels } = await loadPicture(picture!, { width: SIDE, height: SIDE, fit: 'stretch', align: 'center', padValue: 0, channels: 'rgb' });
    const encoder = await FeatureFactory.create().withEncoding('hog', { width: SIDE, height: SIDE, block: 3, norm }).instantiate();
    assert.equal(encoder.shape, [62, 62, 3, 3, 9]);
    const [feature] = await encoder.encode([{ samples: pixels, width: SIDE, height: SIDE, channels: 3 }]);
    const found = distance(feature!, readNpy(expected!));
    console.log(`${norm}: greatest difference to scikit-image ${found.toExponential(2)}`);
    assert.ok(found <= 1e-6, `${found}`);
    await encoder.close();
  });
}

for (const form of ['rgb8', 'grey8'] as const) {
  test(`equals the definition on ${form} pictures whose sides are no multiple of a cell`, async () => {
    const random = seeded(seed);
    const size = { width: 70, height: 45 };
    for (const options of [{ cell: 8, block: 2, orientations: 9, norm: 'l2-hys' }, { cell: 5, block: 1, orientations: 4, norm: 'l1' }, { cell: 6, block: 3, orientations: 2, norm: 'l2-hys' }] as const) {
      const encoder = await FeatureFactory.create().withModality(FORMS[form]!.modality).withEncoding('hog', { ...size, ...options }).instantiate();
      const picture = FORMS[form]!.raster(size, random);
      const [feature] = await encoder.encode([picture]);
      // Float32 sums against float64 ones.
      assert.ok(distance(feature!, hogOracle(picture, options)) < 2e-6, `${JSON.stringify(options)} seed ${seed}`);
      await encoder.close();
    }
  });
}

test('level and upright gradients vote for their own direction, and a flat picture for none', async () => {
  const encoder = await FeatureFactory.create().withEncoding('hog', { width: 16, height: 16, block: 1 }).instantiate();
  const striped = (of: (x: number, y: number) => number): Uint8Array => Uint8Array.from({ length: 16 * 16 * 3 }, (_, index) => of(Math.floor(index / 3) % 16, Math.floor(index / 48)));
  const [level, upright, flat] = await encoder.encode([striped((x) => x * 10), striped((_, y) => y * 10), striped(() => 77)].map((samples) => ({ samples, width: 16, height: 16, channels: 3 as const })));
  assert.equal([...level!.slice(0, 9)].map((value) => value > 0.5), [true, false, false, false, false, false, false, false, false]);
  assert.equal([...upright!.slice(0, 9)].map((value) => value > 0.5), [false, false, false, false, true, false, false, false, false]);
  assert.ok(flat!.every((value) => value === 0));
  await encoder.close();
});

test.run();
