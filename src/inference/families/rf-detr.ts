import { formatIo } from '../graph/model-file.ts';
import { DETR_DOUBT, detrLabels, fractionsToCorners, readDetrOutputs } from './detr-outputs.ts';
import { accept, refuse } from './family.ts';
import type { ForeignModel, Match, ModelFamily } from './family.ts';
import { IMAGENET } from './imagenet.ts';
import { FLOAT_PLANES, readPicture } from './network-input.ts';

/** RF-DETR and LW-DETR (roboflow/rf-detr, arXiv:2406.03459): RGB stretched, ImageNet's mean and deviation, a sigmoid per class, no suppression. */
export const rfDetr: ModelFamily = {
  type: 'rf-detr',
  summary: 'RF-DETR, LW-DETR: float [1, 3, height, width] in, logits [1, n, classes] and boxes [1, n, 4] out, a sigmoid per class',
  examine(foreign: ForeignModel): Match {
    const picture = readPicture(foreign, { ...FLOAT_PLANES, multiple: 1, size: [560, 560] });
    if (typeof picture === 'string') return refuse(picture);
    if (foreign.io.inputs.length !== 1) return refuse(`it has ${foreign.io.inputs.length} inputs, not one`);
    const read = readDetrOutputs(foreign.io);
    if (typeof read === 'string') return refuse(read);
    return accept(`${formatIo(read.logits)}, ${formatIo(read.boxes)}: ${read.classes} classes`, {
      shape: { width: picture.width, height: picture.height, fit: 'stretch', align: 'top-left', padValue: 0, channels: 'rgb' },
      input: { ...picture, ...IMAGENET }, isBatchable: picture.isBatchable, labels: detrLabels(foreign.io, read.classes),
      decode: (graph, outputs) => ({ kind: 'threshold', corners: fractionsToCorners(graph, outputs(read.boxes.name), picture), scores: graph.op('Sigmoid', [outputs(read.logits.name)]) }),
    }, DETR_DOUBT);
  },
};
