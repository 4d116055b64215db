import { formatIo } from '../graph/model-file.ts';
import type { GraphBuilder, Value } from '../graph/graph-builder.ts';
import { labelsInFile } from '../labels.ts';
import { accept, refuse } from './family.ts';
import type { Decoded, ForeignModel, Match, ModelFamily } from './family.ts';
import type { PictureSize } from './grid.ts';
import { traceTail } from './heads.ts';
import { IMAGENET } from './imagenet.ts';
import { fixed, FLOAT_PLANES, isFloat } from './network-input.ts';
import { readOneOutput } from './one-output.ts';

/** One label for the whole picture: RGB stretched, ImageNet's mean and deviation. Every class above the least score is a box over the picture. */
export const classifier: ModelFamily = {
  type: 'classifier',
  summary: 'a classifier as torchvision exports it: float [1, 3, height, width] in, [1, classes] out, with or without Softmax',
  examine(foreign: ForeignModel): Match {
    const { io, model } = foreign;
    const read = readOneOutput(foreign, { ...FLOAT_PLANES, multiple: 1, size: [224, 224] });
    if (typeof read === 'string') return refuse(read);
    const { picture, output } = read;
    const [, columns, ...ones] = output.dims;
    const classes = fixed(columns);
    if (!isFloat(output) || classes === undefined || classes < 2 || !(ones.length === 0 || (ones.length === 2 && ones.every((dim) => dim === 1)))) {
      return refuse(`its output is ${formatIo(output)}, not float32 [1, classes]`);
    }
    const isLogit = !traceTail(model, output.name).operators.has('Softmax');
    const labels = labelsInFile(io.metadata);
    if (labels.length > 0 && labels.length !== classes) return refuse(`its metadata names ${labels.length} classes, its output has columns for ${classes}`);
    return accept(`${formatIo(output)}: ${classes} classes of the whole picture, ${isLogit ? 'Softmax is added' : 'after Softmax'}`, {
      shape: { width: picture.width, height: picture.height, fit: 'stretch', align: 'top-left', padValue: 0, channels: 'rgb' },
      input: { ...picture, ...IMAGENET }, isBatchable: picture.isBatchable, labels,
      decode: (graph, outputs) => decode(graph, outputs(output.name), { picture, classes, isLogit }),
    }, isLogit && labels.length === 0 ? `${classes} numbers without Softmax and names may be an embedding as well as classes` : undefined);
  },
};

function decode(graph: GraphBuilder, output: Value, { picture, classes, isLogit }: { readonly picture: PictureSize; readonly classes: number; readonly isLogit: boolean }): Decoded {
  const flat = graph.reshape(output, [-1, classes]);
  const scores = graph.reshape(isLogit ? graph.op('Softmax', [flat], { axis: 1 }) : flat, [-1, 1, classes]);
  const zeros = graph.op('Mul', [graph.slice(scores, 2, 0, 1), graph.float(0)]);
  return { kind: 'threshold', corners: graph.op('Add', [zeros, graph.floats([0, 0, picture.width, picture.height], [1, 1, 4])]), scores };
}
