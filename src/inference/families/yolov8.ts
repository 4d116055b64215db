import { formatIo } from '../graph/model-file.ts';
import type { GraphBuilder, Value } from '../graph/graph-builder.ts';
import { labelsFor } from '../labels.ts';
import { accept, refuse } from './family.ts';
import type { Decoded, ForeignModel, Match, ModelFamily } from './family.ts';
import { bestClassOnly, cellCount, cornersOfRows } from './grid.ts';
import { hasArithmetic, traceTail } from './heads.ts';
import { fixed, FLOAT_PLANES } from './network-input.ts';
import { readClasses, readOneTable } from './one-output.ts';
import { columnDoubt, contradiction, letterboxedRgb } from './ultralytics.ts';

const STRIDES = [8, 16, 32];

/** Rows before the class scores: centre x, centre y, width, height. */
const BOX_ROWS = 4;

/** YOLOv8, v9, v11, v12 as Ultralytics exports them: no objectness, classes in rows, cells in columns; RGB / 255 in the middle of padding of 114. */
export const yolov8: ModelFamily = {
  type: 'yolov8',
  summary: 'YOLOv8, v9, v11, v12: float [1, 3, height, width] in, one output [1, 4 + classes, cells] of decoded boxes in pixels and classes, no objectness',
  examine(foreign: ForeignModel): Match {
    const { io, model } = foreign;
    const read = readOneTable(foreign, FLOAT_PLANES, '[1, 4 + classes, cells]');
    if (typeof read === 'string') return refuse(read);
    const { picture, output } = read;
    const counts = [cellCount(picture, STRIDES), cellCount(picture, [...STRIDES, 64])];
    const cells = fixed(output.dims[2]);
    if (cells !== undefined && !counts.includes(cells)) return refuse(`its output ${formatIo(output)} has neither ${counts.join(' nor ')} columns, the cells of ${picture.width}x${picture.height}`);
    const classes = readClasses(output, { dim: 1, taken: BOX_ROWS, place: 'row for a class' });
    if (typeof classes === 'string') return refuse(classes);
    const against = contradiction(io, classes);
    if (against !== undefined) return refuse(against);
    const tail = traceTail(model, output.name);
    if (!hasArithmetic(tail)) return refuse('its boxes are not decoded: nothing is computed behind its last layers');
    const isHeadFound = tail.channels.includes(classes);
    if (tail.channels.length > 0 && !isHeadFound) return refuse(`its last layers have ${tail.channels.join(', ')} channels, none ${classes} for the classes`);
    return accept(`${formatIo(output)}: ${cells ?? 'any number of'} cells over ${picture.width}x${picture.height}, decoded, ${classes} classes, no objectness`, {
      ...letterboxedRgb(picture), labels: labelsFor(io.metadata, classes), decode: (graph, outputs) => decode(graph, outputs(output.name), classes),
    }, isHeadFound ? undefined : columnDoubt(io, classes));
  },
};

function decode(graph: GraphBuilder, columns: Value, classes: number): Decoded {
  const boxes = graph.op('Transpose', [graph.slice(columns, 1, 0, BOX_ROWS)], { perm: [0, 2, 1] });
  return { kind: 'suppress', corners: cornersOfRows(graph, boxes), scores: bestClassOnly(graph, graph.slice(columns, 1, BOX_ROWS, BOX_ROWS + classes), 1) };
}
