import type { FrameShape } from '../../messages/model-frame.ts';
import type { ModelProto } from '../graph/generated/onnx_pb.js';
import { GraphBuilder } from '../graph/graph-builder.ts';
import type { Value } from '../graph/graph-builder.ts';
import { formatIo } from '../graph/model-file.ts';
import type { ModelIo } from '../graph/model-file.ts';
import { COCO_LABELS } from '../labels.ts';
import { DETECTOR_INPUTS, DETECTOR_OUTPUT } from './family.ts';
import type { Match, ModelFamily } from './family.ts';

const STRIDES = [8, 16, 32];

/** Oldest operator set with every node that is written around the model (`NonMaxSuppression` 11, `GatherND` 11); all of them are unchanged in form up to 18. */
const OPSET_MIN = 11;

/** Boxes of one class that may survive suppression: more than any frame holds. */
const BOXES_PER_CLASS = 300;

/** Columns before the class scores: dx, dy, log width, log height, objectness. */
const BOX_COLUMNS = 5;

/**
 * YOLOX (Ge et al. 2021, arXiv:2107.08430) as its exporter writes it without `--decode_in_inference`: BGR 0..255 top-left in padding of 114;
 * rows of dx, dy, log w, log h, objectness, classes over the grids of strides 8, 16 and 32. Models older than release 0.2 (mean and deviation taken off) look the same and are not meant.
 */
export const yolox: ModelFamily = {
  type: 'yolox',
  summary: 'YOLOX exported without decoding: float input [1, 3, height, width], one output [1, cells, 5 + classes]',
  matches,
  shape(io: ModelIo): FrameShape {
    const { width, height } = sizes(io);
    return { width, height, fit: 'letterbox', align: 'top-left', padValue: 114, channels: 'bgr' };
  },
  labels: (io: ModelIo) => (sizes(io).classes === COCO_LABELS.length ? COCO_LABELS : []),
  wrap,
};

function sizes(io: ModelIo): { width: number; height: number; cells: number; classes: number } {
  const [, , height, width] = (io.inputs[0]?.dims ?? []).map(Number);
  const [, cells, columns] = (io.outputs[0]?.dims ?? []).map(Number);
  return { width: width ?? NaN, height: height ?? NaN, cells: cells ?? NaN, classes: (columns ?? NaN) - BOX_COLUMNS };
}

function matches(io: ModelIo): Match {
  const [input, ...moreInputs] = io.inputs;
  const [output, ...moreOutputs] = io.outputs;
  if (!input || !output || moreInputs.length > 0 || moreOutputs.length > 0) return refuse(`it has ${io.inputs.length} inputs and ${io.outputs.length} outputs, not one of each`);
  const { width, height, cells, classes } = sizes(io);
  if (input.type !== 'float32' || input.dims.length !== 4 || input.dims[1] !== 3) return refuse(`its input is ${formatIo(input)}, not float32 [1, 3, height, width]`);
  if (!(width > 0 && height > 0 && width % 32 === 0 && height % 32 === 0)) return refuse(`its input ${formatIo(input)} is no multiple of 32 in height and width`);
  if (output.type !== 'float32' || output.dims.length !== 3) return refuse(`its output is ${formatIo(output)}, not float32 [1, cells, 5 + classes]`);
  const expected = STRIDES.reduce((sum, stride) => sum + (width / stride) * (height / stride), 0);
  if (cells !== expected) return refuse(`its output ${formatIo(output)} has not the ${expected} cells of strides ${STRIDES.join(', ')}`);
  if (!(classes >= 1)) return refuse(`its output ${formatIo(output)} has no column for a class`);
  if (input.dims[0] !== 1 && typeof input.dims[0] === 'number') return refuse(`its batch is fixed at ${input.dims[0]}`);
  if (io.operators.has('Exp')) return refuse('it decodes its boxes itself (it holds an Exp node); export it without decoding');
  if (io.opset < OPSET_MIN) return refuse(`it is written for operator set ${io.opset}; at least ${OPSET_MIN} is needed`);
  return { isMatch: true, evidence: `${formatIo(output)}: ${cells} cells of strides ${STRIDES.join(', ')} over ${width}x${height}, ${classes} classes, not decoded` };
}

