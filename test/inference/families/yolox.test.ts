import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { chooseFamily } from '../../../src/inference/families/index.ts';
import { yolox } from '../../../src/inference/families/yolox.ts';
import { describeModel, parseModel, serializeModel } from '../../../src/inference/graph/model-file.ts';
import { openSession } from '../../../src/inference/session.ts';
import { fakeYolox, noWarning, seeded } from '../../support/small-models.ts';

const seed = Date.now() % 100000;
const random = seeded(seed);
const size = { width: 96, height: 64, classes: 3 };
const cells = 12 * 8 + 6 * 4 + 3 * 2;

/** Rows in which a few cells are sure of something: offsets near the cell, sizes of one to three strides. */
function randomRows(): Float32Array {
  const rows = new Float32Array(cells * 8);
  for (let cell = 0; cell < cells; cell++) {
    rows.set([random() * 2 - 0.5, random() * 2 - 0.5, random() * 1.2, random() * 1.2, random(), random(), random(), random()], cell * 8);
  }
  return rows;
}

/** YOLOX's published decoding (one class a cell) and greedy suppression per class, in plain JavaScript. */
function oracle(rows: Float32Array, scoreMin: number, iouMax: number): number[][] {
  const boxes: { box: number[]; scores: number[] }[] = [];
  let at = 0;
  for (const stride of [8, 16, 32]) {
    for (let row = 0; row < size.height / stride; row++) {
      for (let column = 0; column < size.width / stride; column++, at += 8) {
        const [dx, dy, lw, lh, objectness, ...classes] = rows.subarray(at, at + 8);
        const [x, y, w, h] = [(dx! + column) * stride, (dy! + row) * stride, Math.exp(lw!) * stride, Math.exp(lh!) * stride];
        boxes.push({ box: [x - w / 2, y - h / 2, x + w / 2, y + h / 2], scores: classes.map((score) => (score === Math.max(...classes) ? Math.fround(score * objectness!) : 0)) });
      }
    }
  }
  const kept: number[][] = [];
  for (let classId = 0; classId < size.classes; classId++) {
    const chosen: number[][] = [];
    for (const { box, scores } of boxes.filter(({ scores: all }) => all[classId]! > scoreMin).sort((a, b) => b.scores[classId]! - a.scores[classId]!)) {
      if (chosen.every((other) => overlap(other, box) <= iouMax)) {
        chosen.push(box);
        kept.push([0, classId, scores[classId]!, ...box]);
      }
    }
  }
  return kept;
}

function overlap(a: readonly number[], b: readonly number[]): number {
  const width = Math.min(a[2]!, b[2]!) - Math.max(a[0]!, b[0]!);
  const height = Math.min(a[3]!, b[3]!) - Math.max(a[1]!, b[1]!);
  if (width <= 0 || height <= 0) return 0;
  const area = (box: readonly number[]): number => (box[2]! - box[0]!) * (box[3]! - box[1]!);
  return width * height / (area(a) + area(b) - width * height);
}

for (const opset of [11, 13]) {
  test(`the graph decodes and suppresses as plain JavaScript does (operator set ${opset})`, async () => {
    const rows = randomRows();
    const model = parseModel(fakeYolox(size, rows, { opset }));
    const session = await openSession(serializeModel(yolox.wrap(model, describeModel(model))), { providers: ['cpu'], warn: noWarning });
    const feeds = {
      frame: session.tensor('uint8', new Uint8Array(size.width * size.height * 3), [1, size.height, size.width, 3]),
      score_min: session.tensor('float32', Float32Array.of(0.3), [1]), iou_max: session.tensor('float32', Float32Array.of(0.45), [1]),
    };
    const { detections } = await session.run(feeds);
    await session.close();
    const expected = oracle(rows, 0.3, 0.45);
    assert.ok(expected.length > 10, 'the rows must give something to compare');
    assert.equal(detections!.dims, [expected.length, 7], `seed ${seed}`);
    for (const [index, row] of expected.entries()) {
      for (const [column, value] of row.entries()) {
        const got = Number(detections!.data[index * 7 + column]);
        assert.ok(Math.abs(got - value) < 1e-3, `row ${index} column ${column}: ${got} instead of ${value} (seed ${seed}; float32 against float64 on values up to 150)`);
      }
    }
  });
}

test('it is recognised by its cells and classes, and COCO labels are given to 80 classes only', () => {
  const io = describeModel(parseModel(fakeYolox(size, randomRows())));
  const match = yolox.matches(io);
  assert.ok(match.isMatch && match.evidence.includes('126 cells'));
  assert.is(chooseFamily('auto', io), yolox);
  assert.equal(yolox.labels(io), []);
  assert.equal(yolox.shape(io), { width: 96, height: 64, fit: 'letterbox', align: 'top-left', padValue: 114, channels: 'bgr' });
  const coco = describeModel(parseModel(fakeYolox({ ...size, classes: 80 }, new Float32Array(cells * 85))));
  assert.is(yolox.labels(coco)[2], 'car');
});

test('a file that decodes its boxes itself, or has another number of cells, is refused with the reason', () => {
  const says = (model: Uint8Array): string => {
    const match = yolox.matches(describeModel(parseModel(model)));
    return match.isMatch ? 'matches' : match.reason;
  };
  assert.match(says(fakeYolox(size, randomRows(), { decoded: true })), /decodes its boxes itself/);
  assert.match(says(fakeYolox({ ...size, width: 128 }, randomRows())), /has not the 168 cells/);
  assert.match(says(fakeYolox({ ...size, width: 100 }, randomRows())), /no multiple of 32/);
});

test.run();
