import { formatIo } from '../graph/model-file.ts';
import type { GraphBuilder, Value } from '../graph/graph-builder.ts';
import { labelsFor } from '../labels.ts';
import { accept, refuse } from './family.ts';
import type { Decoded, ForeignModel, Match, ModelFamily } from './family.ts';
import { bestClassOnly, cellCount, cornersOfRows } from './grid.ts';
import { hasArithmetic, traceTail } from './heads.ts';
import { fixed, FLOAT_PLANES, isFloat, readPicture } from './network-input.ts';
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
    const [output, ...moreOutputs] = io.outputs;
    if (!output || io.inputs.length !== 1 || moreOutputs.length > 0) return refuse(`it has ${io.inputs.length} inputs and ${io.outputs.length} outputs, not one of each`);
    const picture = readPicture(foreign, FLOAT_PLANES);
    if (typeof picture === 'string') return refuse(picture);
    if (!isFloat(output) || output.dims.length !== 3) return refuse(`its output is ${formatIo(output)}, not float32 [1, 4 + classes, cells]`);
    const counts = [cellCount(picture, STRIDES), cellCount(picture, [...STRIDES, 64])];
    const cells = fixed(output.dims[2]);
    if (cells !== undefined && !counts.includes(cells)) return refuse(`its output ${formatIo(output)} has neither ${counts.join(' nor ')} columns, the cells of ${picture.width}x${picture.height}`);
    const classes = (fixed(output.dims[1]) ?? NaN) - BOX_ROWS;
    if (!(classes >= 1)) return refuse(`its output ${formatIo(output)} has no row for a class`);
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
