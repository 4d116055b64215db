import { formatIo } from '../graph/model-file.ts';
import { labelsInFile } from '../labels.ts';
import { accept, refuse } from './family.ts';
import type { ForeignModel, Match, ModelFamily } from './family.ts';
import { cellCount, classesFirst, inPixels } from './grid.ts';
import { traceTail } from './heads.ts';
import { fixed, FLOAT_PLANES, isFloat, readPicture } from './network-input.ts';

/** Boxes a cell of each stride. */
const ANCHORS = [[8, 3], [16, 2], [32, 2], [64, 3]] as const;

/**
 * UltraFace (Linzaer/Ultra-Light-Fast-Generic-Face-Detector-1MB), slim and RFB: RGB stretched, (x - 127) / 128; softmax of background and face, corners as
 * fractions of the picture. Its files without post-processing have the same tensors with raw offsets: the `Exp` of the decoding is missing from them.
 */
export const ultraface: ModelFamily = {
  type: 'ultraface',
  summary: 'UltraFace slim and RFB with post-processing: float [1, 3, height, width] in, scores [1, n, 2] and boxes [1, n, 4] out',
  examine(foreign: ForeignModel): Match {
    const { io, model } = foreign;
    const scores = io.outputs.find(({ dims }) => dims.length === 3 && dims[2] === 2);
    const boxes = io.outputs.find(({ dims }) => dims.length === 3 && dims[2] === 4);
    if (io.inputs.length !== 1 || io.outputs.length !== 2 || !scores || !boxes || !isFloat(scores) || !isFloat(boxes)) {
      return refuse(`its outputs are ${io.outputs.map(formatIo).join('; ')}, not float32 [1, n, 2] and [1, n, 4]`);
    }
    const picture = readPicture(foreign, { ...FLOAT_PLANES, multiple: 1, size: [320, 240] });
    if (typeof picture === 'string') return refuse(picture);
    const count = ANCHORS.reduce((sum, [stride, each]) => sum + each * cellCount(picture, [stride]), 0);
    if ([scores, boxes].some(({ dims }) => (fixed(dims[1]) ?? count) !== count)) return refuse(`its outputs have not the ${count} boxes of ${picture.width}x${picture.height}`);
    if (!traceTail(model, boxes.name).operators.has('Exp')) {
      return refuse(`'${boxes.name}' holds raw offsets, not boxes: no Exp decodes them behind the last layers; use the file with post-processing`);
    }
    if (!traceTail(model, scores.name).operators.has('Softmax')) return refuse(`'${scores.name}' holds no probabilities: no Softmax lies behind the last layers`);
    const own = labelsInFile(io.metadata);
    return accept(`${formatIo(scores)} after Softmax, ${formatIo(boxes)} decoded: the ${count} boxes of ${picture.width}x${picture.height}`, {
      shape: { width: picture.width, height: picture.height, fit: 'stretch', align: 'top-left', padValue: 0, channels: 'rgb' },
      input: { ...picture, mean: [127, 127, 127], deviation: [128, 128, 128] }, isBatchable: picture.isBatchable, labels: own.length > 0 ? own : ['face'],
      decode: (graph, outputs) => ({ kind: 'suppress', corners: inPixels(graph, outputs(boxes.name), picture), scores: classesFirst(graph, graph.slice(outputs(scores.name), 2, 1, 2)) }),
    });
  },
};
