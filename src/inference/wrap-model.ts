import { PlatformError } from '../engine/errors.ts';
import { fitPicture } from './fit-picture.ts';
import type { FittedPicture } from './fit-picture.ts';
import { GEOMETRY, GEOMETRY_COLUMNS, inSource } from './geometry.ts';
import { GraphBuilder } from './graph/graph-builder.ts';
import type { Value } from './graph/graph-builder.ts';
import type { ModelProto } from './graph/generated/onnx_pb.js';
import type { CommonInputs, Decoded, ForeignModel, WrapPlan } from './families/family.ts';

/** Names of the inputs of the common graph. */
export const DETECTOR_INPUTS = { frame: 'frame', geometry: GEOMETRY, scoreMin: 'score_min', iouMax: 'iou_max' } as const;

/** Its one output, float32 `[m, 7]`: batch, class, score, x1, y1, x2, y2 in source pixels. */
export const DETECTOR_OUTPUT = 'detections';

/** Boxes of one class that may survive suppression: more than any frame holds. */
const BOXES_PER_CLASS = 300;

/** Places of boxes `[m, 4]`, with their batch, class and score as `[m, 1]`, and the numbers of their pictures `[m]`; undefined: all of the first. */
interface Found { readonly corners: Value; readonly head: Value; readonly picture: Value | undefined }

/**
 * What the common graph takes. `frame`: pictures that libav has brought to the model's shape, uint8 `[batch, height, width, channels]`, and `geometry` float32
 * `[batch, 6]`; `batch` is 1 unless the plan leaves it open. `picture`: one RGB picture of any size, uint8 `[1, h, w, 3]`, fitted inside the graph.
 */
export type Entry = 'frame' | 'picture';

/**
 * Writes the common graph around a foreign network: pre-processing, the network, decoding, suppression, and the way back to source pixels. Besides those of
 * its entry its inputs are `score_min` and `iou_max`, float32 `[1]`; its output is `detections`.
 * @throws PlatformError MODEL_INVALID when the network cannot stand in it
 */
export function wrapModel({ model, io }: ForeignModel, plan: WrapPlan, entry: Entry = 'frame'): ModelProto {
  const graph = new GraphBuilder('detector', io.opset);
  const { frame, geometry } = enter(graph, plan, entry);
  const inputs: CommonInputs = {
    frame, scoreMin: graph.input(DETECTOR_INPUTS.scoreMin, 'float32', [1]), iouMax: graph.input(DETECTOR_INPUTS.iouMax, 'float32', [1]),
  };
  const network = graph.inline(model, 'model/', { ...plan.bind?.(graph, inputs), [plan.input.name]: normalize(graph, inputs.frame, plan.input) });
  const decoded = plan.decode(graph, (name) => {
    const value = network.get(name);
    if (value === undefined) throw new PlatformError('MODEL_INVALID', `the model has no output '${name}'`, { output: name });
    return io.outputs.find((output) => output.name === name)?.type === 'float32' ? value : graph.cast(value, 'float32');
  }, inputs);
  const { corners, head, picture } = collect(graph, decoded, inputs);
  const rows = picture === undefined ? geometry : graph.op('Gather', [geometry, picture], { axis: 0 });
  graph.output(graph.op('Concat', [head, inSource(graph, corners, rows)], { axis: 1 }), DETECTOR_OUTPUT, 'float32', ['found', 7]);
  return graph.build();
}

function enter(graph: GraphBuilder, { shape, isBatchable }: WrapPlan, entry: Entry): FittedPicture {
  if (entry === 'picture') return fitPicture(graph, graph.input(DETECTOR_INPUTS.frame, 'uint8', [1, 'height', 'width', 3]), shape);
  const batch = isBatchable ? 'batch' : 1;
  return {
    frame: graph.input(DETECTOR_INPUTS.frame, 'uint8', [batch, shape.height, shape.width, shape.channels === 'gray' ? 1 : 3]),
    geometry: graph.input(DETECTOR_INPUTS.geometry, 'float32', [batch, GEOMETRY_COLUMNS]),
  };
}

