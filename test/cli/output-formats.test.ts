import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { epochMicros, type CameraId } from '../../src/engine/units.ts';
import { createOutputWriter, type FrameResult, type OutputOptions } from '../../src/cli/output-formats.ts';
import type { OutputFormat } from '../../src/cli/arguments.ts';

function frame(index: number, boxes: number, fileName?: string): FrameResult {
  return {
    index, ...(fileName === undefined ? {} : { fileName }),
    record: {
      kind: 'detected', camera: 'a' as CameraId, epoch: 1, frameSeq: index, capturedAt: epochMicros(0), ptsSeconds: index / 25, width: 640, height: 480, model: 'm@1', modelDigest: 'd', provider: 'cpu',
      timings: { decodeMs: 1, waitMs: 1, inferMs: 1, ageMs: 1 },
      boxes: Array.from({ length: boxes }, (_, box) => ({ classId: box, label: `l${box}`, score: 0.123456789, x1: 10.001, y1: 20, x2: 30.5, y2: 60.25 })),
    },
  };
}

function write(format: OutputFormat, frames: readonly FrameResult[], options?: OutputOptions): string {
  const writer = createOutputWriter(format, options);
  return writer.open() + frames.map((one) => writer.frame(one)).join('') + writer.close();
}

interface CocoRow { image_id: number; category_id: number; bbox: number[]; score: number }

test('ndjson is one object a line, frames without boxes too', () => {
  const lines = write('ndjson', [frame(0, 1, 'x.jpg'), frame(4, 0)]).trimEnd().split('\n').map((line) => JSON.parse(line) as Record<string, unknown>);
  assert.equal(lines[0], { frame: 0, file: 'x.jpg', seconds: 0, width: 640, height: 480, boxes: [{ label: 'l0', classId: 0, score: 0.12346, x1: 10, y1: 20, x2: 30.5, y2: 60.25 }], model: 'm@1', modelDigest: 'd', provider: 'cpu' });
  assert.equal([lines[1]!['frame'], lines[1]!['boxes']], [4, []]);
});

test('coco is a results array with corner, width and height', () => {
  const rows = JSON.parse(write('coco', [frame(0, 2), frame(1, 0), frame(2, 1)])) as CocoRow[];
  assert.equal(rows.map(({ image_id, category_id }) => [image_id, category_id]), [[0, 0], [0, 1], [2, 0]]);
  assert.equal(rows[0]!.bbox, [10, 20, 20.5, 40.25]);
});

test('coco without any box is an empty array', () => {
  assert.equal(JSON.parse(write('coco', [])), []);
  assert.equal(JSON.parse(write('coco', [frame(0, 0)])), []);
});

test('coco image ids are the numbers of the picture names when all are numbers', () => {
  const ids = (pictureNames: readonly string[]): number[] => (JSON.parse(write('coco', pictureNames.map((name, index) => frame(index, 1, name)), { pictureNames })) as CocoRow[]).map((row) => row.image_id);
  assert.equal(ids(['000000397133.jpg', '000000037777.jpg']), [397133, 37777]);
  assert.equal(ids(['000000397133.jpg', 'dog.jpg']), [0, 1]);
  assert.equal(ids(['01.jpg', '1.jpg']), [0, 1]);
});

test('mot rows count frames from 1 and have id -1', () => {
  assert.is(write('mot', [frame(0, 1), frame(3, 1)]), '1,-1,10,20,20.5,40.25,0.12346,-1,-1,-1\n4,-1,10,20,20.5,40.25,0.12346,-1,-1,-1\n');
});

test.run();
