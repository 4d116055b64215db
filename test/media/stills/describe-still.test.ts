import { readFileSync } from 'node:fs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { PlatformError } from '../../../src/engine/errors.ts';
import { describeStill } from '../../../src/media/stills/describe-still.ts';
import { rollDice } from '../../support/dice.ts';
import { encodeClip } from '../../support/encoded-clip.ts';
import { encodeGrey16, fffFile, grey16, radiometricJpeg, samplesIn } from '../../support/grey16.ts';
import { sharedData } from '../../support/shared-data.ts';

const picture = grey16(48, 20, (index) => 2600 + index);
const fff = fffFile({ ...picture, image: samplesIn('little', picture) });
const still = (codec: 'mjpeg' | 'png' | 'tiff'): Uint8Array => encodeClip(codec, { frames: 1, size: '64x32' }).units[0]!.data;

test('tells pictures by their content', () => {
  assert.equal(describeStill(still('mjpeg')), { codec: 'mjpeg', width: 64, height: 32, modality: 'rgb' });
  assert.equal(describeStill(still('png')), { codec: 'png', width: 64, height: 32, modality: 'rgb' });
  assert.equal(describeStill(still('tiff')), { codec: 'tiff', width: 64, height: 32, modality: 'rgb' });
  assert.equal(describeStill(encodeGrey16('png', picture)), { codec: 'png', width: 48, height: 20, modality: 'depth' });
  assert.equal(describeStill(encodeGrey16('tiff', picture)), { codec: 'tiff', width: 48, height: 20, modality: 'rgb' }, 'which 16-bit TIFF may be either of');
  assert.equal(describeStill(fff), { codec: 'fff', width: 48, height: 20, modality: 'thermal' });
  assert.equal(describeStill(radiometricJpeg(still('mjpeg'), fff)), { codec: 'mjpeg', width: 64, height: 32, modality: 'thermal' });
});

test('a JPEG that lacks a piece of its FLIR file is the picture it shows', () => {
  const whole = radiometricJpeg(still('mjpeg'), fff, 1000);
  assert.is(describeStill(whole).modality, 'thermal');
  const second = whole.indexOf(Buffer.from([0xff, 0xe1]), 4);
  whole.write('NONE', second + 4, 'latin1');
  assert.is(describeStill(whole).modality, 'rgb');
});

test('a header that claims more pixels than any camera has is refused before anybody makes room for them', () => {
  const bomb = Buffer.from(encodeGrey16('png', picture));
  bomb.writeUInt32BE(60_000, 16);
  bomb.writeUInt32BE(60_000, 20);
  assert.throws(() => describeStill(bomb), (error: Error) => error instanceof PlatformError && error.message === 'a png of 60000x60000 pixels');
});

test('tells the pictures of the shared data', () => {
  const expected: readonly [string, string, number, number, string][] = [
    ['depth/redwood_rendered/depth/00000.png', 'png', 640, 480, 'depth'], ['depth/redwood_rendered/color/00000.jpg', 'mjpeg', 640, 480, 'rgb'],
    ['depth/tum/TUM_depth.png', 'png', 640, 480, 'depth'], ['depth/tum/TUM_color.png', 'png', 640, 480, 'rgb'],
    ['thermal/flir/frame_000000.fff', 'fff', 640, 512, 'thermal'], ['thermal/flir/example_radiometric.tiff', 'tiff', 640, 512, 'rgb'],
    ['thermal/flir/baboons.jpg', 'mjpeg', 640, 512, 'rgb'], ['images/hog/astronaut.png', 'png', 512, 512, 'rgb'],
  ];
  for (const [name, codec, width, height, modality] of expected) {
    const path = sharedData(name);
    if (path === undefined) { console.log('SKIPPED: shared test data is not here'); return; }
    assert.equal(describeStill(readFileSync(path)), { codec, width, height, modality }, name);
  }
});

test('whatever the bytes, a picture is told or refused by name', () => {
  const dice = rollDice('stills');
  const good = [still('mjpeg'), still('png'), still('tiff'), encodeGrey16('tiff', picture), radiometricJpeg(still('mjpeg'), fff, 500)];
  let refused = 0;
  for (let round = 0; round < 4000; round++) {
    const from = dice.pick(good);
    const bytes = new Uint8Array(from.subarray(0, dice.chance(0.4) ? dice.between(0, from.length) : from.length));
    for (let hits = dice.between(0, 4); hits > 0 && bytes.length > 0; hits--) bytes[dice.between(0, Math.min(bytes.length, 400) - 1)] = dice.between(0, 255);
    try {
      const { width, height } = describeStill(bytes);
      assert.ok(width > 0 && height > 0);
    } catch (error) {
      assert.ok(error instanceof PlatformError && error.code === 'MEDIA_CORRUPT', String(error));
      refused++;
    }
  }
  assert.ok(refused > 300 && refused < 4000, `${refused} refused`);
});

test.run();
