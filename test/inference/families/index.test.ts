import { readFileSync } from 'node:fs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { chooseFamily, judgeFamilies, MODEL_FAMILIES } from '../../../src/inference/families/index.ts';
import type { GraphBuilder, Value } from '../../../src/inference/graph/graph-builder.ts';
import { fakeNetwork } from '../../support/fake-network.ts';
import type { FakeNetwork } from '../../support/fake-network.ts';
import { failureOf, foreignOf } from '../../support/wrapped.ts';

const [WIDTH, HEIGHT] = [128, 64];
const CELLS = 16 * 8 + 8 * 4 + 4 * 2;
const NAMES = { names: "{0: 'cat', 1: 'dog'}" };

const computed = (graph: GraphBuilder, value: Value): Value => graph.op('Mul', [value, graph.float(1)]);
const sigmoid = (graph: GraphBuilder, value: Value): Value => graph.op('Sigmoid', [value]);
const exponential = (graph: GraphBuilder, value: Value): Value => graph.op('Exp', [value]);

/** A network of one output `[1, rows, columns]` whose last layers are `heads`. */
function rows(count: number, heads: readonly number[], tail?: (graph: GraphBuilder, value: Value) => Value, metadata: Record<string, string> = {}): Uint8Array {
  const columns = heads.reduce((sum, head) => sum + head, 0);
  return network({ metadata, outputs: [{ name: 'output', dims: [columns, count], declared: [count, columns], values: [], heads, tail: (graph, value) => {
    const placed = graph.op('Transpose', [value], { perm: [0, 2, 1] });
    return tail ? tail(graph, placed) : placed;
  } }] });
}

function network(parts: Partial<FakeNetwork> & Pick<FakeNetwork, 'outputs'>): Uint8Array {
  return fakeNetwork({ width: WIDTH, height: HEIGHT, ...parts });
}

/** A network without any layer: nothing tells how its output is meant. */
const bare = (declared: readonly number[], metadata: Record<string, string> = {}): Uint8Array => fakeNetwork({ width: WIDTH, height: HEIGHT, isBare: true, metadata, outputs: [{ name: 'output', dims: declared, values: [] }] });

const columnsFirst = (classes: number, heads: readonly number[], metadata: Record<string, string> = {}): Uint8Array => network({ metadata, outputs: [{ name: 'output0', dims: [4 + classes, CELLS], values: [], heads, tail: computed }] });
const detrOutputs: FakeNetwork['outputs'] = [{ name: 'logits', dims: [20, 91], values: [] }, { name: 'pred_boxes', dims: [20, 4], values: [] }];

const CERTAIN: readonly (readonly [string, string, Uint8Array])[] = [
  ['rows of raw offsets from layers of 4, 1 and the classes', 'yolox', rows(CELLS, [4, 1, 9])],
  ['the same through an exponential', 'yolox', rows(CELLS, [4, 1, 9], exponential)],
  ['rows of 112 columns from layers of 4, 1 and 107, no NanoDet', 'yolox', rows(CELLS, [4, 1, 107])],
  ['rows of 112 columns from layers of 80 and 32, no YOLOX of 107 classes', 'nanodet', rows(CELLS, [80, 32], sigmoid)],
  ['the same of four strides from one layer', 'nanodet', rows(CELLS + 2, [112], sigmoid)],
  ['three computed rows a cell, 80 classes', 'yolov5', rows(CELLS * 3, [85], computed)],
  ['three computed rows a cell and as many names as classes', 'yolov5', rows(CELLS * 3, [7], computed, NAMES)],
  ['one computed row a cell from layers of 4 and the classes', 'yolov5', rows(CELLS, [4, 81], computed)],
  ['computed columns a cell from a layer of the classes', 'yolov8', columnsFirst(7, [4, 7])],
  ['six columns and names of more than one class', 'yolov10', rows(300, [6], undefined, { names: "{0: 'cat', 1: 'dog', 2: 'cow'}" })],
  ['labels, boxes and scores of the sizes asked for', 'rt-detr', network({ sizes: 'orig_target_sizes', outputs: [
    { name: 'labels', dims: [20], values: [], type: 'int64' }, { name: 'boxes', dims: [20, 4], values: [] }, { name: 'scores', dims: [20], values: [] },
  ] })],
  ['queries of box and 80 classes', 'rt-detr', rows(300, [84])],
  ['class scores after Softmax', 'classifier', network({ outputs: [{ name: 'probabilities', dims: [10], values: [], tail: (graph, value) => graph.op('Softmax', [value], { axis: 1 }) }] })],
];

for (const [what, family, bytes] of CERTAIN) {
  test(`${what}: ${family}, beyond doubt`, () => assert.is(chooseFamily('auto', foreignOf(bytes)).family.type, family));
}

const DOUBTFUL: readonly (readonly [string, readonly string[], Uint8Array])[] = [
  ['85 columns a cell that no layer is found behind', ['yolox', 'yolov5', 'nanodet'], bare([CELLS, 85])],
  ['112 columns a cell that no layer is found behind', ['yolox', 'yolov5', 'nanodet'], bare([CELLS, 112])],
  ['logits and boxes', ['rt-detr', 'rf-detr', 'detr'], network({ outputs: detrOutputs })],
  ['three rows a cell of 16 columns without names: 11 classes, or one and five landmarks', ['yolov5'], rows(CELLS * 3, [16], computed)],
  ['six columns without names', ['yolov10', 'rt-detr'], rows(300, [6])],
  ['ten numbers: classes or an embedding', ['classifier'], network({ outputs: [{ name: 'fc', dims: [10], values: [] }] })],
];

