import { z } from 'zod';
import type { GraphBuilder, Value } from '../../inference/graph/graph-builder.ts';
import { defineEncoder } from './encoder.ts';

const OPTIONS = z.strictObject({
  above: z.array(z.number()).max(16).default([]).describe('For each of these temperatures, the share of the picture that is hotter is added; degrees Celsius, or levels of a camera that is not calibrated.'),
});

/**
 * Statistics of a thermal picture at its full size: minimum, maximum, mean and standard deviation, then where it is hottest and coldest (x, y,
 * x, y as shares of width and height, the first in reading order where there are several), then the shares above the temperatures given. Degrees Celsius, or
 * levels of a camera that is not calibrated. Shape `[8 + above]`.
 */
export const thermalStatistics = defineEncoder({
  name: 'thermal-statistics', version: '1', modalities: ['thermal'],
  summary: 'Temperatures of the whole picture, and where it is hottest and coldest.',
  options: OPTIONS,
  examples: [{}, { above: [30, 60] }],
  plan: ({ above }) => ({
    shape: [8 + above.length],
    write: (graph, picture) => {
      const { value } = picture.intensity();
      const pixels = graph.op('Flatten', [value], { axis: 1 });
      const minimum = graph.op('ReduceMin', [pixels, graph.ints([1])]);
      const maximum = graph.op('ReduceMax', [pixels, graph.ints([1])]);
      const raised = graph.op('Sub', [pixels, minimum]); // small numbers: sums of hundreds of thousands of them stay exact enough in float32
      const mean = graph.op('ReduceMean', [raised, graph.ints([1])]);
      const spread = graph.op('Sub', [raised, mean]);
      const deviation = graph.op('Sqrt', [graph.op('ReduceMean', [graph.op('Mul', [spread, spread]), graph.ints([1])])]);
      const shares = above.map((limit) => graph.op('ReduceMean', [graph.cast(graph.op('Greater', [pixels, graph.float(limit)]), 'float32'), graph.ints([1])]));
      const places = ['ArgMax', 'ArgMin'].flatMap((search) => placeOf(graph, graph.op(search, [pixels], { axis: 1 }), value));
      return { feature: graph.op('Concat', [minimum, maximum, graph.op('Add', [minimum, mean]), deviation, ...places, ...shares], { axis: 1 }) };
    },
  }),
});

/** Middle of a pixel as shares of width and height; `picture` is `[n, 1, height, width]`. */
function placeOf(graph: GraphBuilder, index: Value, picture: Value): readonly [Value, Value] {
  const shape = graph.op('Shape', [picture]);
  const [height, width] = [graph.slice(shape, 0, 2, 3), graph.slice(shape, 0, 3, 4)];
  const share = (place: Value, length: Value): Value => graph.op('Div', [graph.op('Add', [graph.cast(place, 'float32'), graph.float(0.5)]), graph.cast(length, 'float32')]);
  return [share(graph.op('Mod', [index, width]), width), share(graph.op('Div', [index, width]), height)];
}
