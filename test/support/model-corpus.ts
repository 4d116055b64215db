import { create } from '@bufbuild/protobuf';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { AttributeProto_AttributeType, AttributeProtoSchema, GraphProtoSchema, NodeProtoSchema, ValueInfoProtoSchema } from '../../src/inference/graph/generated/onnx_pb.js';
import type { AttributeProto, GraphProto, NodeProto } from '../../src/inference/graph/generated/onnx_pb.js';
import { GraphBuilder } from '../../src/inference/graph/graph-builder.ts';
import { parseModel, serializeModel } from '../../src/inference/graph/model-file.ts';
import { sharedData } from './shared-data.ts';
import { fakeYolox } from './small-models.ts';

/** A model file that is whole. */
export interface CorpusModel { readonly name: string; readonly bytes: Uint8Array }

/** Small models of every form this platform reads, one with a branch and a loop, and the shared real ones where they are. */
export function modelCorpus(): readonly CorpusModel[] {
  const folder = sharedData('models');
  const real = folder === undefined ? [] : readdirSync(folder).filter((name) => name.endsWith('.onnx')).map((name) => ({ name, bytes: readFileSync(join(folder, name)) }));
  const rows = Float32Array.from({ length: 42 * 7 }, (_, index) => Math.sin(index));
  return [
    { name: 'small yolox, opset 11', bytes: fakeYolox({ width: 64, height: 32, classes: 2 }, rows) },
    { name: 'small yolox, opset 18', bytes: fakeYolox({ width: 64, height: 32, classes: 2 }, rows, { opset: 18 }) },
    { name: 'convolutions', bytes: boxes(convolutions) },
    { name: 'branch and loop', bytes: withBodies(idleModel(), 3n) },
    ...real,
  ];
}

type Work = (graph: GraphBuilder, zero: ReturnType<GraphBuilder['float']>, image: ReturnType<GraphBuilder['float']>) => ReturnType<GraphBuilder['float']>;

/** A graph that ends in boxes, so that it is run as it is. */
function boxes(work: Work): Uint8Array {
  const graph = new GraphBuilder('boxes');
  const picture = graph.cast(graph.input('picture', 'uint8', [1, 32, 32, 3]), 'float32');
  const zero = graph.op('Mul', [graph.op('ReduceMean', [picture], { keepdims: 0 }), graph.float(0)]);
  const image = graph.op('Transpose', [picture], { perm: [0, 3, 1, 2] });
  graph.output(graph.op('Add', [graph.floats([0, 0, 0.9, 1, 1, 9, 9], [1, 7]), work(graph, zero, image)]), 'detections', 'float32', ['found', 7]);
  return serializeModel(graph.build());
}

/** Kernels, paddings, sizes and axes that damage can grow or break. */
function convolutions(graph: GraphBuilder, zero: ReturnType<GraphBuilder['float']>, image: ReturnType<GraphBuilder['float']>): ReturnType<GraphBuilder['float']> {
  const weights = graph.floats(Float32Array.from({ length: 4 * 3 * 9 }, (_, index) => Math.cos(index)), [4, 3, 3, 3]);
  const convolved = graph.op('Conv', [image, weights], { kernel_shape: [3, 3], pads: [1, 1, 1, 1], strides: [2, 2], dilations: [1, 1], group: 1 });
  const pooled = graph.op('MaxPool', [graph.op('Relu', [convolved])], { kernel_shape: [2, 2], strides: [2, 2] });
  const resized = graph.op('Resize', [pooled, undefined, graph.floats([1, 1, 2, 2])], { mode: 'linear', coordinate_transformation_mode: 'half_pixel' });
  const [left, right] = graph.ops('Split', [resized, graph.ints([2, 2])], { axis: 1 }, 2);
  const joined = graph.op('Concat', [left, graph.op('Pad', [right, graph.ints([0, 0, 0, 0, 0, 0, 0, 0])])], { axis: 1 });
  const tiled = graph.op('Tile', [graph.op('Expand', [graph.op('ReduceMean', [joined], { keepdims: 1 }), graph.ints([1, 1, 2, 2])]), graph.ints([1, 1, 2, 2])]);
  const gathered = graph.op('Gather', [graph.reshape(tiled, [-1]), graph.ints([0, 3])], { axis: 0 });
  return graph.op('Add', [zero, graph.op('Mul', [graph.op('ReduceSum', [gathered], { keepdims: 0 }), graph.float(0)])]);
}

