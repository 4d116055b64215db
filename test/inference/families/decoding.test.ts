import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { GraphBuilder, Value } from '../../../src/inference/graph/graph-builder.ts';
import { fakeNetwork } from '../../support/fake-network.ts';
import type { FakeNetwork } from '../../support/fake-network.ts';
import { seeded } from '../../support/small-models.ts';
import { bestOnly, suppressed, thresholded } from '../../support/suppression.ts';
import type { ScoredBox } from '../../support/suppression.ts';
import { toSource, wrappedRows } from '../../support/wrapped.ts';
import type { Geometry } from '../../support/wrapped.ts';

const seed = Number(process.env['SEED'] ?? Date.now() % 100_000);
console.log(`seed ${seed} (set SEED to try it again)`);
const random = seeded(seed);
const between = (low: number, high: number): number => low + random() * (high - low);
const numbers = (count: number, low: number, high: number): number[] => Array.from({ length: count }, () => Math.fround(between(low, high)));
const sigmoid = (value: number): number => 1 / (1 + Math.exp(-value));
const softmax = (values: readonly number[]): number[] => {
  const powers = values.map((value) => Math.exp(value - Math.max(...values)));
  const sum = powers.reduce((total, power) => total + power, 0);
  return powers.map((power) => power / sum);
};
const rowsOf = (values: readonly number[], columns: number): number[][] => Array.from({ length: values.length / columns }, (_, row) => values.slice(row * columns, row * columns + columns));
const centred = ([cx, cy, w, h]: readonly number[]): number[] => [cx! - w! / 2, cy! - h! / 2, cx! + w! / 2, cy! + h! / 2];

const [WIDTH, HEIGHT] = [128, 64];
const CLASSES = 3;
const NAMES = { names: "{0: 'cat', 1: 'dog', 2: 'it\\'s'}" };
const SCORE_MIN = 0.3;

/** Columns and rows of the cells of strides, in order. */
function cellsOf(strides: readonly number[]): { readonly column: number; readonly row: number; readonly stride: number }[] {
  return strides.flatMap((stride) => Array.from({ length: Math.ceil(HEIGHT / stride) }, (_, row) => Array.from({ length: Math.ceil(WIDTH / stride) }, (__, column) => ({ column, row, stride }))).flat());
}

/** What a tail of arithmetic that changes nothing looks like to whoever reads the graph. */
const computed = (graph: GraphBuilder, value: Value): Value => graph.op('Mul', [value, graph.float(1)]);
const throughExp = (graph: GraphBuilder, value: Value): Value => graph.op('Mul', [value, graph.op('Exp', [graph.op('Mul', [value, graph.float(0)])])]);
const throughSigmoid = (graph: GraphBuilder, value: Value): Value => graph.op('Sigmoid', [value]);

/** A network of random answers, and the rows in model pixels that plain JavaScript makes of them. */
interface Case { readonly network: FakeNetwork; readonly expected: readonly (readonly number[])[] }

function randomBoxes(count: number): number[][] {
  return Array.from({ length: count }, () => [between(0, WIDTH), between(0, HEIGHT), between(4, 60), between(4, 60)].map(Math.fround));
}

