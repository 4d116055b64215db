import { GraphBuilder } from '../../src/inference/graph/graph-builder.ts';
import type { Value } from '../../src/inference/graph/graph-builder.ts';
import { serializeModel } from '../../src/inference/graph/model-file.ts';
import type { ElementType } from '../../src/inference/graph/model-file.ts';

/** An output of a fake network. */
export interface FakeOutput {
  readonly name: string;
  /** Without the batch. */
  readonly dims: readonly number[];
  /** What it says whatever the picture. */
  readonly values: ArrayLike<number>;
  /** Added for each value: this much for every unit of the mean of the network's first channel. */
  readonly perRed?: ArrayLike<number>;
  /** Layers with weights that it is made of, by their output channels, which are those of the first dimension one after the other; one layer when left out. */
  readonly heads?: readonly number[];
  /** Dimensions that it is declared with, without the batch, when the tail changes them. */
  readonly declared?: readonly number[];
  /** Written behind the layers, as a network's own decoding. */
  readonly tail?: (graph: GraphBuilder, value: Value) => Value;
  readonly type?: ElementType;
}

/** What a fake network is made of. */
export interface FakeNetwork {
  readonly width: number | string;
  readonly height: number | string;
  readonly outputs: readonly FakeOutput[];
  readonly batch?: number | string;
  readonly channels?: number | string;
  readonly opset?: number;
  readonly type?: 'float32' | 'float16' | 'uint8';
  readonly layout?: 'nchw' | 'nhwc';
  readonly metadata?: Readonly<Record<string, string>>;
  /** Other inputs, int64 `[batch, 2]`, that are added to the first output in both halves of each row's corners. */
  readonly sizes?: string;
  /** No layers at all: its outputs are sums of constants and the picture's mean times zero. */
  readonly isBare?: boolean;
}

/**
 * A network with the tensors and the last layers of a real one that answers what the test wants: each output comes from convolutions over the picture's mean,
 * whose biases are the answer.
 */
export function fakeNetwork(network: FakeNetwork): Uint8Array {
  const { width, height, outputs, batch = 1, opset = 13, type = 'float32', layout = 'nchw' } = network;
  const graph = new GraphBuilder('network', opset);
  const picture = graph.input('images', type, layout === 'nchw' ? [batch, network.channels ?? 3, height, width] : [batch, height, width, 3]);
  const floats = type === 'float32' ? picture : graph.cast(picture, 'float32');
  const mean = graph.op('GlobalAveragePool', [layout === 'nchw' ? floats : graph.op('Transpose', [floats], { perm: [0, 3, 1, 2] })]);
  const sizes = network.sizes === undefined ? undefined : graph.input(network.sizes, 'int64', [batch, 2]);
  for (const { name, dims, values, perRed, heads, tail, declared = dims, type: outputType = 'float32' } of outputs) {
    const count = dims.reduce((product, dim) => product * dim, 1);
    const parts: Value[] = [];
    if (network.isBare === true) {
      const nothing = graph.op('Mul', [graph.op('ReduceMean', [mean], { keepdims: 0 }), graph.float(0)]);
      graph.output(graph.op('Add', [graph.floats(Float32Array.from({ length: count }, (_, index) => values[index] ?? 0), [1, ...dims]), nothing]), name, 'float32', [batch, ...dims]);
      continue;
    }
    const [first = 1] = dims;
    const each = count / first;
    let at = 0;
    for (const channels of heads ?? [first]) {
      const [from, to] = [at * each, (at + channels) * each];
      at += channels;
      const weights = Float32Array.from({ length: (to - from) * 3 }, (_, index) => (index % 3 === 0 ? perRed?.[from + index / 3] ?? 0 : 0));
      // One convolution gives all values of a channel, so its output channels are counted over the places as well: a 1x1 convolution per place would be too many.
      parts.push(headOf(graph, mean, { channels, each, weights, bias: Float32Array.from({ length: to - from }, (_, index) => values[from + index] ?? 0) }));
    }
    let value = parts.length === 1 ? parts[0]! : graph.op('Concat', parts, { axis: 1 });
    value = graph.reshape(value, [-1, ...dims]);
    if (tail) value = tail(graph, value);
    if (sizes !== undefined && name === 'boxes') {
      const scale = graph.cast(sizes, 'float32');
      value = graph.op('Mul', [value, graph.reshape(graph.op('Concat', [scale, scale], { axis: 1 }), [-1, 1, 4])]);
    }
    if (outputType !== 'float32') value = graph.cast(value, outputType);
    graph.output(value, name, outputType, [batch, ...declared]);
  }
  for (const [key, value] of Object.entries(network.metadata ?? {})) graph.metadata(key, value);
  return serializeModel(graph.build());
}

/** Values `[batch, channels, each]` of one head: a dense layer makes them, a convolution of as many channels as a real head has passes them on. */
function headOf(graph: GraphBuilder, mean: Value, { channels, each, weights, bias }: { readonly channels: number; readonly each: number; readonly weights: Float32Array; readonly bias: Float32Array }): Value {
  const dense = graph.op('Conv', [mean, graph.floats(weights, [channels * each, 3, 1, 1]), graph.floats(bias)]);
  const spread = graph.reshape(dense, [-1, channels, each, 1]);
  const identity = Float32Array.from({ length: channels * channels }, (_, index) => (index % (channels + 1) === 0 ? 1 : 0));
  return graph.reshape(graph.op('Conv', [spread, graph.floats(identity, [channels, channels, 1, 1])]), [-1, channels, each]);
}
