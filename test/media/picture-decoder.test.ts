import { readFileSync } from 'node:fs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { PlatformError } from '../../src/engine/errors.ts';
import { createPictureDecoder } from '../../src/media/picture-decoder.ts';
import { createRasterReader } from '../../src/media/raster-reader.ts';
import { createScaler } from '../../src/media/scaler.ts';
import type { Raster } from '../../src/messages/raster.ts';
import type { Codec, SampleMeaning, StreamParameters } from '../../src/messages/stream-parameters.ts';
import { encodeClip } from '../support/encoded-clip.ts';
import { DUO, encodeGrey16, fffFile, grey16, radiometricJpeg, samplesIn, swapped, type Grey16 } from '../support/grey16.ts';
import { sharedData } from '../support/shared-data.ts';

const THERMAL: SampleMeaning = { modality: 'thermal', metresPerStep: null, range: null };
const MILLIMETRES: SampleMeaning = { modality: 'depth', metresPerStep: 0.001, range: null };
/** Every two bytes are another sample, so that each mistake of order or row shows. */
const picture = grey16(70, 33, (index) => 2000 + (index * 37) % 3000);
const MEDIAN = 3500;
const jpeg = encodeClip('mjpeg', { frames: 1, size: '64x32' }).units[0]!.data;

function parameters(codec: Codec, samples?: SampleMeaning): StreamParameters {
  return { codec, width: 0, height: 0, extradata: new Uint8Array(0), timeBase: { num: 1, den: 90_000 }, framing: 'raw', frameRate: 1, ...samples && { samples } };
}

async function rasterOf(codec: Codec, data: Uint8Array, samples?: SampleMeaning): Promise<Raster> {
  const decoder = await createPictureDecoder(parameters(codec, samples), { threads: 1 });
  const reader = createRasterReader();
  const pictures = decoder.decode({ frameSeq: 41, data, isKey: true });
  assert.equal(pictures.map(({ frameSeq }) => frameSeq), [41]);
  const raster = reader.read(pictures[0]!);
  assert.equal([pictures[0]!.width, pictures[0]!.height], [raster.width, raster.height]);
  pictures[0]!.free();
  reader.close();
  decoder.close();
  return raster;
}

function assertIs(raster: Raster, { width, height, samples }: Grey16, message: string): void {
  assert.equal([raster.width, raster.height, raster.channels], [width, height, 1], message);
  assert.instance(raster.samples, Uint16Array, message);
  assert.ok(Buffer.from(raster.samples.buffer).equals(Buffer.from(samples.buffer)), `${message}: samples differ`);
}

test('16-bit PNG and TIFF keep every sample, with what it means', async () => {
  const png = await rasterOf('png', encodeGrey16('png', picture), MILLIMETRES);
  assertIs(png, picture, 'png');
  assert.equal(png.calibration, { kind: 'depth', metresPerStep: 0.001 });
  const tiff = await rasterOf('tiff', encodeGrey16('tiff', picture), THERMAL);
  assertIs(tiff, picture, 'tiff');
  assert.is(tiff.calibration, undefined);
});

test('FLIR records keep every sample in either byte order, with their constants', async () => {
  for (const records of ['big', 'little'] as const) {
    const raster = await rasterOf('fff', fffFile({ ...picture, image: samplesIn(records, picture), records }));
    assertIs(raster, picture, records);
    assert.equal(raster.calibration, DUO);
  }
});

test('a PNG in a FLIR record is read in the byte order that its median tells, as most cameras write it without one', async () => {
  const right = encodeGrey16('png', picture);
  const wrong = encodeGrey16('png', swapped(picture));
  assertIs(await rasterOf('fff', fffFile({ ...picture, image: right, median: MEDIAN })), picture, 'in order');
  assertIs(await rasterOf('fff', fffFile({ ...picture, image: wrong, median: MEDIAN })), picture, 'swapped');
  assertIs(await rasterOf('fff', fffFile({ ...picture, image: wrong })), picture, 'swapped, without a median');
});

test('a radiometric JPEG is decoded as what the sensor counted, another one as the picture it shows', async () => {
  const fff = fffFile({ ...picture, image: encodeGrey16('png', swapped(picture)), median: MEDIAN });
  const decoder = await createPictureDecoder(parameters('mjpeg', THERMAL), { threads: 1 });
  const reader = createRasterReader();
  const rasters = [radiometricJpeg(jpeg, fff, 700), jpeg, radiometricJpeg(jpeg, fff)].map((data, frameSeq) => {
    const [decoded] = decoder.decode({ frameSeq, data, isKey: true });
    const raster = reader.read(decoded!);
    decoded!.free();
    return raster;
  });
  assertIs(rasters[0]!, picture, 'radiometric');
  assert.equal(rasters[0]!.calibration, DUO);
  assert.equal([rasters[1]!.width, rasters[1]!.height, rasters[1]!.channels, rasters[1]!.samples.BYTES_PER_ELEMENT, rasters[1]!.calibration], [64, 32, 1, 1, undefined]);
  assertIs(rasters[2]!, picture, 'radiometric again');
  const shown = await rasterOf('mjpeg', radiometricJpeg(jpeg, fff));
  assert.equal([shown.width, shown.height, shown.channels], [64, 32, 3], 'a camera of colours shows the JPEG');
  reader.close();
  decoder.close();
});