const CASES: Readonly<Record<string, () => Case>> = {
  yolox() {
    const cells = cellsOf([8, 16, 32]);
    const rows = cells.map(() => [...numbers(2, -0.5, 1.5), ...numbers(2, 0, 1.2), ...numbers(1 + CLASSES, 0, 1)]);
    const boxes = cells.map(({ column, row, stride }, at): ScoredBox => {
      const [dx, dy, lw, lh, objectness, ...scores] = rows[at]!;
      return { box: centred([(dx! + column) * stride, (dy! + row) * stride, Math.exp(lw!) * stride, Math.exp(lh!) * stride]), scores: bestOnly(scores).map((score) => score * objectness!) };
    });
    return { network: columns(rows, { heads: [4, 1, CLASSES] }), expected: suppressed(boxes, SCORE_MIN, 0.45) };
  },
  'yolox decoded'() {
    const rows = decodedRows(cellsOf([8, 16, 32]).length);
    return { network: columns(rows, { heads: [4, 1, CLASSES], tail: throughExp }), expected: objectnessRows(rows) };
  },
  yolov5() {
    const rows = decodedRows(cellsOf([8, 16, 32]).length * 3);
    return { network: columns(rows, { tail: computed, metadata: NAMES }), expected: objectnessRows(rows) };
  },
  'yolov5 one row a cell'() {
    const rows = decodedRows(cellsOf([8, 16, 32]).length);
    return { network: columns(rows, { heads: [4, 1 + CLASSES], tail: computed, metadata: NAMES }), expected: objectnessRows(rows) };
  },
  yolov8() {
    const rows = randomBoxes(cellsOf([8, 16, 32]).length).map((box) => [...box, ...numbers(CLASSES, 0, 1)]);
    const values = Array.from({ length: 4 + CLASSES }, (_, column) => rows.map((row) => row[column]!)).flat();
    const boxes = rows.map(([cx, cy, w, h, ...scores]): ScoredBox => ({ box: centred([cx!, cy!, w!, h!]), scores: bestOnly(scores) }));
    return {
      network: { width: WIDTH, height: HEIGHT, outputs: [{ name: 'output0', dims: [4 + CLASSES, rows.length], values, heads: [4, CLASSES], tail: computed }] },
      expected: suppressed(boxes, SCORE_MIN, 0.45),
    };
  },
  yolov10() {
    const rows = randomBoxes(20).map((box) => [...centred(box), between(0, 1), Math.floor(between(0, CLASSES))].map(Math.fround));
    return {
      network: { width: WIDTH, height: HEIGHT, outputs: [{ name: 'output0', dims: [20, 6], values: rows.flat() }], metadata: NAMES },
      expected: rows.filter((row) => row[4]! > SCORE_MIN).map(([x1, y1, x2, y2, score, classId]) => [0, classId!, score!, x1!, y1!, x2!, y2!]),
    };
  },
  'nanodet of four strides, scores finished': () => nanodetCase([8, 16, 32, 64], 0, true),
  'nanodet of three strides, scores as logits': () => nanodetCase([8, 16, 32], 0.5, false),
  fastestdet() {
    const cells = cellsOf([16]);
    const raw = Array.from({ length: 5 + CLASSES }, () => numbers(cells.length, -2, 2));
    const boxes = cells.map(({ column, row }, at): ScoredBox => {
      const [objectness, tx, ty, tw, th, ...classes] = raw.map((channel) => channel[at]!);
      const scores = bestOnly(softmax(classes)).map((score) => sigmoid(objectness!) ** 0.6 * score ** 0.4);
      return { box: centred([(column + Math.tanh(tx!)) * 16, (row + Math.tanh(ty!)) * 16, sigmoid(tw!) * WIDTH, sigmoid(th!) * HEIGHT]), scores };
    });
    const finished = (graph: GraphBuilder, value: Value): Value => graph.op('Concat', [
      graph.op('Sigmoid', [graph.slice(value, 1, 0, 1)]), graph.slice(value, 1, 1, 5),
      graph.op('Transpose', [graph.op('Softmax', [graph.op('Transpose', [graph.slice(value, 1, 5, 5 + CLASSES)], { perm: [0, 2, 3, 1] })], { axis: 3 })], { perm: [0, 3, 1, 2] }),
    ], { axis: 1 });
    return {
      network: { width: WIDTH, height: HEIGHT, outputs: [{ name: '758', dims: [5 + CLASSES, HEIGHT / 16, WIDTH / 16], values: raw.flat(), heads: [1, 4, CLASSES], tail: finished }] },
      expected: suppressed(boxes, SCORE_MIN, 0.45),
    };
  },
  ultraface() {
    const count = cellsOf([8]).length * 3 + cellsOf([16]).length * 2 + cellsOf([32]).length * 2 + cellsOf([64]).length * 3;
    const logits = numbers(count * 2, -3, 3);
    const corners = randomBoxes(count).flatMap((box) => centred(box).map((value, at) => Math.fround(value / (at % 2 === 0 ? WIDTH : HEIGHT))));
    const boxes = rowsOf(logits, 2).map((pair, at): ScoredBox => ({ box: corners.slice(at * 4, at * 4 + 4).map((value, axis) => value * (axis % 2 === 0 ? WIDTH : HEIGHT)), scores: [softmax(pair)[1]!] }));
    return {
      network: { width: WIDTH, height: HEIGHT, outputs: [
        { name: 'scores', dims: [count, 2], values: logits, tail: (graph, value) => graph.op('Softmax', [value], { axis: 2 }) }, { name: 'boxes', dims: [count, 4], values: corners, tail: throughExp },
      ] },
      expected: suppressed(boxes, SCORE_MIN, 0.45),
    };
  },
  yunet() {
    const outputs: FakeNetwork['outputs'][number][] = [];
    const boxes: ScoredBox[] = [];
    for (const stride of [8, 16, 32]) {
      const cells = cellsOf([stride]);
      const [classes, objects] = [numbers(cells.length, -2, 3), numbers(cells.length, -2, 3)];
      const offsets = cells.map(() => [...numbers(2, -0.5, 1.5), ...numbers(2, 0, 1.2)]);
      outputs.push({ name: `cls_${stride}`, dims: [cells.length, 1], values: classes, tail: throughSigmoid }, { name: `obj_${stride}`, dims: [cells.length, 1], values: objects, tail: throughSigmoid },
        { name: `bbox_${stride}`, dims: [cells.length, 4], values: offsets.flat() }, { name: `kps_${stride}`, dims: [cells.length, 10], values: numbers(cells.length * 10, -1, 1) });
      boxes.push(...cells.map(({ column, row }, at): ScoredBox => {
        const [dx, dy, lw, lh] = offsets[at]!;
        return { box: centred([(column + dx!) * stride, (row + dy!) * stride, Math.exp(lw!) * stride, Math.exp(lh!) * stride]), scores: [Math.sqrt(sigmoid(classes[at]!) * sigmoid(objects[at]!))] };
      }));
    }
    return { network: { width: WIDTH, height: HEIGHT, outputs }, expected: suppressed(boxes, SCORE_MIN, 0.45) };
  },
  'rt-detr': () => detrCase(CLASSES, (logits) => logits.map(sigmoid)),
  'rf-detr': () => detrCase(CLASSES, (logits) => logits.map(sigmoid)),
  detr: () => detrCase(CLASSES + 1, (logits) => softmax(logits).slice(0, CLASSES)),
  'rt-detr with orig_target_sizes'() {
    const fractions = randomBoxes(20).map((box) => centred(box).map((value, at) => Math.fround(value / (at % 2 === 0 ? WIDTH : HEIGHT))));
    const [scores, labels] = [numbers(20, 0, 1), Array.from({ length: 20 }, () => Math.floor(between(0, 80)))];
    return {
      network: { width: WIDTH, height: HEIGHT, sizes: 'orig_target_sizes', outputs: [
        { name: 'labels', dims: [20], values: labels, type: 'int64' }, { name: 'boxes', dims: [20, 4], values: fractions.flat() }, { name: 'scores', dims: [20], values: scores },
      ] },
      expected: fractions.flatMap((box, at) => (scores[at]! > SCORE_MIN ? [[0, labels[at]!, scores[at]!, ...box.map((value, axis) => value * (axis % 2 === 0 ? WIDTH : HEIGHT))]] : [])),
    };
  },
  'rt-detr in one output'() {
    const rows = randomBoxes(30).map(([cx, cy, w, h]) => [...[cx! / WIDTH, cy! / HEIGHT, w! / WIDTH, h! / HEIGHT].map(Math.fround), ...numbers(CLASSES, 0, 1)]);
    const boxes = rows.map(([cx, cy, w, h, ...scores]): ScoredBox => ({ box: centred([cx! * WIDTH, cy! * HEIGHT, w! * WIDTH, h! * HEIGHT]), scores }));
    return { network: { width: WIDTH, height: HEIGHT, outputs: [{ name: 'output0', dims: [30, 4 + CLASSES], values: rows.flat() }], metadata: NAMES }, expected: thresholded(boxes, SCORE_MIN) };
  },
  ssd() {
    const boxes = randomBoxes(20).map(centred);
    const [scores, classes] = [numbers(20, 0, 1), Array.from({ length: 20 }, () => 1 + Math.floor(between(0, 90)))];
    const fractions = boxes.flatMap(([x1, y1, x2, y2]) => [y1! / HEIGHT, x1! / WIDTH, y2! / HEIGHT, x2! / WIDTH].map(Math.fround));
    return {
      network: { width: WIDTH, height: HEIGHT, type: 'uint8', layout: 'nhwc', outputs: [
        { name: 'num_detections:0', dims: [], values: [20] }, { name: 'detector/detection_boxes:0', dims: [20, 4], values: fractions },
        { name: 'detection_scores:0', dims: [20], values: scores }, { name: 'detection_classes:0', dims: [20], values: classes },
      ] },
      expected: boxes.flatMap((box, at) => (scores[at]! > SCORE_MIN ? [[0, classes[at]! - 1, scores[at]!, ...box]] : [])),
    };
  },
  classifier() {
    const logits = numbers(CLASSES, -1, 1);
    const scores = softmax(logits);
    return {
      network: { width: WIDTH, height: HEIGHT, outputs: [{ name: 'logits', dims: [CLASSES], values: logits }], metadata: NAMES },
      expected: scores.flatMap((score, classId) => (score > SCORE_MIN ? [[0, classId, score, 0, 0, WIDTH, HEIGHT]] : [])),
    };
  },
};

