import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { GraphBuilder, type Value } from '../../src/inference/graph/graph-builder.ts';
import { serializeModel } from '../../src/inference/graph/model-file.ts';

/** A network of known size. */
export interface DenseModel { readonly path: string; readonly gigaflops: number; readonly text: string }

const [WIDTH, HEIGHT] = [320, 192];

/** Channels out and stride of each 3x3 convolution: together 1 GFLOP. */
const LAYERS = [[32, 2], [64, 2], [64, 1], [128, 2], [128, 1], [128, 2], [80, 1]] as const;

/**
 * Writes an end-to-end detector of plain 3x3 convolutions, the work of a 1-GFLOP detector without anything that a processor is bad at; a multiplication and an addition are
 * two operations. It reports two boxes a frame, which depend on its result, so that nothing of it can be left out.
 */
export function writeDenseModel(): DenseModel {
  const graph = new GraphBuilder('dense');
  const picture = graph.input('image', 'uint8', [1, HEIGHT, WIDTH, 3]);
  let state: Value = graph.op('Transpose', [graph.op('Div', [graph.cast(picture, 'float32'), graph.float(255)])], { perm: [0, 3, 1, 2] });
  let [channels, width, height, flops] = [3, WIDTH, HEIGHT, 0];
  for (const [index, [out, stride]] of LAYERS.entries()) {
    const weights = graph.floats(Float32Array.from({ length: out * channels * 9 }, (_, at) => Math.sin(at * 12.9898 + index) / Math.sqrt(channels * 9)), [out, channels, 3, 3]);
    state = graph.op('Relu', [graph.op('Conv', [state, weights], { kernel_shape: [3, 3], strides: [stride, stride], pads: [1, 1, 1, 1] })]);
    [width, height] = [Math.ceil(width / stride), Math.ceil(height / stride)];
    flops += 2 * 9 * channels * out * width * height;
    channels = out;
  }
  const zero = graph.op('Mul', [graph.op('ReduceMean', [state], { keepdims: 0 }), graph.float(0)]);
  const boxes = graph.floats([0, 0, 0.9, 10, 10, 60, 60, 0, 0, 0.8, 100, 50, 160, 120], [2, 7]);
  graph.output(graph.op('Add', [boxes, zero]), 'boxes', 'float32', ['m', 7]);
  for (const [key, value] of [['name', 'dense'], ['version', '1.0.0'], ['labels', 'thing']] as const) graph.metadata(key, value);
  const path = join(mkdtempSync(join(tmpdir(), 'vto-bench-model-')), 'dense.onnx');
  writeFileSync(path, serializeModel(graph.build()));
  const gigaflops = flops / 1e9;
  return { path, gigaflops, text: `${LAYERS.length} 3x3 convolutions on ${WIDTH}x${HEIGHT}, ${gigaflops.toFixed(2)} GFLOP a frame` };
}
