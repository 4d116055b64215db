import { z } from 'zod';
import type { GraphBuilder, Value } from '../../inference/graph/graph-builder.ts';
import type { PictureSize } from '../modalities/modality.ts';
import { cellOf, defineEncoder, sideOption } from './encoder.ts';

const OPTIONS = z.strictObject({
  width: sideOption(128).describe('Width of the picture it works on, pixels.'),
  height: sideOption(72).describe('Height of it, pixels.'),
  columns: z.int().min(1).max(64).default(4).describe('Cells across; a histogram each. They must divide the width.'),
  rows: z.int().min(1).max(64).default(3).describe('Cells down. They must divide the height.'),
});

/** The eight neighbours in a circle: down, across. */
const CIRCLE = [[0, 1], [-1, 1], [-1, 0], [-1, -1], [0, -1], [1, -1], [1, 0], [1, 1]] as const;

/** Patterns with 0 to 8 neighbours at least as bright, in one arc; and all others. */
const PATTERNS = CIRCLE.length + 2;

/**
 * Local binary patterns, uniform and rotation invariant (Ojala, Pietikäinen and Mäenpää 2002), over the eight pixels around each, at the
 * border over its repetition: shares of the pixels of a cell by pattern. Shape `[rows, columns, 10]`.
 */
export const lbp = defineEncoder({
  name: 'lbp', version: '1', modalities: ['rgb', 'thermal'],
  summary: 'Local binary patterns: texture, whatever the light.',
  options: OPTIONS,
  examples: [{}, { columns: 8, rows: 6 }],
  plan: ({ width, height, columns, rows }) => {
    const cell = cellOf('lbp', { width, height }, { columns, rows });
    return {
      size: { width, height },
      shape: [rows, columns, PATTERNS],
      write: (graph, picture) => {
        const pattern = patterns(graph, { width, height }, picture.intensity().value);
        const is = graph.cast(graph.op('Equal', [pattern, graph.floats(Array.from({ length: PATTERNS }, (_, index) => index), [1, PATTERNS, 1, 1])]), 'float32');
        const shares = graph.op('AveragePool', [is], { kernel_shape: [cell.height, cell.width], strides: [cell.height, cell.width] });
        return { feature: graph.op('Transpose', [shares], { perm: [0, 2, 3, 1] }) };
      },
    };
  },
});

/** The pattern of each pixel, 0 to 9, `[n, 1, height, width]`. */
function patterns(graph: GraphBuilder, { width, height }: PictureSize, picture: Value): Value {
  const around = graph.op('Pad', [picture, graph.ints([0, 0, 1, 1, 0, 0, 1, 1])], { mode: 'edge' });
  const isBright = CIRCLE.map(([down, across]) => {
    const neighbour = graph.slice(graph.slice(around, 2, 1 + down, 1 + down + height), 3, 1 + across, 1 + across + width);
    return graph.cast(graph.op('GreaterOrEqual', [neighbour, picture]), 'float32');
  });
  const changes = graph.op('Sum', isBright.map((bit, index) => graph.op('Abs', [graph.op('Sub', [bit, isBright.at(index - 1) ?? bit])])));
  return graph.op('Where', [graph.op('Less', [changes, graph.float(2.5)]), graph.op('Sum', isBright), graph.float(PATTERNS - 1)]);
}
