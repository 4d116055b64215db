import type { FrameShape } from '../../messages/model-frame.ts';
import type { ModelProto } from '../graph/generated/onnx_pb.js';
import { GraphBuilder } from '../graph/graph-builder.ts';
import type { Value } from '../graph/graph-builder.ts';
import { formatIo } from '../graph/model-file.ts';
import type { ModelIo, TensorIo } from '../graph/model-file.ts';
import { DETECTOR_INPUTS, DETECTOR_OUTPUT } from './family.ts';
import type { Match, ModelFamily } from './family.ts';

/** Names under which a file may take its two thresholds. */
const THRESHOLDS: Readonly<Record<string, 'scoreMin' | 'iouMax'>> = {
  score_min: 'scoreMin', score_threshold: 'scoreMin', iou_max: 'iouMax', iou_threshold: 'iouMax',
};

/**
 * A graph that does everything itself: uint8 RGB picture in, boxes in its own pixels out. What the tensors cannot say stands in `metadata_props`:
 * `fit` (letterbox or stretch), `align` (center or top-left), `channels` (rgb or bgr), `labels` (comma-separated).
 */
export const endToEnd: ModelFamily = {
  type: 'end-to-end',
  summary: 'a graph from uint8 [1, height, width, 3] to float32 [m, 7]: batch, class, score, x1, y1, x2, y2 in input pixels; thresholds as optional inputs',
  matches,
  shape(io: ModelIo): FrameShape {
    const [, height, width] = (pictureOf(io)?.dims ?? []).map(Number);
    return {
      width: width ?? NaN, height: height ?? NaN, padValue: 114,
      fit: io.metadata.get('fit') === 'stretch' ? 'stretch' : 'letterbox',
      align: io.metadata.get('align') === 'top-left' ? 'top-left' : 'center',
      channels: io.metadata.get('channels') === 'bgr' ? 'bgr' : 'rgb',
    };
  },
  labels: (io: ModelIo) => io.metadata.get('labels')?.split(',').map((label) => label.trim()).filter((label) => label !== '') ?? [],
  wrap,
};

function pictureOf(io: ModelIo): TensorIo | undefined {
  return io.inputs.find((input) => input.type === 'uint8');
}

function matches(io: ModelIo): Match {
  const picture = pictureOf(io);
  if (!picture) return refuse(`no input is uint8 (${io.inputs.map(formatIo).join('; ')})`);
  const [batch, height, width, channels] = picture.dims;
  if (picture.dims.length !== 4 || channels !== 3) return refuse(`its input is ${formatIo(picture)}, not uint8 [1, height, width, 3]`);
  if (typeof height !== 'number' || typeof width !== 'number' || height < 1 || width < 1) return refuse(`height and width of its input ${formatIo(picture)} are not fixed`);
  if (typeof batch === 'number' && batch !== 1) return refuse(`its batch is fixed at ${batch}`);
  const stranger = io.inputs.find((input) => input !== picture && (THRESHOLDS[input.name] === undefined || input.type !== 'float32'));
  if (stranger) return refuse(`it wants an input ${formatIo(stranger)} that nobody can give`);
  const [output, ...more] = io.outputs;
  if (!output || more.length > 0 || output.type !== 'float32' || output.dims.length !== 2 || output.dims[1] !== 7) {
    return refuse(`its outputs are ${io.outputs.map(formatIo).join('; ')}, not one float32 [m, 7]`);
  }
  return { isMatch: true, evidence: `${formatIo(picture)} in, ${formatIo(output)} out` };
}

function refuse(reason: string): Match {
  return { isMatch: false, reason };
}

function wrap(model: ModelProto, io: ModelIo): ModelProto {
  const graph = new GraphBuilder('end-to-end', io.opset);
  const picture = pictureOf(io);
  const [, height, width] = (picture?.dims ?? []).map(Number);
  const frame = graph.input(DETECTOR_INPUTS.frame, 'uint8', [1, height ?? 0, width ?? 0, 3]);
  const thresholds = {
    scoreMin: graph.input(DETECTOR_INPUTS.scoreMin, 'float32', [1]),
    iouMax: graph.input(DETECTOR_INPUTS.iouMax, 'float32', [1]),
  };
  const bindings: Record<string, Value> = {};
  for (const input of io.inputs) {
    const threshold = THRESHOLDS[input.name];
    if (input === picture) bindings[input.name] = frame;
    else if (threshold !== undefined) bindings[input.name] = input.dims.length === 0 ? graph.reshape(thresholds[threshold], []) : thresholds[threshold];
  }
  const [name = ''] = io.outputs.map((output) => output.name);
  const detections = graph.inline(model, 'model/', bindings).get(name) ?? frame; // `matches` saw the output
  graph.output(detections, DETECTOR_OUTPUT, 'float32', ['found', 7]);
  return graph.build();
}
