import type { ModelFrame } from '../messages/model-frame.ts';
import type { GraphBuilder, Value } from './graph/graph-builder.ts';

/** Name of the graph input that says how frames lie in their sources: float32 `[batch, 6]`: scale x, scale y, pad x, pad y, source width, source height. */
export const GEOMETRY = 'geometry';

/** Columns of `geometry`. */
export const GEOMETRY_COLUMNS = 6;

/** Rows of `geometry` for frames, row-major. */
export function geometryOf(frames: readonly ModelFrame[]): Float32Array {
  const rows = new Float32Array(frames.length * GEOMETRY_COLUMNS);
  frames.forEach((frame, at) => rows.set([frame.scaleX, frame.scaleY, frame.padX, frame.padY, frame.sourceWidth, frame.sourceHeight], at * GEOMETRY_COLUMNS));
  return rows;
}

/** Corners `[m, 4]` of model pixels in source pixels, inside the picture. `geometry` is `[m, 6]` or `[1, 6]`. */
export function inSource(graph: GraphBuilder, corners: Value, geometry: Value): Value {
  const columns = (...indexes: readonly number[]): Value => graph.op('Gather', [geometry, graph.ints(indexes)], { axis: 1 });
  const unpadded = graph.op('Sub', [corners, columns(2, 3, 2, 3)]);
  const scaled = graph.op('Div', [unpadded, columns(0, 1, 0, 1)]);
  return graph.op('Min', [graph.op('Max', [scaled, graph.float(0)]), columns(4, 5, 4, 5)]);
}

/** Rows `[m, 7]` whose corners are in model pixels, with corners in source pixels. `geometry` is `[1, 6]`. */
export function rowsInSource(graph: GraphBuilder, rows: Value, geometry: Value): Value {
  return graph.op('Concat', [graph.slice(rows, 1, 0, 3), inSource(graph, graph.slice(rows, 1, 3, 7), geometry)], { axis: 1 });
}
