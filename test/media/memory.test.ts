import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { createChunkWriter } from '../../src/media/chunk-writer.ts';
import { readChunkFile } from '../../src/media/chunk-file.ts';
import type { PlatformError } from '../../src/engine/errors.ts';
import { createDecoder } from '../../src/media/decoder.ts';
import { createPictureDecoder } from '../../src/media/picture-decoder.ts';
import { createRasterReader } from '../../src/media/raster-reader.ts';
import { openReader } from '../../src/media/reader.ts';
import { createScaler } from '../../src/media/scaler.ts';
import { openGeneratedReader } from '../../src/media/synthetic-reader.ts';
import type { SampleMeaning } from '../../src/messages/stream-parameters.ts';
import { encodeClip } from '../support/encoded-clip.ts';
import { DUO, encodeGrey16, fffFile, grey16, samplesIn, swapped } from '../support/grey16.ts';
import { readAll } from '../support/read-all.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const MIB = 1 << 20;
const folder = temporaryFolder();
const clip = encodeClip('h264', { frames: 30, gop: 30, size: '640x360' });
const openFiles = (): number => (process.platform === 'linux' ? readdirSync('/proc/self/fd').length : 0);

/** How far resident memory grew over `rounds` of `work`, after `warmUp` rounds that fill pools and caches. In MiB. */
async function growthOf(work: (round: number) => Promise<void> | void, warmUp: number, rounds: number): Promise<number> {
  for (let round = 0; round < warmUp; round++) await work(round);
  const before = process.memoryUsage().rss;
  for (let round = warmUp; round < warmUp + rounds; round++) await work(round);
  return (process.memoryUsage().rss - before) / MIB;
}

test('3,000 frames decoded, scaled and freed leave memory where it was', async () => {
  const decoder = await createDecoder(clip.parameters, { threads: 1 });
  const scaler = createScaler({ width: 320, height: 320, fit: 'letterbox', align: 'center', padValue: 114, channels: 'rgb' });
  let pictures = 0;
  const growth = await growthOf(() => {
    for (const [frameSeq, unit] of clip.units.entries()) {
      for (const picture of decoder.decode({ frameSeq, ...unit })) {
        scaler.release(scaler.scale(picture));
        picture.free();
        pictures++;
      }
    }
  }, 20, 100);
  scaler.close();
  decoder.close();
  assert.is(pictures, 120 * 30);
  assert.ok(growth < 24, `grew by ${growth.toFixed(1)} MiB; a leak of the pictures alone would be 1,000`);
});

test('1,000 FLIR records read as samples, shown in 8 bits and freed leave memory where it was, damaged ones among them', async () => {
  const picture = grey16(320, 256, (index) => 2600 + index % 500);
  const samples: SampleMeaning = { modality: 'thermal', metresPerStep: null, range: null };
  const decoder = await createPictureDecoder({ ...clip.parameters, codec: 'fff', extradata: new Uint8Array(0), framing: 'raw', samples }, { threads: 1 });
  const reader = createRasterReader();
  const scaler = createScaler({ width: 160, height: 160, fit: 'letterbox', align: 'center', padValue: 114, channels: 'rgb' });
  const png = encodeGrey16('png', swapped(picture));
  const units = [samplesIn('little', picture), png, png.subarray(0, png.length / 2)].map((image) => fffFile({ ...picture, image, median: 2800 }));
  const recalibrated = fffFile({ ...picture, image: samplesIn('big', picture), records: 'big', calibration: { ...DUO, o: -200 } }); // another table of brightness
  let pictures = 0;
  const growth = await growthOf((round) => {
    for (const [frameSeq, data] of [...units, ...round % 40 === 0 ? [recalibrated] : []].entries()) {
      try {
        for (const decoded of decoder.decode({ frameSeq, data, isKey: true })) {
          reader.read(decoded);
          scaler.release(scaler.scale(decoded));
          decoded.free();
          pictures++;
        }
      } catch (error) {
        assert.is((error as PlatformError).code, 'MEDIA_CORRUPT');
      }
    }
  }, 60, 440);
  reader.close();
  scaler.close();
  decoder.close();
  assert.ok(pictures >= 1000, `${pictures} pictures`);
  assert.ok(growth < 64, `grew by ${growth.toFixed(1)} MiB, mostly rasters not yet collected; a leak of the pictures alone would be 140`);
});

test('opening and closing everything 50 times leaves memory and open files where they were', async () => {
  const path = join(folder, 'source.mp4');
  const first = await createChunkWriter(path, clip.parameters);
  for (const unit of clip.units) await first.write(unit);
  await first.close();
  const cycle = async (round: number): Promise<void> => {
    const reader = await openReader({ uri: path, openTimeoutMs: 5_000 });
    const decoder = await createDecoder(reader.parameters, { threads: 2 });
    const scaler = createScaler({ width: 64, height: 64, fit: 'stretch', align: 'center', padValue: 0, channels: 'gray' });
    const writer = await createChunkWriter(join(folder, `cycle-${round}.mp4`), reader.parameters);
    for (let frameSeq = 0; frameSeq < 6; frameSeq++) {
      const unit = await reader.read();
      if (unit === undefined) break;
      await writer.write(unit);
      for (const picture of decoder.decode({ frameSeq, ...unit })) {
        scaler.scale(picture);
        picture.free();
      }
    }
    await writer.close();
    scaler.close();
    decoder.close();
    await reader.close();
    await readAll(await readChunkFile(join(folder, `cycle-${round}.mp4`)));
    await openReader({ uri: join(folder, 'missing.mp4'), openTimeoutMs: 5_000 }).catch(() => undefined);
    const generated = await openGeneratedReader({ graph: 'testsrc2=size=64x64:rate=5', encoder: { codec: 'h264', bitrate: 100_000, gop: 5, preset: 'ultrafast' }, frameRate: 5 });
    await generated.read();
    await generated.close();
  };
  await cycle(1000);
  const files = openFiles();
  const growth = await growthOf(cycle, 20, 50);
  assert.is(openFiles(), files);
  assert.ok(growth < 24, `grew by ${growth.toFixed(1)} MiB`);
});

test.run();
