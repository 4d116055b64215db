import { formatIo } from '../graph/model-file.ts';
import type { GraphBuilder, Value } from '../graph/graph-builder.ts';
import { labelsFor } from '../labels.ts';
import { accept, refuse } from './family.ts';
import type { Decoded, ForeignModel, Match, ModelFamily } from './family.ts';
import { bestClassOnly, cellCount, classesFirst, cornersOfRows } from './grid.ts';
import { hasArithmetic, traceTail } from './heads.ts';
import { fixed, FLOAT_PLANES } from './network-input.ts';
import { readClasses, readOneTable } from './one-output.ts';
import { columnDoubt, contradiction, letterboxedRgb } from './ultralytics.ts';

const STRIDES = [8, 16, 32];
const ANCHORS = 3;

/** Columns before the class scores: centre x, centre y, width, height, objectness. */
const BOX_COLUMNS = 5;

/** YOLOv5, v7 and others that export decoded rows with an objectness: RGB / 255 in the middle of padding of 114. YOLOv6 has one row a cell, the others three. */
export const yolov5: ModelFamily = {
  type: 'yolov5',
  summary: 'YOLOv5, v6, v7: float [1, 3, height, width] in, one output [1, n, 5 + classes] of decoded boxes in pixels, objectness and classes',
  examine(foreign: ForeignModel): Match {
    const { io, model } = foreign;
    const read = readOneTable(foreign, FLOAT_PLANES, '[1, n, 5 + classes]');
    if (typeof read === 'string') return refuse(read);
    const { picture, output } = read;
    const cells = cellCount(picture, STRIDES);
    const counts = [cells * ANCHORS, cellCount(picture, [...STRIDES, 64]) * ANCHORS, cells];
    const rows = fixed(output.dims[1]);
    if (rows !== undefined && !counts.includes(rows)) return refuse(`its output ${formatIo(output)} has none of the ${counts.join(', ')} rows of ${picture.width}x${picture.height}`);
    const classes = readClasses(output, { dim: 2, taken: BOX_COLUMNS, place: 'column for a class' });
    if (typeof classes === 'string') return refuse(classes);
    const against = contradiction(io, classes);
    if (against !== undefined) return refuse(against);
    const tail = traceTail(model, output.name);
    if (!hasArithmetic(tail)) return refuse('its boxes are not decoded: nothing is computed behind its last layers');
    if (rows === cells && tail.operators.has('Exp')) return refuse('one row a cell with sizes as exponentials is decoded as YOLOX does it');
    const isTraced = rows !== cells || tail.channels.length > 0;
    return accept(`${formatIo(output)}: ${rows ?? 'any number of'} rows over ${picture.width}x${picture.height}, decoded, objectness, ${classes} classes`, {
      ...letterboxedRgb(picture), labels: labelsFor(io.metadata, classes), decode: (graph, outputs) => decode(graph, outputs(output.name), classes),
    }, isTraced ? columnDoubt(io, classes) : 'one row a cell, and no convolution is found before it: whether its boxes are decoded cannot be told');
  },
};

function decode(graph: GraphBuilder, rows: Value, classes: number): Decoded {
  const each = bestClassOnly(graph, graph.slice(rows, 2, BOX_COLUMNS, BOX_COLUMNS + classes), 2);
  return { kind: 'suppress', corners: cornersOfRows(graph, rows), scores: classesFirst(graph, graph.op('Mul', [graph.slice(rows, 2, 4, BOX_COLUMNS), each])) };
}
