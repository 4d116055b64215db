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
      const levels = graph.reshape(graph.cast(samples, 'float32'), [-1, width * height, 3, 1]);
      const edges = Array.from({ length: bins - 1 }, (_, index) => (index + 1) * 256 / bins);
      const isAbove = graph.cast(graph.op('GreaterOrEqual', [levels, graph.floats(edges)]), 'float32');
      const above = graph.op('ReduceSum', [isAbove, graph.ints([1])], { keepdims: 0 }); // [n, 3, bins - 1], pixels at or above each edge
      const padded = (left: number, right: number, value: number): ReturnType<typeof graph.float> => graph.op('Pad', [above, graph.ints([0, 0, left, 0, 0, right]), graph.float(value)]);
      return { feature: graph.op('Mul', [graph.op('Sub', [padded(1, 0, width * height), padded(0, 1, 0)]), graph.float(1 / (width * height))]) };
    },
  }),
});
