import { formatIo } from '../graph/model-file.ts';
import type { GraphBuilder, Value } from '../graph/graph-builder.ts';
import { labelsFor } from '../labels.ts';
import { accept, refuse } from './family.ts';
import type { Decoded, ForeignModel, Match, ModelFamily } from './family.ts';
import { bestClassOnly, cellCount, classesFirst, cornersOf, cornersOfRows, gridOf, likelyRows } from './grid.ts';
import type { PictureSize } from './grid.ts';
import { hasArithmetic, traceTail } from './heads.ts';
import { fixed, FLOAT_PLANES } from './network-input.ts';
import { readClasses, readOneTable } from './one-output.ts';

const STRIDES = [8, 16, 32];

/** Columns before the class scores: x, y, width, height, objectness. */
const BOX_COLUMNS = 5;

/**
 * YOLOX (Ge et al. 2021, arXiv:2107.08430): BGR 0..255 top-left in padding of 114; rows of box, objectness and classes over the grids of strides 8, 16 and 32.
 * As its exporter writes it, boxes are dx, dy, log w, log h; with `--decode_in_inference` centre and size in pixels, told by an `Exp` behind the last convolutions.
 * Models older than release 0.2 (mean and deviation taken off) look the same and are not meant.
 */
export const yolox: ModelFamily = {
  type: 'yolox',
  summary: 'YOLOX: float [1, 3, height, width] in, one output [1, cells, 5 + classes], boxes decoded or not',
  examine(foreign: ForeignModel): Match {
    const { io, model } = foreign;
    const read = readOneTable(foreign, FLOAT_PLANES, '[1, cells, 5 + classes]');
    if (typeof read === 'string') return refuse(read);
    const { picture, output } = read;
    const cells = cellCount(picture, STRIDES);
    if ((fixed(output.dims[1]) ?? cells) !== cells) return refuse(`its output ${formatIo(output)} has not the ${cells} cells of strides ${STRIDES.join(', ')}`);
    const classes = readClasses(output, { dim: 2, taken: BOX_COLUMNS, place: 'column for a class' });
    if (typeof classes === 'string') return refuse(classes);
    const tail = traceTail(model, output.name);
    const isDecoded = tail.operators.has('Exp');
    if (tail.channels.length > 0) {
      if (![1, 4, classes].every((count) => tail.channels.includes(count))) return refuse(`its last layers have ${tail.channels.join(', ')} channels, not 4 (box), 1 (objectness) and ${classes} (classes)`);
      if (!isDecoded && hasArithmetic(tail)) return refuse('its boxes are computed behind the last convolutions, but not as exponentials');
    }
    const form = isDecoded ? 'decoded' : 'not decoded';
    return accept(`${formatIo(output)}: ${cells} cells of strides ${STRIDES.join(', ')} over ${picture.width}x${picture.height}, ${classes} classes, ${form}`, {
      shape: { width: picture.width, height: picture.height, fit: 'letterbox', align: 'top-left', padValue: 114, channels: 'bgr' },
      input: picture, isBatchable: picture.isBatchable, labels: labelsFor(io.metadata, classes),
      decode: (graph, outputs, { scoreMin }) => decode(graph, outputs(output.name), { picture, classes, isDecoded, scoreMin: picture.isBatchable ? undefined : scoreMin }),
    }, tail.channels.length > 0 ? undefined : 'no convolution is found before its output, so that boxes decoded by another rule cannot be ruled out');
  },
};

interface RowForm { readonly picture: PictureSize; readonly classes: number; readonly isDecoded: boolean; readonly scoreMin: Value | undefined }

/** With `scoreMin` there is one picture, and only cells whose objectness is above it are looked at: no class is above 1, and most cells show nothing. */
function decode(graph: GraphBuilder, all: Value, { picture, classes, isDecoded, scoreMin }: RowForm): Decoded {
  const likely = scoreMin === undefined ? undefined : likelyRows(graph, graph.slice(all, 2, 4, BOX_COLUMNS), scoreMin);
  const pick = (values: Value): Value => (likely === undefined ? values : graph.op('Gather', [values, likely], { axis: 1 }));
  const rows = pick(all);
  const each = graph.slice(rows, 2, BOX_COLUMNS, BOX_COLUMNS + classes);
  // One class a box, as YOLOX's `postprocess` does.
  const scores = graph.op('Mul', [graph.slice(rows, 2, 4, BOX_COLUMNS), bestClassOnly(graph, each, 2)]);
  const { cell, stride } = gridOf(graph, picture, STRIDES);
  const corners = isDecoded ? cornersOfRows(graph, rows) : offsetsToCorners(graph, rows, { cell: pick(cell), stride: pick(stride) });
  return { kind: 'suppress', corners, scores: classesFirst(graph, scores) };
}

/** Centre = (offset + cell) * stride, size = exp(log size) * stride (YOLOX `decode_outputs`). */
function offsetsToCorners(graph: GraphBuilder, rows: Value, { cell, stride }: { readonly cell: Value; readonly stride: Value }): Value {
  const center = graph.op('Mul', [graph.op('Add', [graph.slice(rows, 2, 0, 2), cell]), stride]);
  return cornersOf(graph, center, graph.op('Mul', [graph.op('Exp', [graph.slice(rows, 2, 2, 4)]), stride]));
}
