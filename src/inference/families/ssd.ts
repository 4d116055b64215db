import { formatIo } from '../graph/model-file.ts';
import type { TensorIo } from '../graph/model-file.ts';
import type { GraphBuilder, Value } from '../graph/graph-builder.ts';
import { COCO_90_LABELS, labelsInFile } from '../labels.ts';
import { accept, refuse } from './family.ts';
import type { Decoded, ForeignModel, Match, ModelFamily, Outputs } from './family.ts';
import { inPixels } from './grid.ts';
import type { PictureSize } from './grid.ts';
import { layerChannels } from './heads.ts';
import { isFloat, readPicture } from './network-input.ts';

/** Class scores a box of a model that is trained on COCO: 90 categories and background. */
const COCO_COLUMNS = 91;

const PARTS = { boxes: 'detection_boxes', classes: 'detection_classes', scores: 'detection_scores' } as const;

/**
 * Detectors of TensorFlow's Object Detection API (SSD, EfficientDet, Faster R-CNN) as tf2onnx converts them: uint8 RGB, resized, suppressed and cut to the best
 * inside. Corners come as y1, x1, y2, x2 in fractions of the picture, classes from 1 on: here the first of the label map is class 0.
 */
export const ssd: ModelFamily = {
  type: 'ssd',
  summary: 'TensorFlow Object Detection API: uint8 [1, height, width, 3] in, detection_boxes, detection_classes and detection_scores out',
  examine(foreign: ForeignModel): Match {
    const { io, model } = foreign;
    const [boxes, classes, scores] = [findOutput(io.outputs, PARTS.boxes), findOutput(io.outputs, PARTS.classes), findOutput(io.outputs, PARTS.scores)];
    if (!boxes || !classes || !scores) return refuse(`its outputs are ${io.outputs.map(formatIo).join('; ')}, not ${Object.values(PARTS).join(', ')}: classes and scores are told apart by name`);
    if (!isFloat(boxes) || !isFloat(scores)) return refuse(`its outputs ${formatIo(boxes)} and ${formatIo(scores)} are no floats`);
    if (io.inputs.length !== 1) return refuse(`it has ${io.inputs.length} inputs, not one`);
    const picture = readPicture(foreign, { types: ['uint8'], layout: 'nhwc', multiple: 1, size: [640, 640] });
    if (typeof picture === 'string') return refuse(picture);
    const own = labelsInFile(io.metadata);
    // Suppression lies behind the predictors, so they are looked for anywhere: anchors * 91 channels are a coincidence nowhere else.
    const isCoco = [...layerChannels(model)].some((count) => count % COCO_COLUMNS === 0);
    return accept(`${formatIo(boxes)}, ${formatIo(classes)}, ${formatIo(scores)}: boxes that the network has chosen${isCoco ? ', trained on the 90 COCO categories' : ''}`, {
      shape: { width: picture.width, height: picture.height, fit: 'stretch', align: 'top-left', padValue: 0, channels: 'rgb' },
      input: picture, isBatchable: picture.isBatchable, labels: own.length > 0 ? own : isCoco ? COCO_90_LABELS : [],
      decode: (graph, outputs) => decode(graph, outputs, { boxes: boxes.name, classes: classes.name, scores: scores.name, picture }),
    });
  },
};

/** Exporters add scope names before and `:0` behind. */
function findOutput(outputs: readonly TensorIo[], part: string): TensorIo | undefined {
  return outputs.find(({ name }) => {
    const stem = name.replace(/:\d+$/, '').split('/').at(-1) ?? '';
    return stem === part;
  });
}

function decode(graph: GraphBuilder, outputs: Outputs, names: { readonly boxes: string; readonly classes: string; readonly scores: string; readonly picture: PictureSize }): Decoded {
  const flat = (value: Value): Value => graph.reshape(value, [0, -1]);
  const corners = graph.op('Gather', [outputs(names.boxes), graph.ints([1, 0, 3, 2])], { axis: 2 });
  return {
    kind: 'picked', corners: inPixels(graph, corners, names.picture), score: flat(outputs(names.scores)),
    classId: graph.op('Sub', [flat(outputs(names.classes)), graph.float(1)]),
  };
}