test('a damaged record is refused by name, and the next one decoded', async () => {
  const decoder = await createPictureDecoder(parameters('fff', THERMAL), { threads: 1 });
  const good = fffFile({ ...picture, image: samplesIn('little', picture) });
  const colour = fffFile({ ...picture, image: encodeClip('png', { frames: 1 }).units[0]!.data });
  const torn = fffFile({ ...picture, image: encodeGrey16('png', picture).subarray(0, 60) });
  const other = fffFile({ ...picture, width: 60, image: encodeGrey16('png', picture) });
  for (const data of [good.subarray(0, 500), colour, torn, other, Buffer.from('nothing')]) {
    try {
      for (const decoded of decoder.decode({ frameSeq: 0, data, isKey: true })) decoded.free();
      assert.unreachable('it was decoded');
    } catch (error) {
      assert.ok(error instanceof PlatformError, String(error));
      assert.is(error.code, 'MEDIA_CORRUPT');
    }
  }
  const decoded = decoder.decode({ frameSeq: 1, data: good, isKey: true });
  assert.is(decoded.length, 1);
  decoded[0]!.free();
  decoder.close();
  decoder.close();
});

test('what it counted in the shared record of a FLIR camera lies between 10.7 and 13.4 degrees', async () => {
  const path = sharedData('thermal/flir/frame_000000.fff');
  if (path === undefined) { console.log('SKIPPED: shared test data is not here'); return; }
  const raster = await rasterOf('fff', readFileSync(path));
  const sorted = Uint16Array.from(raster.samples).toSorted();
  assert.equal([sorted[0], sorted[sorted.length / 2], sorted.at(-1)], [2623, 2699, 2739]);
  const { calibration } = raster;
  if (calibration?.kind !== 'planck') throw new Error('the record has constants');
  const celsius = (count: number): number => calibration.b / Math.log(calibration.r1 / (calibration.r2 * (count + calibration.o)) + calibration.f) - 273.15;
  assert.equal([celsius(2623).toFixed(1), celsius(2739).toFixed(1)], ['10.7', '13.4']);
});

test('reads the shared depth pictures: a tenth of them without a reading, up to 2.702 m', async () => {
  const path = sharedData('depth/redwood_rendered/depth/00000.png');
  const tum = sharedData('depth/tum/TUM_depth.png');
  if (path === undefined || tum === undefined) { console.log('SKIPPED: shared test data is not here'); return; }
  const samples = Uint16Array.from((await rasterOf('png', readFileSync(path), MILLIMETRES)).samples);
  assert.is(samples.reduce((most, sample) => Math.max(most, sample), 0), 2702);
  assert.is((samples.filter((sample) => sample === 0).length / samples.length).toFixed(2), '0.13');
  const kinect = await rasterOf('png', readFileSync(tum), { ...MILLIMETRES, metresPerStep: 0.0002 });
  const read = kinect.samples.filter((sample) => sample > 0).toSorted();
  assert.is((read[read.length >> 1]! * 0.0002).toFixed(1), '2.4');
});

test('depth and thermal pictures are shown to a detector in 8 bits', async () => {
  const scaler = createScaler({ width: 70, height: 33, fit: 'stretch', align: 'center', padValue: 0, channels: 'rgb' });
  const decoder = await createPictureDecoder(parameters('png', { ...MILLIMETRES, range: [2, 5] }), { threads: 1 });
  const [decoded] = decoder.decode({ frameSeq: 0, data: encodeGrey16('png', picture), isKey: true });
  const { pixels } = scaler.scale(decoded!);
  for (let index = 0; index < picture.samples.length; index += 97) {
    const expected = 255 * (picture.samples[index]! - 2000) / 3000;
    assert.ok(Math.abs(pixels[index * 3]! - expected) <= 1, `${picture.samples[index]} mm is ${pixels[index * 3]}, expected ${expected}`);
    assert.equal([pixels[index * 3 + 1], pixels[index * 3 + 2]], [pixels[index * 3], pixels[index * 3]], 'grey');
  }
  decoded!.free();
  decoder.close();
  scaler.close();
});

test.run();
