import { formatIo } from '../graph/model-file.ts';
import type { ModelIo, TensorIo } from '../graph/model-file.ts';
import type { GraphBuilder, Value } from '../graph/graph-builder.ts';
import { COCO_90_LABELS, labelsFor } from '../labels.ts';
import type { PictureSize } from './grid.ts';
import { cornersOfRows, inPixels } from './grid.ts';
import { fixed, isFloat } from './network-input.ts';

/** More queries than any published detection transformer has (900); grids have more cells. */
export const QUERIES_MAX = 1000;

/** The two outputs of a detection transformer: class logits `[batch, queries, classes]`, boxes `[batch, queries, 4]`. */
export interface DetrOutputs { readonly logits: TensorIo; readonly boxes: TensorIo; readonly queries: number | undefined; readonly classes: number }

/** The doubt that all of them share: two tensors of these shapes do not say how they are meant. */
export const DETR_DOUBT = 'logits and boxes look alike in rt-detr (samples / 255, sigmoid), rf-detr (ImageNet mean, sigmoid) and detr (ImageNet mean, softmax with a class for nothing)';

/** The logits and boxes among the outputs, or why there are none. */
export function readDetrOutputs(io: ModelIo): DetrOutputs | string {
  const tensors = io.outputs.filter((output) => isFloat(output) && output.dims.length === 3);
  const fours = tensors.filter(({ dims }) => dims[2] === 4);
  const boxes = fours.length > 1 ? fours.find(({ name }) => /box/i.test(name)) : fours[0];
  const logits = tensors.find((output) => output !== boxes);
  const classes = fixed(logits?.dims[2]);
  if (!boxes || !logits || tensors.length !== 2 || io.outputs.length !== 2 || classes === undefined || classes < 1) {
    return `its outputs are ${io.outputs.map(formatIo).join('; ')}, not float32 [1, queries, classes] and [1, queries, 4]`;
  }
  const [left, right] = [fixed(logits.dims[1]), fixed(boxes.dims[1])];
  if (left !== undefined && right !== undefined && left !== right) return `its outputs ${formatIo(logits)} and ${formatIo(boxes)} are not of the same queries`;
  if ((left ?? right ?? 0) > QUERIES_MAX) return `its outputs have ${left ?? right} rows; transformers have at most ${QUERIES_MAX} queries`;
  return { logits, boxes, queries: left ?? right, classes };
}

/** Boxes given as centre and size in fractions of the picture, as corners in pixels. */
export function fractionsToCorners(graph: GraphBuilder, boxes: Value, picture: PictureSize): Value {
  return inPixels(graph, cornersOfRows(graph, boxes), picture);
}

/** With 91 classes their numbers are COCO's own categories. */
export function detrLabels(io: ModelIo, classes: number): readonly string[] {
  const labels = labelsFor(io.metadata, classes);
  return labels.length === 0 && classes === COCO_90_LABELS.length + 1 ? ['unused-0', ...COCO_90_LABELS] : labels;
}
