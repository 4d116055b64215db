import type { FrameShape } from '../../messages/model-frame.ts';
import { formatIo } from '../graph/model-file.ts';
import type { TensorIo } from '../graph/model-file.ts';
import type { GraphBuilder, Value } from '../graph/graph-builder.ts';
import { COCO_LABELS, labelsFor, labelsInFile } from '../labels.ts';
import { DETR_DOUBT, detrLabels, fractionsToCorners, QUERIES_MAX, readDetrOutputs } from './detr-outputs.ts';
import { accept, refuse } from './family.ts';
import type { CommonInputs, ForeignModel, Match, ModelFamily, WrapPlan } from './family.ts';
import { isGridCount } from './grid.ts';
import { traceTail } from './heads.ts';
import { fixed, FLOAT_PLANES, isFloat, readPicture } from './network-input.ts';
import type { DeclaredPicture } from './network-input.ts';
import { contradiction } from './ultralytics.ts';

const SIZES = 'orig_target_sizes';

/**
 * RT-DETR (Zhao et al. 2023, arXiv:2304.08069), D-FINE and DEIM: RGB / 255 stretched, no suppression. Three exports: with `orig_target_sizes` and labels, boxes and
 * scores out (their own `export_onnx.py`); logits and boxes (Hugging Face); one output of boxes and scores (Ultralytics).
 */
export const rtDetr: ModelFamily = {
  type: 'rt-detr',
  summary: 'RT-DETR, D-FINE, DEIM: float [1, 3, height, width] in; labels, boxes and scores with orig_target_sizes, or logits [1, n, classes] and boxes [1, n, 4], or [1, n, 4 + classes]',
  examine(foreign: ForeignModel): Match {
    const picture = readPicture(foreign, FLOAT_PLANES);
    if (typeof picture === 'string') return refuse(picture);
    const { inputs, outputs } = foreign.io;
    if (inputs.some(({ name }) => name === SIZES)) return examineExported(foreign, picture);
    if (inputs.length !== 1) return refuse(`it has ${inputs.length} inputs, not the picture and perhaps ${SIZES}`);
    return outputs.length === 1 ? examineSingle(foreign, picture) : examineLogits(foreign, picture);
  },
};

function planOf(picture: DeclaredPicture): Pick<WrapPlan, 'shape' | 'input' | 'isBatchable'> {
  const shape: FrameShape = { width: picture.width, height: picture.height, fit: 'stretch', align: 'top-left', padValue: 0, channels: 'rgb' };
  return { shape, input: { ...picture, deviation: [255, 255, 255] }, isBatchable: picture.isBatchable };
}

/** The post-processing is inside; it scales boxes to the sizes it is told, width first. */
function examineExported({ io }: ForeignModel, picture: DeclaredPicture): Match {
  const named = (pattern: RegExp): TensorIo | undefined => io.outputs.find(({ name }) => pattern.test(name));
  const [labels, boxes, scores] = [named(/label|class/i), named(/box/i), named(/score/i)];
  const sizes = io.inputs.find(({ name }) => name === SIZES);
  if (io.inputs.length !== 2 || sizes?.type !== 'int64' || sizes.dims.length !== 2 || fixed(sizes.dims[1]) !== 2) return refuse(`its inputs are ${io.inputs.map(formatIo).join('; ')}, not a picture and ${SIZES} int64 [1, 2]`);
  if (!labels || !boxes || !scores || io.outputs.length !== 3 || !isFloat(boxes) || !isFloat(scores) || boxes.dims.length !== 3) {
    return refuse(`its outputs are ${io.outputs.map(formatIo).join('; ')}, not labels [1, n], boxes [1, n, 4] and scores [1, n]`);
  }
  const own = labelsInFile(io.metadata);
  return accept(`${SIZES} in; ${formatIo(labels)}, ${formatIo(boxes)}, ${formatIo(scores)} out`, {
    ...planOf(picture), labels: own.length > 0 ? own : COCO_LABELS,
    bind: (graph, inputs) => ({ [SIZES]: pictureSizes(graph, inputs, picture) }),
    decode: (_, outputs) => ({ kind: 'picked', corners: outputs(boxes.name), score: outputs(scores.name), classId: outputs(labels.name) }),
  });
}

/** The model's own size, once for each picture of the batch. */
function pictureSizes(graph: GraphBuilder, { frame }: CommonInputs, { width, height, isBatchable }: DeclaredPicture): Value {
  const one = graph.ints([width, height], [1, 2]);
  return isBatchable ? graph.op('Expand', [one, graph.op('Concat', [graph.slice(graph.op('Shape', [frame]), 0, 0, 1), graph.ints([2])], { axis: 0 })]) : one;
}

function examineLogits({ io, model }: ForeignModel, picture: DeclaredPicture): Match {
  const read = readDetrOutputs(io);
  if (typeof read === 'string') return refuse(read);
  const isLogit = !traceTail(model, read.logits.name).operators.has('Sigmoid');
  return accept(`${formatIo(read.logits)}${isLogit ? '' : ' after Sigmoid'}, ${formatIo(read.boxes)}: ${read.classes} classes`, {
    ...planOf(picture), labels: detrLabels(io, read.classes),
    decode: (graph, outputs) => ({
      kind: 'threshold', corners: fractionsToCorners(graph, outputs(read.boxes.name), picture),
      scores: isLogit ? graph.op('Sigmoid', [outputs(read.logits.name)]) : outputs(read.logits.name),
    }),
  }, DETR_DOUBT);
}

function examineSingle({ io }: ForeignModel, picture: DeclaredPicture): Match {
  const [output] = io.outputs;
  const classes = (fixed(output?.dims[2]) ?? NaN) - 4;
  if (!output || !isFloat(output) || output.dims.length !== 3 || !(classes >= 1)) return refuse(`its output is ${io.outputs.map(formatIo).join('; ')}, not float32 [1, queries, 4 + classes]`);
  const queries = fixed(output.dims[1]);
  if (queries === undefined || queries > QUERIES_MAX || classes > queries * 4) return refuse(`its output ${formatIo(output)} has not the rows of a transformer's queries, at most ${QUERIES_MAX}`);
  if (isGridCount(picture, queries)) return refuse(`its output ${formatIo(output)} has the rows of a grid over ${picture.width}x${picture.height}`);
  const against = contradiction(io, classes);
  if (against !== undefined) return refuse(against);
  const names = labelsInFile(io.metadata);
  return accept(`${formatIo(output)}: ${queries} queries, box and ${classes} classes`, {
    ...planOf(picture), labels: labelsFor(io.metadata, classes),
    decode: (graph, outputs) => ({ kind: 'threshold', corners: fractionsToCorners(graph, graph.slice(outputs(output.name), 2, 0, 4), picture), scores: graph.slice(outputs(output.name), 2, 4, 4 + classes) }),
  }, names.length > 0 || classes === COCO_LABELS.length ? undefined : `its ${classes} columns behind the box may be something other than classes: the file names none`);
}
