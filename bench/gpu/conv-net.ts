import { GraphBuilder } from '../../src/inference/graph/graph-builder.ts';
import type { Value } from '../../src/inference/graph/graph-builder.ts';
import { serializeModel } from '../../src/inference/graph/model-file.ts';

/** How large the network is. */
export interface ConvNetOptions {
  /** Width and height of its picture. */
  readonly size: number;
  /** Floating-point operations of one picture, in 10⁹ (a multiplication and an addition are two). */
  readonly gflop: number;
}

/** Of the layers that make up the load: as wide as those of a small YOLO. */
const CHANNELS = 64;
const STRIDE = 4;

/**
 * A detector of the family `end-to-end` that is all load: uint8 [n, size, size, 3] in, one box for each picture out. No weights to download, and no result that
 * depends on the device. Returns the file and what it really computes.
 */
export function convNet({ size, gflop }: ConvNetOptions): { readonly model: Uint8Array; readonly gflop: number } {
  const graph = new GraphBuilder('conv-net');
  const picture = graph.input('frame', 'uint8', ['n', size, size, 3]);
  let x = graph.op('Transpose', [graph.op('Mul', [graph.cast(picture, 'float32'), graph.float(1 / 255)])], { perm: [0, 3, 1, 2] });
  x = conv(graph, x, { from: 3, to: CHANNELS, stride: STRIDE });
  const perLayer = 2 * 9 * CHANNELS * CHANNELS * (size / STRIDE) ** 2 / 1e9;
  const layers = Math.max(1, Math.round(gflop / perLayer));
  for (let layer = 0; layer < layers; layer += 1) x = conv(graph, x, { from: CHANNELS, to: CHANNELS, stride: 1 });
  const mean = graph.op('ReduceMean', [x, graph.ints([1, 2, 3])], { keepdims: 0 });
  const zero = graph.op('Mul', [mean, graph.float(0)]);
  const column = (value: number): Value => graph.op('Unsqueeze', [graph.op('Add', [zero, graph.float(value)]), graph.ints([1])]);
  const index = graph.op('Unsqueeze', [graph.op('Sub', [graph.op('CumSum', [graph.op('Add', [zero, graph.float(1)]), graph.ints([0], [])]), graph.float(1)]), graph.ints([1])]);
  graph.output(graph.op('Concat', [index, ...[0, 0.9, 1, 1, size / 2, size / 2].map(column)], { axis: 1 }), 'boxes', 'float32', ['m', 7]);
  return { model: serializeModel(graph.build()), gflop: layers * perLayer };
}

function conv(graph: GraphBuilder, x: Value, { from, to, stride }: { readonly from: number; readonly to: number; readonly stride: number }): Value {
  const weights = Float32Array.from({ length: to * from * 9 }, (_, index) => Math.sin(index * 12.9898) * Math.sqrt(2 / (9 * from)));
  return graph.op('Relu', [graph.op('Conv', [x, graph.floats(weights, [to, from, 3, 3])], { kernel_shape: [3, 3], strides: [stride, stride], pads: [1, 1, 1, 1] })]);
}
