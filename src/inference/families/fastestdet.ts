import { formatIo } from '../graph/model-file.ts';
import type { GraphBuilder, Value } from '../graph/graph-builder.ts';
import { labelsFor } from '../labels.ts';
import { accept, refuse } from './family.ts';
import type { Decoded, ForeignModel, Match, ModelFamily } from './family.ts';
import { bestClassOnly, cornersOf, gridOf } from './grid.ts';
import type { PictureSize } from './grid.ts';
import { traceTail } from './heads.ts';
import { fixed, FLOAT_PLANES, isFloat } from './network-input.ts';
import { readClasses, readOneOutput } from './one-output.ts';

const STRIDE = 16;

/** Channels before the class scores: objectness and four of the box. */
const BOX_CHANNELS = 5;

/** FastestDet (dog-qiuqiu/FastestDet): BGR / 255 stretched; one grid of stride 16 with objectness, box and classes in channels, scores finished by the network. */
export const fastestdet: ModelFamily = {
  type: 'fastestdet',
  summary: 'FastestDet: float [1, 3, height, width] in, one output [1, 5 + classes, height / 16, width / 16]',
  examine(foreign: ForeignModel): Match {
    const { io, model } = foreign;
    const read = readOneOutput(foreign, { ...FLOAT_PLANES, size: [352, 352] });
    if (typeof read === 'string') return refuse(read);
    const { picture, output } = read;
    const [rows, columns] = [picture.height / STRIDE, picture.width / STRIDE];
    const [, , height, width] = output.dims.map(fixed);
    if (!isFloat(output) || output.dims.length !== 4 || (height ?? rows) !== rows || (width ?? columns) !== columns) {
      return refuse(`its output is ${formatIo(output)}, not float32 [1, 5 + classes, ${rows}, ${columns}]`);
    }
    const classes = readClasses(output, { dim: 1, taken: BOX_CHANNELS, place: 'channel for a class' });
    if (typeof classes === 'string') return refuse(classes);
    const tail = traceTail(model, output.name);
    if (!tail.operators.has('Sigmoid') || !tail.operators.has('Softmax')) return refuse('its scores are not finished: objectness lacks a Sigmoid or classes a Softmax');
    return accept(`${formatIo(output)}: one grid of stride ${STRIDE} over ${picture.width}x${picture.height}, ${classes} classes`, {
      shape: { width: picture.width, height: picture.height, fit: 'stretch', align: 'top-left', padValue: 0, channels: 'bgr' },
      input: { ...picture, deviation: [255, 255, 255] }, isBatchable: picture.isBatchable, labels: labelsFor(io.metadata, classes),
      decode: (graph, outputs) => decode(graph, outputs(output.name), picture, classes),
    });
  },
};

/** Score = objectness^0.6 * class^0.4; centre = (cell + tanh) * stride, size = sigmoid * picture (FastestDet `handle_preds`). */
function decode(graph: GraphBuilder, channels: Value, picture: PictureSize, classes: number): Decoded {
  const cells = graph.reshape(channels, [0, BOX_CHANNELS + classes, -1]);
  const pow = (value: Value, exponent: number): Value => graph.op('Pow', [value, graph.float(exponent)]);
  const best = bestClassOnly(graph, graph.slice(cells, 1, BOX_CHANNELS, BOX_CHANNELS + classes), 1);
  const scores = graph.op('Mul', [pow(graph.slice(cells, 1, 0, 1), 0.6), pow(best, 0.4)]);
  const box = graph.op('Transpose', [graph.slice(cells, 1, 1, BOX_CHANNELS)], { perm: [0, 2, 1] });
  const { cell, stride } = gridOf(graph, picture, [STRIDE]);
  const center = graph.op('Mul', [graph.op('Add', [graph.op('Tanh', [graph.slice(box, 2, 0, 2)]), cell]), stride]);
  const size = graph.op('Mul', [graph.op('Sigmoid', [graph.slice(box, 2, 2, 4)]), graph.floats([picture.width, picture.height], [1, 1, 2])]);
  return { kind: 'suppress', corners: cornersOf(graph, center, size), scores };
}
