import { z } from 'zod';
import { PlatformError } from '../../engine/errors.ts';
import type { GraphBuilder, Value } from '../../inference/graph/graph-builder.ts';
import { defineEncoder, sideOption } from './encoder.ts';

const OPTIONS = z.strictObject({
  width: sideOption(128).describe('Width of the picture it works on, pixels.'),
  height: sideOption(72).describe('Height of it, pixels.'),
  cell: z.int().min(2).max(64).default(8).describe('Side of a cell, pixels.'),
  block: z.int().min(1).max(8).default(2).describe('Side of a block, cells: histograms are normalised within it.'),
  orientations: z.int().min(2).max(36).default(9).describe('Directions of a histogram, over half a turn.'),
  norm: z.enum(['l2-hys', 'l1']).default('l2-hys').describe('How the histograms of a block are normalised.'),
});

type Options = z.output<typeof OPTIONS>;

/** Of scikit-image. */
const EPSILON = 1e-5;

/** What L2-Hys cuts at. */
const HYSTERESIS = 0.2;

/**
 * Histograms of oriented gradients, Dalal and Triggs 2005, as `skimage.feature.hog` computes them: central differences, hard votes into unsigned
 * directions, no weighting by place. Shape `[blockRows, blockColumns, block, block, orientations]`.
 */
export const hog = defineEncoder({
  name: 'hog', version: '1', modalities: ['rgb', 'thermal', 'depth'],
  summary: 'Histograms of oriented gradients, equal to scikit-image: the shape of things.',
  options: OPTIONS,
  examples: [{}, { width: 64, height: 128, orientations: 9 }, { block: 3, norm: 'l1' }],
  plan: (options) => {
    const { width, height, cell, block } = options;
    const [rows, columns] = [Math.floor(height / cell), Math.floor(width / cell)];
    if (rows < block || columns < block) throw new PlatformError('CONFIG_INVALID', `encoder 'hog': a block of ${block} cells of ${cell} pixels does not fit into ${width} x ${height}`, { encoder: 'hog' });
    return {
      size: { width, height },
      shape: [rows - block + 1, columns - block + 1, block, block, options.orientations],
      write: (graph, picture) => {
        const { value, unit } = picture.intensity();
        const cells = graph.op('Mul', [histograms(graph, options, value), graph.float(unit / (cell * cell))]);
        return { feature: blocksOf(graph, options, cells) };
      },
    };
  },
});

/**
 * Sums of gradient magnitudes, `[n, orientations, rows, columns]`. The cotangent of a direction falls from one bin to the next, whichever way the
 * gradient points along it: one comparison a bin. On a level gradient it is 0 / 0, which is below nothing and stays in the first bin.
 */
function histograms(graph: GraphBuilder, { width, height, cell, orientations }: Options, picture: Value): Value {
  const [down, across] = gradients(graph, { width, height }, picture);
  const squared = graph.op('Mul', [down, down]);
  const magnitude = graph.op('Sqrt', [graph.op('Add', [squared, graph.op('Mul', [across, across])])]);
  const cotangent = graph.op('Div', [graph.op('Mul', [across, down]), squared]);
  const isPast = Array.from({ length: orientations - 1 }, (_, bin) => graph.op('LessOrEqual', [cotangent, graph.float(1 / Math.tan(Math.PI * (bin + 1) / orientations))]));
  const bins = Array.from({ length: orientations }, (_, bin): Value => {
    const [from, to] = [isPast[bin - 1], isPast[bin]];
    if (from !== undefined && to !== undefined) return graph.op('Xor', [from, to]);
    return from ?? graph.op('Not', [to ?? graph.bools([false], [])]);
  });
  const sums = bins.map((isIn) => cellSums(graph, { width, height, cell }, graph.op('Mul', [graph.cast(isIn, 'float32'), magnitude])));
  return graph.op('Concat', sums, { axis: 1 });
}

/** Differences down and across, 0 along the borders they would cross: a picture mirrored at its border pixel has the same on both sides of it. */
function gradients(graph: GraphBuilder, { width, height }: Pick<Options, 'width' | 'height'>, picture: Value): readonly [Value, Value] {
  const difference = (axis: 2 | 3, length: number): Value => {
    const mirrored = graph.op('Pad', [picture, graph.ints(axis === 2 ? [0, 0, 1, 0, 0, 0, 1, 0] : [0, 0, 0, 1, 0, 0, 0, 1])], { mode: 'reflect' });
    return graph.op('Sub', [graph.slice(mirrored, axis, 2, length + 2), graph.slice(mirrored, axis, 0, length)]);
  };
  return [difference(2, height), difference(3, width)];
}

/** Rows first, then columns: each is a reduction that runs at the speed of memory. */
function cellSums(graph: GraphBuilder, { width, height, cell }: Pick<Options, 'width' | 'height' | 'cell'>, values: Value): Value {
  const [rows, columns] = [Math.floor(height / cell), Math.floor(width / cell)];
  const whole = height % cell === 0 ? values : graph.slice(values, 2, 0, rows * cell);
  const byRow = graph.op('ReduceSum', [graph.reshape(whole, [-1, cell, width]), graph.ints([1])], { keepdims: 0 });
  const even = width % cell === 0 ? byRow : graph.slice(byRow, 1, 0, columns * cell);
  return graph.reshape(graph.op('ReduceSum', [graph.reshape(even, [-1, columns, cell]), graph.ints([2])], { keepdims: 0 }), [-1, 1, rows, columns]);
}

function blocksOf(graph: GraphBuilder, { width, height, cell, block, orientations, norm }: Options, cells: Value): Value {
  const [rows, columns] = [Math.floor(height / cell) - block + 1, Math.floor(width / cell) - block + 1];
  const places = Array.from({ length: block * block }, (_, index) => [Math.floor(index / block), index % block] as const);
  const shifted = places.map(([down, across]) => graph.slice(graph.slice(cells, 2, down, down + rows), 3, across, across + columns));
  const blocks = graph.op('Concat', shifted, { axis: 1 });
  const sum = (values: Value): Value => graph.op('ReduceSum', [values, graph.ints([1])]);
  const byLength = (values: Value): Value => (
    graph.op('Div', [values, graph.op('Sqrt', [graph.op('Add', [sum(graph.op('Mul', [values, values])), graph.float(EPSILON * EPSILON)])])])
  );
  const normalised = norm === 'l1'
    ? graph.op('Div', [blocks, graph.op('Add', [sum(blocks), graph.float(EPSILON)])])
    : byLength(graph.op('Min', [byLength(blocks), graph.float(HYSTERESIS)]));
  return graph.reshape(graph.op('Transpose', [normalised], { perm: [0, 2, 3, 1] }), [-1, rows, columns, block, block, orientations]);
}