function refuse(reason: string): Match {
  return { isMatch: false, reason };
}

function wrap(model: ModelProto, io: ModelIo): ModelProto {
  const { width, height, cells, classes } = sizes(io);
  const graph = new GraphBuilder('yolox', io.opset);
  const frame = graph.input(DETECTOR_INPUTS.frame, 'uint8', [1, height, width, 3]);
  const scoreMin = graph.input(DETECTOR_INPUTS.scoreMin, 'float32', [1]);
  const iouMax = graph.input(DETECTOR_INPUTS.iouMax, 'float32', [1]);
  const image = graph.cast(graph.op('Transpose', [frame], { perm: [0, 3, 1, 2] }), 'float32');
  const raw = graph.inline(model, 'model/', { [io.inputs[0]?.name ?? '']: image }).get(io.outputs[0]?.name ?? '');
  const rows = graph.reshape(raw ?? image, [1, cells, BOX_COLUMNS + classes]); // `matches` saw the output, so `raw` is there
  const corners = decode(graph, rows, width, height);
  const scores = graph.op('Transpose', [classScores(graph, rows, classes)], { perm: [0, 2, 1] });
  // The suppression compares boxes by opposite corners, so [x1, y1, x2, y2] serves as well as [y1, x1, y2, x2].
  const kept = graph.op('NonMaxSuppression', [corners, scores, graph.ints([BOXES_PER_CLASS]), iouMax, scoreMin]);
  const cellOf = graph.reshape(graph.slice(kept, 1, 2, 3), [-1]);
  const detections = graph.op('Concat', [
    graph.cast(graph.slice(kept, 1, 0, 2), 'float32'),
    graph.reshape(graph.op('GatherND', [scores, kept]), [-1, 1]),
    graph.op('Gather', [graph.reshape(corners, [cells, 4]), cellOf], { axis: 0 }),
  ], { axis: 1 });
  graph.output(detections, DETECTOR_OUTPUT, 'float32', ['found', 7]);
  return graph.build();
}

/** Scores `[1, cells, classes]`: objectness times class, of a cell's best class only, 0 for the others (YOLOX `postprocess`: one class a box). */
function classScores(graph: GraphBuilder, rows: Value, classes: number): Value {
  const each = graph.slice(rows, 2, BOX_COLUMNS, BOX_COLUMNS + classes);
  // TopK has one form in every operator set from 11 on, ReduceMax has not.
  const [best] = graph.ops('TopK', [each, graph.ints([1])], { axis: 2 }, 2);
  const isBest = graph.cast(graph.op('Equal', [each, best]), 'float32');
  return graph.op('Mul', [graph.op('Mul', [graph.slice(rows, 2, 4, BOX_COLUMNS), each]), isBest]);
}

/** Corners `[1, cells, 4]` in input pixels: centre = (offset + cell) * stride, size = exp(log size) * stride (YOLOX `decode_outputs`). */
function decode(graph: GraphBuilder, rows: Value, width: number, height: number): Value {
  const cells: number[] = [];
  const strides: number[] = [];
  for (const stride of STRIDES) {
    for (let row = 0; row < height / stride; row++) {
      for (let column = 0; column < width / stride; column++) {
        cells.push(column, row);
        strides.push(stride);
      }
    }
  }
  const stride = graph.floats(strides, [1, strides.length, 1]);
  const center = graph.op('Mul', [graph.op('Add', [graph.slice(rows, 2, 0, 2), graph.floats(cells, [1, strides.length, 2])]), stride]);
  const half = graph.op('Mul', [graph.op('Mul', [graph.op('Exp', [graph.slice(rows, 2, 2, 4)]), stride]), graph.float(0.5)]);
  return graph.op('Concat', [graph.op('Sub', [center, half]), graph.op('Add', [center, half])], { axis: 2 });
}