/** The frame as the network wants it. */
function normalize(graph: GraphBuilder, frame: Value, { layout, type, mean = [], deviation = [] }: WrapPlan['input']): Value {
  const placed = layout === 'nchw' ? graph.op('Transpose', [frame], { perm: [0, 3, 1, 2] }) : frame;
  if (type === 'uint8') return placed;
  const perChannel = (values: readonly number[]): Value => (
    values.every((value) => value === values[0]) ? graph.float(values[0] ?? 0) : graph.floats(values, layout === 'nchw' ? [1, values.length, 1, 1] : [1, 1, 1, values.length])
  );
  let samples = graph.cast(placed, 'float32');
  if (mean.some((value) => value !== 0)) samples = graph.op('Sub', [samples, perChannel(mean)]);
  if (deviation.some((value) => value !== 1)) samples = graph.op('Mul', [samples, perChannel(deviation.map((value) => 1 / value))]);
  return type === 'float32' ? samples : graph.cast(samples, type);
}

function collect(graph: GraphBuilder, decoded: Decoded, inputs: CommonInputs): Found {
  switch (decoded.kind) {
    case 'suppress': return suppress(graph, decoded, inputs);
    case 'threshold': {
      const at = placesAbove(graph, decoded.scores, inputs.scoreMin);
      const score = graph.reshape(graph.op('GatherND', [decoded.scores, at]), [-1, 1]);
      const corners = graph.op('GatherND', [decoded.corners, graph.slice(at, 1, 0, 2)]);
      return found(graph, { at, classId: graph.cast(graph.slice(at, 1, 2, 3), 'float32'), score, corners });
    }
    case 'picked': {
      const at = placesAbove(graph, decoded.score, inputs.scoreMin);
      const pick = (values: Value): Value => graph.reshape(graph.op('GatherND', [values, at]), [-1, 1]);
      return found(graph, { at, classId: pick(decoded.classId), score: pick(decoded.score), corners: graph.op('GatherND', [decoded.corners, at]) });
    }
    case 'rows': return { head: graph.slice(decoded.rows, 1, 0, 3), corners: graph.slice(decoded.rows, 1, 3, 7), picture: undefined };
  }
}

/** The suppression compares boxes by opposite corners, so [x1, y1, x2, y2] serves as well as [y1, x1, y2, x2]. */
function suppress(graph: GraphBuilder, { corners, scores }: Extract<Decoded, { kind: 'suppress' }>, { scoreMin, iouMax }: CommonInputs): Found {
  const at = graph.op('NonMaxSuppression', [corners, scores, graph.ints([BOXES_PER_CLASS]), iouMax, scoreMin]);
  return found(graph, {
    at, classId: graph.cast(graph.slice(at, 1, 1, 2), 'float32'), score: graph.reshape(graph.op('GatherND', [scores, at]), [-1, 1]),
    corners: graph.op('GatherND', [corners, graph.op('Gather', [at, graph.ints([0, 2])], { axis: 1 })]),
  });
}

/** Indexes `[m, rank]` of the values above a threshold of one value. */
function placesAbove(graph: GraphBuilder, values: Value, threshold: Value): Value {
  return graph.op('Transpose', [graph.op('NonZero', [graph.op('Greater', [values, threshold])])], { perm: [1, 0] });
}

/** `at` is `[m, 2 or 3]` and begins with the number of the picture; class and score are `[m, 1]`, corners `[m, 4]`. */
function found(graph: GraphBuilder, { at, classId, score, corners }: { readonly at: Value; readonly classId: Value; readonly score: Value; readonly corners: Value }): Found {
  const picture = graph.slice(at, 1, 0, 1);
  return { corners, picture: graph.reshape(picture, [-1]), head: graph.op('Concat', [graph.cast(picture, 'float32'), classId, score], { axis: 1 }) };
}
