import { formatIo } from '../graph/model-file.ts';
import type { GraphBuilder, Value } from '../graph/graph-builder.ts';
import { labelsInFile } from '../labels.ts';
import { accept, refuse } from './family.ts';
import type { Decoded, ForeignModel, Match, ModelFamily } from './family.ts';
import { fixed, FLOAT_PLANES, isFloat } from './network-input.ts';
import { readOneOutput } from './one-output.ts';
import { letterboxedRgb } from './ultralytics.ts';

/** Columns of a row: x1, y1, x2, y2, score, class. */
const COLUMNS = 6;

/** YOLOv10, and what Ultralytics exports with `nms=True`: boxes are chosen in the network. RGB / 255 in the middle of padding of 114. */
export const yolov10: ModelFamily = {
  type: 'yolov10',
  summary: 'YOLOv10 and Ultralytics exports with nms=True: float [1, 3, height, width] in, one output [1, n, 6]: corners in pixels, score, class',
  examine(foreign: ForeignModel): Match {
    const { io } = foreign;
    const read = readOneOutput(foreign, FLOAT_PLANES);
    if (typeof read === 'string') return refuse(read);
    const { picture, output } = read;
    if (!isFloat(output) || output.dims.length !== 3 || fixed(output.dims[2]) !== COLUMNS) return refuse(`its output is ${formatIo(output)}, not float32 [1, n, ${COLUMNS}]`);
    const task = io.metadata.get('task');
    if (task !== undefined && task !== 'detect') return refuse(`its metadata says that its task is '${task}'`);
    const labels = labelsInFile(io.metadata);
    return accept(`${formatIo(output)}: boxes that the network has chosen, with score and class`, { ...letterboxedRgb(picture), labels, decode: (graph, outputs) => decode(graph, outputs(output.name)) },
      labels.length > 0 ? undefined : 'six columns are also one class with box and objectness, or two classes with a box');
  },
};

function decode(graph: GraphBuilder, rows: Value): Decoded {
  const column = (at: number): Value => graph.reshape(graph.slice(rows, 2, at, at + 1), [0, -1]);
  return { kind: 'picked', corners: graph.slice(rows, 2, 0, 4), score: column(4), classId: column(5) };
}
