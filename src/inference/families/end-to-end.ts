import { formatIo } from '../graph/model-file.ts';
import type { Value } from '../graph/graph-builder.ts';
import { labelsInFile } from '../labels.ts';
import { accept, refuse } from './family.ts';
import type { CommonInputs, ForeignModel, Match, ModelFamily } from './family.ts';
import { readPicture } from './network-input.ts';

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
  examine(foreign: ForeignModel): Match {
    const { io } = foreign;
    const input = io.inputs.find(({ type }) => type === 'uint8');
    if (!input) return refuse(`no input is uint8 (${io.inputs.map(formatIo).join('; ')})`);
    const picture = readPicture({ ...foreign, io: { ...io, inputs: [input] } }, { types: ['uint8'], layout: 'nhwc', multiple: 1, size: [0, 0] });
    if (typeof picture === 'string') return refuse(picture);
    const stranger = io.inputs.find((other) => other !== input && (THRESHOLDS[other.name] === undefined || other.type !== 'float32'));
    if (stranger) return refuse(`it wants an input ${formatIo(stranger)} that nobody can give`);
    const [output, ...more] = io.outputs;
    if (!output || more.length > 0 || output.type !== 'float32' || output.dims.length !== 2 || output.dims[1] !== 7) {
      return refuse(`its outputs are ${io.outputs.map(formatIo).join('; ')}, not one float32 [m, 7]`);
    }
    return accept(`${formatIo(input)} in, ${formatIo(output)} out`, {
      shape: {
        width: picture.width, height: picture.height, padValue: 114,
        fit: io.metadata.get('fit') === 'stretch' ? 'stretch' : 'letterbox',
        align: io.metadata.get('align') === 'top-left' ? 'top-left' : 'center',
        channels: io.metadata.get('channels') === 'bgr' ? 'bgr' : 'rgb',
      },
      input: picture, isBatchable: false, labels: labelsInFile(io.metadata),
      bind: (graph, inputs) => Object.fromEntries(io.inputs.filter((other) => other !== input).map(({ name, dims }) => {
        const threshold: Value = inputs[THRESHOLDS[name] ?? 'scoreMin' satisfies keyof CommonInputs];
        return [name, dims.length === 0 ? graph.reshape(threshold, []) : threshold];
      })),
      decode: (_, outputs) => ({ kind: 'rows', rows: outputs(output.name) }),
    });
  },
};
