import { readdirSync } from 'node:fs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { seededRandom } from '../../src/engine/seeded-random.ts';
import { extradataParameterSets, unitType } from '../../src/media/nal.ts';
import { pictureSizeOf } from '../../src/media/picture-size.ts';
import { openReader } from '../../src/media/reader.ts';
import { makeClip, parameterSets } from '../support/clip.ts';
import { nalType } from '../support/nal-units.ts';
import { sharedData } from '../support/shared-data.ts';

// node-av 6.1.1: codecpar.parseExtradata() fails on the SPS of 480x320 and 640x360 (two emulation prevention bytes), so widths were 0.
for (const codec of ['h264', 'hevc'] as const) {
  test(`sizes of ${codec} sets are read, with cropping`, async () => {
    for (const [width, height] of [[320, 240], [480, 320], [640, 360], [1282, 722], [98, 66]] as const) {
      const clip = await makeClip({ codec, width, height, frames: 2 });
      const sps = parameterSets(clip).find((nal) => nalType(nal, codec) === (codec === 'h264' ? 7 : 33))!;
      assert.equal(pictureSizeOf(codec, sps), { width, height });
    }
  });
}

test('sizes agree with libav on real files', async () => {
  const folder = sharedData('videos');
  if (folder === undefined) { console.log('SKIPPED: shared test data is not here'); return; }
  let compared = 0;
  for (const name of readdirSync(folder)) {
    const reader = await openReader({ uri: `${folder}/${name}`, openTimeoutMs: 10_000 });
    const { codec, width, height } = reader.parameters;
    if (codec === 'h264' || codec === 'hevc') {
      const sps = extradataParameterSets(reader.parameters).find((set) => unitType(codec, set) === (codec === 'h264' ? 7 : 33))!;
      assert.equal(pictureSizeOf(codec, sps), { width, height }, name);
      compared++;
    }
    await reader.close();
  }
  assert.ok(compared > 15, `${compared} files`);
});

test('cut and random sets give a size or nothing, never an exception', async () => {
  const seed = Math.floor(Math.random() * 2 ** 32);
  const random = seededRandom(seed);
  const [sps] = parameterSets(await makeClip());
  for (let length = 0; length < sps!.length; length++) pictureSizeOf('h264', sps!.subarray(0, length));
  for (let round = 0; round < 20_000; round++) {
    const bytes = Uint8Array.from({ length: Math.floor(random.next() * 40) }, () => Math.floor(random.next() * 256));
    for (const codec of ['h264', 'hevc'] as const) {
      const size = pictureSizeOf(codec, bytes);
      assert.ok(size === undefined || (size.width > 0 && size.height > 0 && size.width <= 65_536), `seed ${seed}, round ${round}`);
    }
  }
});

test.run();
