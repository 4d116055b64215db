import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { DetectedRecord, TerminalRecord } from '../../src/messages/terminal-record.ts';
import { runFused, runSplit, type Outcome } from '../support/both-ways.ts';
import { sharedData } from '../support/shared-data.ts';

const FPS = 5;

const isDetected = (record: TerminalRecord): record is DetectedRecord => record.kind === 'detected';

/** What must be the same: everything but how long it took. */
function outcomesOf({ records }: Outcome): readonly string[] {
  return records.map((record) => {
    if (isDetected(record)) {
      const { timings: _timings, ...rest } = record;
      return JSON.stringify(Object.entries(rest).toSorted(([a], [b]) => a.localeCompare(b)));
    }
    return JSON.stringify([record.camera, record.epoch, record.reason]);
  }).toSorted();
}

/** Frames that were dropped, one by one: where runs are cut depends on when they were taken. */
function droppedOf({ records }: Outcome): readonly string[] {
  return records.flatMap(record => (isDetected(record) ? [] : Array.from({ length: record.to - record.from + 1 }, (_, index) => `${record.camera} ${record.from + index} ${record.reason}`))).toSorted();
}

async function compare(name: string, uris: readonly string[], model: string): Promise<Outcome> {
  const run = { uris, maxFps: FPS, model, maxUnits: 100 };
  const [fused, split] = [await runFused(run), await runSplit(run)];
  const frames = fused.records.filter(isDetected);
  assert.equal(outcomesOf({ ...split, records: split.records.filter(isDetected) }), outcomesOf({ ...fused, records: frames }));
  assert.equal(droppedOf(split), droppedOf(fused));
  assert.is(split.chunkBytes, fused.chunkBytes);
  const seconds = frames.length / FPS;
  const boxes = frames.reduce((sum, record) => sum + record.boxes.length, 0);
  console.log(`${name}: ${uris.length} cameras at ${FPS} fps, ${frames.length} frames and ${boxes} boxes the same; one camera: chunks ${rate(split.chunkBytes / seconds)}, features ${rate(split.featureBytes / seconds)} (${JSON.stringify(split.encodings)})`);
  assert.ok(boxes > 0);
  return split;
}

const rate = (bytes: number): string => `${(bytes / 1000).toFixed(0)} kB/s`;

test('split equals fused frame for frame: ids, boxes and drops, with a detector that keeps a background of each camera', async () => {
  const split = await compare('synthetic, motion', ['street', 'yard', 'street'].map((scene, seed) => `synthetic://${scene}?size=640x360&fps=15&frames=90&seed=${seed + 1}`), 'motion');
  assert.ok(split.encodings['delta-zstd']! > 0);
});

const videos = ['Retail02_short.mp4', 'one-by-one-person-detection.mp4', 'car-detection.mp4'].map(name => sharedData(`videos/${name}`));
const yolox = sharedData('models/yolox_nano.onnx');
if (yolox === undefined || videos.includes(undefined)) console.log('SKIP: split equals fused on real videos: there is no shared data beside the repository');
else {
  test('split equals fused on real videos with YOLOX', async () => {
    const split = await compare('real videos, YOLOX-nano', videos as string[], yolox);
    const raw = Object.values(split.encodings).reduce((sum, count) => sum + count, 0) * 416 * 416 * 3;
    assert.ok(split.featureBytes < raw / 4, `${split.featureBytes} of ${raw} bytes`);
  });
}

test.run();
