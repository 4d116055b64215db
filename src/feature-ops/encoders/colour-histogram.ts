import { z } from 'zod';
import { defineEncoder, sideOption } from './encoder.ts';

const OPTIONS = z.strictObject({
  width: sideOption(96).describe('Width of the picture it works on, pixels.'),
  height: sideOption(54).describe('Height of it, pixels.'),
  bins: z.union([z.literal(4), z.literal(8), z.literal(16), z.literal(32), z.literal(64)]).default(16).describe('Steps of a channel, all of one width: 4, 8, 16, 32 or 64.'),
});

/** Shares of the pixels by red, green and blue: each row sums to 1. Shape `[3, bins]`. */
export const colourHistogram = defineEncoder({
  name: 'colour-histogram', version: '1', modalities: ['rgb'],
  summary: 'How often each level of red, green and blue occurs: the light and the colours of a scene.',
  options: OPTIONS,
  examples: [{}, { bins: 32 }],
  plan: ({ width, height, bins }) => ({
    size: { width, height },
    shape: [3, bins],
    write: (graph, { samples }) => {
      const count = width * height;
      const planes = graph.cast(graph.reshape(graph.op('Transpose', [samples], { perm: [0, 3, 1, 2] }), [-1, count]), 'float32'); // [3 n, pixels]
      const above = Array.from({ length: bins - 1 }, (_, index) => {
        const isAbove = graph.op('GreaterOrEqual', [planes, graph.float((index + 1) * 256 / bins)]);
        return graph.op('ReduceSum', [graph.cast(isAbove, 'float32'), graph.ints([1])]);
      });
      const none = graph.op('Mul', [graph.slice(planes, 1, 0, 1), graph.float(0)]);
      const all = graph.op('Add', [none, graph.float(count)]);
      const shares = graph.op('Sub', [graph.op('Concat', [all, ...above], { axis: 1 }), graph.op('Concat', [...above, none], { axis: 1 })]);
      return { feature: graph.op('Mul', [graph.reshape(shares, [-1, 3, bins]), graph.float(1 / count)]) };
    },
  }),
});
