import { z } from 'zod';
import { cellOf, defineEncoder, sideOption } from './encoder.ts';

const OPTIONS = z.strictObject({
  width: sideOption(64).describe('Width of the picture it works on, pixels.'),
  height: sideOption(36).describe('Height of it, pixels.'),
  columns: z.int().min(1).max(64).default(8).describe('Cells across; a value each. They must divide the width.'),
  rows: z.int().min(1).max(64).default(6).describe('Cells down. They must divide the height.'),
  memory: z.number().min(0).max(0.99).default(0).describe('Share of the energy before that stays: 0 is the change from one picture to the next, 0.9 is that of some ten pictures.'),
});

/**
 * Mean change of intensity since the picture before, by cell: a share of white, or degrees of a radiometric camera. 0 for the first picture of a
 * camera. It remembers one picture per key. Shape `[rows, columns]`.
 */
export const motionEnergy = defineEncoder({
  name: 'motion-energy', version: '1', modalities: ['rgb', 'thermal'],
  summary: 'How much each part of the picture changes: where and how strongly things move.',
  options: OPTIONS,
  examples: [{}, { memory: 0.9 }],
  plan: ({ width, height, columns, rows, memory }) => {
    const cell = cellOf('motion-energy', { width, height }, { columns, rows });
    return {
      size: { width, height },
      shape: [rows, columns],
      state: { before: [1, 1, height, width], energy: [1, 1, rows, columns], seen: [1] },
      write: (graph, picture, { before, energy, seen }) => {
        const { value, unit } = picture.intensity();
        const change = graph.op('Mul', [graph.op('Abs', [graph.op('Sub', [value, before])]), graph.op('Mul', [seen, graph.float(unit)])]);
        const mean = graph.op('AveragePool', [change], { kernel_shape: [cell.height, cell.width], strides: [cell.height, cell.width] });
        const kept = graph.op('Add', [graph.op('Mul', [energy, graph.float(memory)]), graph.op('Mul', [mean, graph.float(1 - memory)])]);
        return { feature: graph.reshape(kept, [-1, rows, columns]), next: { before: value, energy: kept, seen: graph.floats([1]) } };
      },
    };
  },
});