for (const [what, candidates, bytes] of DOUBTFUL) {
  test(`${what}: has to be named, ${candidates.join(' or ')}`, () => {
    const foreign = foreignOf(bytes);
    assert.equal(judgeFamilies(foreign).filter(({ match }) => match.isMatch).map(({ family }) => family.type), candidates);
    const says = failureOf(() => chooseFamily('auto', foreign));
    assert.match(says, /^MODEL_FAMILY_UNKNOWN: .*it has to be named, for it may be /);
    for (const candidate of candidates) {
      assert.match(says, candidate);
      assert.is(chooseFamily(candidate, foreign).family.type, candidate, 'by its name it is taken');
    }
  });
}

const REFUSED: readonly (readonly [string, string, Uint8Array, RegExp])[] = [
  ['YOLOv5 without its decoding', 'yolov5', rows(CELLS * 3, [85]), /its boxes are not decoded/],
  ['YOLOv8 for poses, 56 rows', 'yolov8', network({ outputs: [{ name: 'output0', dims: [56, CELLS], values: [], heads: [4, 1, 51], tail: computed }] }), /its last layers have 1, 4, 51 channels, none 52 for the classes/],
  ['a file whose notes name another task', 'yolov8', columnsFirst(80, [4, 80], { task: 'pose' }), /its task is 'pose'/],
  ['a file that names fewer classes than it has columns', 'yolov5', rows(CELLS * 3, [16], computed, { names: "{0: 'face'}" }), /names 1 classes, its output has columns for 11/],
  ['NanoDet taken for YOLOX', 'yolox', rows(CELLS, [80, 32], sigmoid), /its last layers have 32, 80 channels/],
  ['YOLOX taken for NanoDet', 'nanodet', rows(CELLS, [4, 1, 107]), /its last layers have 1, 4, 107 channels/],
  ['YOLOX decoded by another rule', 'yolox', rows(CELLS, [4, 1, 9], computed), /not as exponentials/],
  ['four outputs without names', 'ssd', network({ type: 'uint8', layout: 'nhwc', outputs: [{ name: 'a', dims: [20, 4], values: [] }, { name: 'b', dims: [20], values: [] }, { name: 'c', dims: [20], values: [] }] }), /classes and scores are told apart by name/],
  ['a fixed batch', 'yolox', network({ batch: 4, outputs: [{ name: 'output', dims: [CELLS, 14], values: [], heads: [CELLS] }] }), /its batch is fixed at 4/],
];

for (const [what, family, bytes, reason] of REFUSED) {
  test(`${what} is refused with the reason`, () => {
    assert.match(failureOf(() => chooseFamily(family, foreignOf(bytes))), reason);
    assert.match(failureOf(() => chooseFamily(family, foreignOf(bytes))), new RegExp(`^MODEL_INVALID: the file is no '${family}' model`));
  });
}

test('labels: those of the file, COCO\'s where the layers say so, else none', () => {
  const outputs = (classes: number): FakeNetwork['outputs'] => [
    { name: 'detection_boxes', dims: [20, 4], values: [] }, { name: 'detection_classes', dims: [20], values: [] }, { name: 'detection_scores', dims: [20], values: [] },
    { name: 'raw_detection_scores', dims: [classes, 5], values: [] },
  ];
  const labelsOf = (family: string, bytes: Uint8Array): readonly string[] => chooseFamily(family, foreignOf(bytes)).plan.labels;
  const tensorflow = { type: 'uint8', layout: 'nhwc' } as const;
  assert.equal(labelsOf('ssd', network({ ...tensorflow, outputs: outputs(273) })).slice(0, 2), ['person', 'bicycle'], 'three anchors of 91 scores');
  assert.equal(labelsOf('ssd', network({ ...tensorflow, outputs: outputs(12) })), []);
  assert.equal(labelsOf('ssd', network({ ...tensorflow, outputs: outputs(273), metadata: NAMES })), ['cat', 'dog']);
  assert.is(labelsOf('rf-detr', network({ outputs: detrOutputs }))[1], 'person', 'of 91 classes the numbers are COCO\'s own');
  assert.equal(labelsOf('yolov5', rows(CELLS * 3, [7], computed, NAMES)), ['cat', 'dog']);
});

test('a channel that is left open, as Hugging Face exports it, is three', () => {
  const graph = fakeNetwork({ width: 'width', height: 'height', batch: 'batch', channels: 'num_channels', outputs: [...detrOutputs] });
  assert.is(chooseFamily('rt-detr', foreignOf(graph)).plan.isBatchable, true);
});

test('families have different names and a summary, and stand in the README', () => {
  const readme = readFileSync(new URL('../../../README.md', import.meta.url), 'utf8');
  for (const { type } of MODEL_FAMILIES) assert.ok(readme.includes(`| \`${type}\` |`), type);
  assert.is(new Set(MODEL_FAMILIES.map(({ type }) => type)).size, MODEL_FAMILIES.length);
  for (const { type, summary } of MODEL_FAMILIES) assert.ok(summary.length > 20, type);
});

test.run();