/** Rows `[n, 5 + classes]` of centre, size, objectness and classes. */
function decodedRows(count: number): number[][] {
  return randomBoxes(count).map((box) => [...box, ...numbers(1 + CLASSES, 0, 1)]);
}

function objectnessRows(rows: readonly number[][]): number[][] {
  return suppressed(rows.map(([cx, cy, w, h, objectness, ...scores]): ScoredBox => ({ box: centred([cx!, cy!, w!, h!]), scores: bestOnly(scores).map((score) => score * objectness!) })), SCORE_MIN, 0.45);
}

/** One output `[1, rows, columns]`, made of heads over its columns. */
function columns(rows: readonly number[][], options: { readonly heads?: readonly number[]; readonly tail?: (graph: GraphBuilder, value: Value) => Value; readonly metadata?: Record<string, string> }): FakeNetwork {
  const width = rows[0]!.length;
  const turned = Array.from({ length: width }, (_, column) => rows.map((row) => row[column]!)).flat();
  return {
    width: WIDTH, height: HEIGHT, metadata: options.metadata ?? {},
    outputs: [{ name: 'output', dims: [width, rows.length], declared: [rows.length, width], values: turned, heads: options.heads ?? [width], tail: (graph, value) => {
      const placed = graph.op('Transpose', [value], { perm: [0, 2, 1] });
      return options.tail ? options.tail(graph, placed) : placed;
    } }],
  };
}

