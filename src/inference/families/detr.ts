import { formatIo } from '../graph/model-file.ts';
import { DETR_DOUBT, detrLabels, fractionsToCorners, readDetrOutputs } from './detr-outputs.ts';
import { accept, refuse } from './family.ts';
import type { ForeignModel, Match, ModelFamily } from './family.ts';
import { IMAGENET } from './imagenet.ts';
import { FLOAT_PLANES, readPicture } from './network-input.ts';

/** DETR (Carion et al. 2020, arXiv:2005.12872): RGB stretched, ImageNet's mean and deviation; a softmax over the classes, whose last column stands for nothing. */
export const detr: ModelFamily = {
  type: 'detr',
  summary: 'DETR: float [1, 3, height, width] in, logits [1, n, classes + 1] and boxes [1, n, 4] out, a softmax whose last column stands for nothing',
  examine(foreign: ForeignModel): Match {
    const picture = readPicture(foreign, { ...FLOAT_PLANES, multiple: 1, size: [800, 800] });
    if (typeof picture === 'string') return refuse(picture);
    if (foreign.io.inputs.length !== 1) return refuse(`it has ${foreign.io.inputs.length} inputs, not one`);
    const read = readDetrOutputs(foreign.io);
    if (typeof read === 'string') return refuse(read);
    const classes = read.classes - 1;
    if (classes < 1) return refuse(`its output ${formatIo(read.logits)} has no class beside the one for nothing`);
    return accept(`${formatIo(read.logits)}, ${formatIo(read.boxes)}: ${classes} classes and nothing`, {
      shape: { width: picture.width, height: picture.height, fit: 'stretch', align: 'top-left', padValue: 0, channels: 'rgb' },
      input: { ...picture, ...IMAGENET }, isBatchable: picture.isBatchable, labels: detrLabels(foreign.io, classes),
      decode: (graph, outputs) => ({
        kind: 'threshold', corners: fractionsToCorners(graph, outputs(read.boxes.name), picture),
        scores: graph.slice(graph.op('Softmax', [outputs(read.logits.name)], { axis: 2 }), 2, 0, classes),
      }),
    }, DETR_DOUBT);
  },
};
