import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { AppContext, VisionPipeline } from '../../../actors/batch/vision-pipeline.ts';
import { PlatformError } from '../../../src/engine/errors.ts';
import type { DetectedRecord } from '../../../src/messages/terminal-record.ts';
import { encodeGrey16, grey16 } from '../../support/grey16.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

/** Nothing, then for every picture a square of other samples somewhere else. */
function sequence(codec: 'png' | 'tiff', [ground, object]: readonly [number, number]): string {
  const folder = join(temporaryFolder(), codec);
  mkdirSync(folder);
  for (let picture = 0; picture < 14; picture++) {
    const left = picture < 8 ? 1000 : 40 + (picture - 8) * 30;
    const isObject = (index: number): boolean => index % 320 >= left && index % 320 < left + 48 && Math.floor(index / 320) >= 90 && Math.floor(index / 320) < 150;
    writeFileSync(join(folder, `${picture}.${codec}`), encodeGrey16(codec, grey16(320, 240, (index) => (isObject(index) ? object : ground + index % 3))));
  }
  return folder;
}

async function seen(pipeline: VisionPipeline): Promise<readonly DetectedRecord[]> {
  const records: DetectedRecord[] = [];
  for await (const record of pipeline.detect({ model: 'motion' }).serve()) records.push(record);
  assert.equal(records.map(({ width, height }) => [width, height]), Array.from({ length: 14 }, () => [320, 240]));
  return records;
}

/** True when a picture in which something is has a box around it. */
function finds(records: readonly DetectedRecord[]): boolean {
  return records.slice(9).every(({ boxes }, index) => boxes.some(({ x1, x2, y1, y2 }) => Math.abs((x1 + x2) / 2 - (40 + (index + 1) * 30 + 24)) < 40 && y1 > 60 && y2 < 180));
}

test('what moves in 16-bit depth and heat is found where the range shows it, not where it lies outside', async () => {
  const ctx = AppContext.default();
  const depth = (await VisionPipeline.forModality('depth', ctx)).ingest(sequence('png', [3000, 1500]));
  const heat = sequence('tiff', [7000, 7060]);
  const thermal = await VisionPipeline.forModality('thermal', ctx);
  const shown = await Promise.all([depth, thermal.ingest(heat, { kelvinPerStep: 0.04, range: [0, 20] }), thermal.ingest(heat, { range: [6900, 7100] }), thermal.ingest(heat)].map(seen));
  assert.equal(shown.map(finds), [true, true, true, false], 'metres, degrees, counts; and 60 of all 65,536 counts are no change of grey');
});

test('a modality that is none is refused', async () => {
  const error: unknown = await VisionPipeline.forModality('radar' as never, AppContext.default()).catch((reason: unknown) => reason);
  assert.is((error as PlatformError).code, 'PLUGIN_UNKNOWN');
  assert.match((error as PlatformError).message, "unknown modality 'radar' (known: rgb, depth, thermal)");
});

test.run();
