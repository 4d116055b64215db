import type { GraphBuilder, Value } from '../graph/graph-builder.ts';

/** Size of a picture in pixels. */
export interface PictureSize { readonly width: number; readonly height: number }

/** Cells of the grids that strides lay over a picture; a last cell may reach beyond its edge. */
export function cellCount({ width, height }: PictureSize, strides: readonly number[]): number {
  return strides.reduce((sum, stride) => sum + Math.ceil(width / stride) * Math.ceil(height / stride), 0);
}

/** Whether so many rows are those of a grid detector: one or three a cell of the usual strides, with or without a fourth one. */
export function isGridCount(picture: PictureSize, rows: number): boolean {
  const counts = [cellCount(picture, [8, 16, 32]), cellCount(picture, [8, 16, 32, 64])];
  return counts.some((count) => rows === count || rows === count * 3);
}

/** The grids of strides as constants, row-major, one stride after the other: column and row `[1, cells, 2]`, stride `[1, cells, 1]`. */
export function gridOf(graph: GraphBuilder, { width, height }: PictureSize, strides: readonly number[]): { readonly cell: Value; readonly stride: Value } {
  const cells: number[] = [];
  const steps: number[] = [];
  for (const stride of strides) {
    for (let row = 0; row < Math.ceil(height / stride); row++) {
      for (let column = 0; column < Math.ceil(width / stride); column++) {
        cells.push(column, row);
        steps.push(stride);
      }
    }
  }
  return { cell: graph.floats(cells, [1, steps.length, 2]), stride: graph.floats(steps, [1, steps.length, 1]) };
}

/** Corners `[batch, n, 4]` of boxes given by centre and size, `[batch, n, 2]` each. */
export function cornersOf(graph: GraphBuilder, center: Value, size: Value): Value {
  const half = graph.op('Mul', [size, graph.float(0.5)]);
  return graph.op('Concat', [graph.op('Sub', [center, half]), graph.op('Add', [center, half])], { axis: 2 });
}

/** Corners of rows `[batch, n, 4 or more]` that begin with centre x, centre y, width and height. */
export function cornersOfRows(graph: GraphBuilder, rows: Value): Value {
  return cornersOf(graph, graph.slice(rows, 2, 0, 2), graph.slice(rows, 2, 2, 4));
}

/** Fractions of the picture `[batch, n, 4]`, x and y in turn, as pixels. */
export function inPixels(graph: GraphBuilder, corners: Value, { width, height }: PictureSize): Value {
  return graph.op('Mul', [corners, graph.floats([width, height, width, height], [1, 1, 4])]);
}

/** The scores of each candidate's best class, 0 for its others. `axis` is that of the classes. */
export function bestClassOnly(graph: GraphBuilder, scores: Value, axis: number): Value {
  const best = graph.opset >= 18
    ? graph.op('ReduceMax', [scores, graph.ints([axis])], { keepdims: 1 })
    : graph.op('ReduceMax', [scores], { axes: [axis], keepdims: 1 });
  return graph.op('Where', [graph.op('Equal', [scores, best]), scores, graph.float(0)]);
}

/** `[batch, n, classes]` as suppression wants it, `[batch, classes, n]`. */
export function classesFirst(graph: GraphBuilder, scores: Value): Value {
  return graph.op('Transpose', [scores], { perm: [0, 2, 1] });
}

/** Numbers `[k]` of the rows of one picture whose value of `[1, n, 1]` is above a threshold of one value. */
export function likelyRows(graph: GraphBuilder, values: Value, threshold: Value): Value {
  return graph.reshape(graph.op('NonZero', [graph.op('Greater', [graph.reshape(values, [-1]), threshold])]), [-1]);
}
