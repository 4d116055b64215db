import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { createPictureDecoder } from '../../src/media/picture-decoder.ts';
import { stepsOf } from '../../src/media/rendition.ts';
import { createScaler } from '../../src/media/scaler.ts';
import type { SampleMeaning } from '../../src/messages/stream-parameters.ts';
import { DUO, encodeGrey16, grey16, type Grey16 } from '../support/grey16.ts';

/** The pictures as a detector that wants grey sees them. */
async function shown(pictures: readonly Grey16[], samples: SampleMeaning): Promise<Uint8Array[]> {
  const decoder = await createPictureDecoder({ codec: 'png', width: 0, height: 0, extradata: new Uint8Array(0), timeBase: { num: 1, den: 25 }, framing: 'raw', frameRate: 25, samples }, { threads: 1 });
  const { width, height } = pictures[0]!;
  const scaler = createScaler({ width, height, fit: 'stretch', align: 'center', padValue: 0, channels: 'gray' });
  const pixels = pictures.map((picture, frameSeq) => {
    const [decoded] = decoder.decode({ frameSeq, data: encodeGrey16('png', picture), isKey: true });
    const frame = scaler.scale(decoded!);
    decoded!.free();
    return frame.pixels;
  });
  decoder.close();
  scaler.close();
  return pixels;
}

test('is linear between black and white, clipped outside, exact to the step', async () => {
  const every = grey16(256, 256, (index) => index);
  for (const [black, white] of [[500, 10_500], [0, 65_535], [40_000, 40_100]] as const) {
    const [pixels] = await shown([every], { modality: 'thermal', metresPerStep: null, range: [black, white] });
    const expected = every.samples.reduce((wrong, sample, index) => wrong + Number(pixels![index] !== Math.round(255 * Math.min(1, Math.max(0, (sample - black) / (white - black))))), 0);
    assert.is(expected, 0, `${expected} samples of ${black} to ${white}`);
  }
});

test('a sample keeps its brightness whatever else the picture shows', async () => {
  const near = grey16(16, 8, () => 1500);
  const mixed = grey16(16, 8, (index) => (index < 64 ? 1500 : index * 400));
  const [alone, among] = await shown([near, mixed], { modality: 'depth', metresPerStep: 0.001, range: null });
  assert.is(alone![0], among![0]);
  assert.is(alone![0], Math.round(255 * 0.15), '1.5 m of the 10 m that depth is shown for by default');
});

test('black and white are metres of depth, degrees of calibrated heat, steps of anything else', () => {
  assert.equal(stepsOf([0.5, 4], { kind: 'depth', metresPerStep: 0.0002 }).map(Math.round), [2500, 20_000]);
  assert.equal(stepsOf(null, { kind: 'depth', metresPerStep: 0.001 }).map(Math.round), [0, 10_000]);
  assert.equal(stepsOf([100, 200], undefined), [100, 200]);
  assert.equal(stepsOf(null, undefined), [0, 65_535]);
  assert.equal(stepsOf([-3, 10], { kind: 'kelvin', kelvinPerStep: 0.04 }).map((count) => (count * 0.04 - 273.15).toFixed(6)), ['-3.000000', '10.000000']);
  const temperatureAt = (count: number): number => DUO.b / Math.log(DUO.r1 / (DUO.r2 * (count + DUO.o)) + DUO.f) - 273.15;
  assert.equal(stepsOf([10, 30.5], DUO).map((count) => temperatureAt(count).toFixed(6)), ['10.000000', '30.500000']);
  assert.equal(stepsOf(null, DUO).map((count) => temperatureAt(count).toFixed(6)), ['-20.000000', '60.000000']);
});

test.run();
