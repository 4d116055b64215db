import type { ModelProto, NodeProto } from '../graph/generated/onnx_pb.js';
import { graphOf } from '../graph/model-file.ts';

/** What lies between an output and the last layers with weights before it. */
export interface Tail {
  /** Operator types on the way. */
  readonly operators: ReadonlySet<string>;
  /** Output channels of the layers with weights that end it, ascending, each number once; empty when there are none. */
  readonly channels: readonly number[];
}

const LAYERS: ReadonlySet<string> = new Set(['Conv', 'ConvTranspose', 'Gemm', 'MatMul', 'ConvInteger', 'QLinearConv']);

/** Of these the first input alone carries values; the others say where they go. */
const MOVERS: ReadonlySet<string> = new Set(['Reshape', 'Expand', 'Resize', 'Upsample', 'Slice', 'Gather', 'Tile', 'Squeeze', 'Unsqueeze', 'Split', 'Transpose', 'Pad', 'Cast']);

const ARITHMETIC: readonly string[] = ['Exp', 'Mul', 'Add', 'Sub', 'Div', 'Pow'];

/**
 * Follows an output back to the layers it is made of. Tensors of different meaning often have the same name and shape; what was computed last tells them apart:
 * raw box offsets come straight from a convolution, decoded ones went through a multiplication.
 */
export function traceTail(model: ModelProto, output: string): Tail {
  const graph = graphOf(model);
  const producers = new Map(graph.node.flatMap((node) => node.output.map((name) => [name, node] as const)));
  const weights = new Map(graph.initializer.map((tensor) => [tensor.name, tensor.dims.map(Number)]));
  const operators = new Set<string>();
  const channels = new Set<number>();
  const seen = new Set<NodeProto>();
  const open = [output];
  for (let name = open.pop(); name !== undefined; name = open.pop()) {
    const node = producers.get(name);
    if (!node || seen.has(node)) continue;
    seen.add(node);
    if (LAYERS.has(node.opType)) {
      const count = channelsOf(node, weights, producers);
      if (count !== undefined) channels.add(count);
    } else if (node.opType !== 'Shape') {
      operators.add(node.opType);
      open.push(...(MOVERS.has(node.opType) ? node.input.slice(0, 1) : node.input));
    }
  }
  return { operators, channels: [...channels].sort((a, b) => a - b) };
}

/** Output channels of every layer with weights in the main graph. */
export function layerChannels(model: ModelProto): ReadonlySet<number> {
  const { node: nodes, initializer } = graphOf(model);
  const weights = new Map(initializer.map((tensor) => [tensor.name, tensor.dims.map(Number)]));
  const producers = new Map(nodes.flatMap((node) => node.output.map((name) => [name, node] as const)));
  return new Set(nodes.flatMap((node) => (LAYERS.has(node.opType) ? channelsOf(node, weights, producers) ?? [] : [])));
}

/** Whether values are computed with after the last layer, as decoding does. */
export function hasArithmetic({ operators }: Tail): boolean {
  return ARITHMETIC.some((operator) => operators.has(operator));
}

/** Undefined when its weights are not in the file as such. */
function channelsOf(node: NodeProto, weights: ReadonlyMap<string, readonly number[]>, producers: ReadonlyMap<string, NodeProto>): number | undefined {
  const given = node.input[node.opType === 'QLinearConv' ? 3 : 1] ?? '';
  const source = producers.get(given);
  const name = source && ['DequantizeLinear', 'Cast', 'Identity'].includes(source.opType) ? source.input[0] ?? '' : given;
  const dims = weights.get(name) ?? source?.attribute.find((attribute) => attribute.name === 'value')?.t?.dims.map(Number);
  if (!dims || dims.length < 2) return undefined;
  switch (node.opType) {
    case 'MatMul': return dims.at(-1);
    case 'Gemm': return dims[node.attribute.some(({ name: key, i }) => key === 'transB' && i === 1n) ? 0 : 1];
    case 'ConvTranspose': return dims[1];
    default: return dims[0];
  }
}