/** A detector that finds the same box in every picture. */
export function idleModel(): Uint8Array {
  return boxes((_graph, zero) => zero);
}

/** One that asks for so many bytes, by a size that is known only when it runs, and fills them. */
export function greedyModel(sizeBytes: number): Uint8Array {
  return boxes((graph, zero) => {
    const size = graph.op('Add', [graph.cast(graph.reshape(zero, [1]), 'int64'), graph.ints([sizeBytes / 4])]);
    return graph.op('ReduceMax', [graph.op('ConstantOfShape', [size])], { keepdims: 0 });
  });
}

/** One that counts to 2^62. */
export function endlessModel(): Uint8Array {
  return withBodies(idleModel(), 2n ** 62n);
}

/** Puts a branch and a loop of so many turns in the place of one node. */
function withBodies(bytes: Uint8Array, turns: bigint): Uint8Array {
  const model = parseModel(bytes);
  const graph = model.graph!;
  const last = graph.node.find((node) => node.opType === 'Add')!;
  const zero = last.input[1]!;
  const branch = (name: string, opType: string): AttributeProto => bodyOf(name, [node(opType, [zero], ['branch_out'])], [], ['branch_out']);
  const inputs = [{ name: 'turn', type: 7 }, { name: 'goes_on', type: 9 }, { name: 'carried', type: 1 }];
  const loop = bodyOf('body', [node('Identity', ['goes_on'], ['still']), node('Add', ['carried', zero], ['sum'])], inputs, ['still', 'sum']);
  const before = [
    constant('turns', 7, BigInt64Array.of(turns)), constant('yes', 9, Uint8Array.of(1)),
    create(NodeProtoSchema, { name: 'branch', opType: 'If', input: ['yes'], output: ['branched'], attribute: [branch('then_branch', 'Abs'), branch('else_branch', 'Neg')] }),
    create(NodeProtoSchema, { name: 'loop', opType: 'Loop', input: ['turns', 'yes', 'branched'], output: ['looped'], attribute: [loop] }),
  ];
  graph.node.splice(graph.node.indexOf(last), 0, ...before);
  last.input[1] = 'looped';
  return serializeModel(model);
}

const node = (opType: string, input: readonly string[], output: readonly string[]): NodeProto => create(NodeProtoSchema, { name: `${opType}_${output[0]}`, opType, input: [...input], output: [...output] });

function constant(name: string, dataType: number, values: BigInt64Array | Uint8Array): NodeProto {
  const rawData = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  return create(NodeProtoSchema, { name, opType: 'Constant', output: [name], attribute: [create(AttributeProtoSchema, { name: 'value', type: AttributeProto_AttributeType.TENSOR, t: { dataType, rawData } })] });
}

function bodyOf(name: string, nodes: readonly NodeProto[], inputs: readonly { readonly name: string; readonly type: number }[], outputs: readonly string[]): AttributeProto {
  const value = (each: string, elemType: number): GraphProto['input'][number] => create(ValueInfoProtoSchema, { name: each, type: { value: { case: 'tensorType', value: { elemType, shape: { dim: [] } } } } });
  const g = create(GraphProtoSchema, { name, node: [...nodes], input: inputs.map((input) => value(input.name, input.type)), output: outputs.map((each) => value(each, each === 'still' ? 9 : 1)) });
  return create(AttributeProtoSchema, { name, type: AttributeProto_AttributeType.GRAPH, g });
}