function nanodetCase(strides: readonly number[], offset: number, isFinished: boolean): Case {
  const cells = cellsOf(strides);
  const rows = cells.map(() => [...numbers(CLASSES, -2, 2), ...numbers(32, -3, 3)]);
  const boxes = cells.map(({ column, row, stride }, at): ScoredBox => {
    const [x, y] = [(column + offset) * stride, (row + offset) * stride];
    const [left, top, right, bottom] = rowsOf(rows[at]!.slice(CLASSES), 8).map((bins) => softmax(bins).reduce((sum, share, bin) => sum + share * bin, 0) * stride);
    return { box: [x - left!, y - top!, x + right!, y + bottom!], scores: rows[at]!.slice(0, CLASSES).map(sigmoid) };
  });
  const finished = (graph: GraphBuilder, value: Value): Value => graph.op('Concat', [graph.op('Sigmoid', [graph.slice(value, 2, 0, CLASSES)]), graph.slice(value, 2, CLASSES, CLASSES + 32)], { axis: 2 });
  return { network: columns(rows, { heads: [CLASSES + 32], ...(isFinished ? { tail: finished } : {}) }), expected: suppressed(boxes, SCORE_MIN, 0.45) };
}

function detrCase(width: number, scoresOf: (logits: readonly number[]) => number[]): Case {
  const [logits, boxes] = [rowsOf(numbers(20 * width, -2, 2), width), randomBoxes(20).map(([cx, cy, w, h]) => [cx! / WIDTH, cy! / HEIGHT, w! / WIDTH, h! / HEIGHT].map(Math.fround))];
  const scored = boxes.map(([cx, cy, w, h], at): ScoredBox => ({ box: centred([cx! * WIDTH, cy! * HEIGHT, w! * WIDTH, h! * HEIGHT]), scores: scoresOf(logits[at]!) }));
  return {
    network: { width: WIDTH, height: HEIGHT, outputs: [{ name: 'logits', dims: [20, width], values: logits.flat() }, { name: 'pred_boxes', dims: [20, 4], values: boxes.flat() }] },
    expected: thresholded(scored, SCORE_MIN),
  };
}

for (const [name, make] of Object.entries(CASES)) {
  for (const opset of [11, 13, 18]) {
    test(`${name}: the graph decodes random answers as plain JavaScript does (operator set ${opset})`, async () => {
      const { network, expected } = make();
      const geometry: Geometry = [between(0.3, 2), between(0.3, 2), Math.floor(between(0, 9)), Math.floor(between(0, 9)), 150, 90];
      const rows = await wrappedRows(name.split(' ')[0]!, fakeNetwork({ ...network, opset }), { scoreMin: SCORE_MIN, geometry });
      const wanted = toSource(expected, geometry);
      assert.ok(wanted.length > 0, `seed ${seed}: nothing to compare`);
      assert.is(rows.length, wanted.length, `seed ${seed}: number of boxes`);
      for (const [index, row] of wanted.entries()) {
        for (const [column, value] of row.entries()) {
          const got = rows[index]![column]!;
          assert.ok(Math.abs(got - value) < 2e-3, `seed ${seed}: row ${index} column ${column}: ${got} instead of ${value} (float32 against float64 on values up to 500)`);
        }
      }
    });
  }
}

test.run();
