import { create } from '@bufbuild/protobuf';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { IR_VERSION_MAX, OPSET_MAX } from '../../../src/inference/graph/check-model.ts';
import { AttributeProtoSchema, FunctionProtoSchema, GraphProtoSchema, NodeProtoSchema, OperatorSetIdProtoSchema, SparseTensorProtoSchema, TensorProtoSchema } from '../../../src/inference/graph/generated/onnx_pb.js';
import type { FunctionProto, GraphProto, ModelProto, NodeProto } from '../../../src/inference/graph/generated/onnx_pb.js';
import { GraphBuilder } from '../../../src/inference/graph/graph-builder.ts';
import { parseModel, serializeModel } from '../../../src/inference/graph/model-file.ts';
import { openSession } from '../../../src/inference/session.ts';
import { noWarning } from '../../support/small-models.ts';

/** `y = |x + w|`. */
function small(): ModelProto & { graph: GraphProto } {
  const graph = new GraphBuilder('small');
  const sum = graph.op('Add', [graph.input('x', 'float32', [2]), graph.floats([1, 2])]);
  graph.output(graph.op('Abs', [sum]), 'y', 'float32', [2]);
  return parseModel(serializeModel(graph.build())) as ModelProto & { graph: GraphProto };
}

/** What the model is refused with once `damage` has been done to it. */
function refusal(damage: (model: ModelProto & { graph: GraphProto }) => void): string {
  const model = small();
  damage(model);
  try {
    parseModel(serializeModel(model));
  } catch (error) {
    const { code, message } = error as { code?: string; message: string };
    return `${code}: ${message}`;
  }
  return 'accepted';
}

const node = (opType: string, input: readonly string[], output: readonly string[], domain = ''): NodeProto => create(NodeProtoSchema, { name: opType, opType, input: [...input], output: [...output], domain });
const call = (name: string, body: readonly NodeProto[]): FunctionProto => create(FunctionProtoSchema, { name, domain: 'own', input: ['a'], output: ['b'], node: [...body], opsetImport: [create(OperatorSetIdProtoSchema, { domain: '', version: 18n })] });
const weightOf = (model: { graph: GraphProto }): GraphProto['initializer'][number] => model.graph.initializer[0]!;

const CASES: readonly (readonly [string, (model: ModelProto & { graph: GraphProto }) => void, RegExp])[] = [
  ['an IR version of the future', (model) => { model.irVersion = 99n; }, /IR version 99, at most 13 can be read: save it with an older release/],
  ['an operator set of the future', (model) => { model.opsetImport[0]!.version = 99n; }, /operator set 99, 1 to 26 are known: export it with/],
  ['an operator set of no version', (model) => { model.opsetImport[0]!.version = 0n; }, /operator set 0/],
  ['no operator set at all', (model) => { model.opsetImport = []; }, /does not say its operator set: export it again, with/],
  ['only the set of another domain', (model) => { model.opsetImport[0]!.domain = 'com.microsoft'; }, /'Add' of a set whose version the file does not say/],
  ['two versions of one operator set', (model) => { model.opsetImport.push(create(OperatorSetIdProtoSchema, { domain: 'ai.onnx', version: 11n })); }, /versions 18 and 11/],
  ['an operator of an unknown domain', (model) => { model.graph.node[0]!.domain = 'acme'; }, /operator 'Add' of 'acme', which onnxruntime does not know: export the model without custom/],
  ['no graph', (model) => { (model as { graph?: GraphProto }).graph = undefined!; }, /holds no graph/],
  ['no nodes', (model) => { model.graph.node = []; }, /0 nodes and 1 outputs/],
  ['no outputs', (model) => { model.graph.output = []; }, /3 nodes and 0 outputs/],
  ['a value that nothing gives', (model) => { model.graph.node[1]!.input = ['lost']; }, /takes 'lost', which nothing in the graph gives: the model is incomplete/],
  ['a missing weight', (model) => { model.graph.initializer = []; }, /which nothing in the graph gives/],
  ['an output that nothing gives', (model) => { model.graph.output[0]!.name = 'z'; }, /output 'z' of the graph is given by nothing/],
  ['a value given twice', (model) => { model.graph.node[1]!.output = ['x']; }, /value 'x' of the graph is given twice/],
  ['two weights of one name', (model) => { model.graph.initializer.push(weightOf(model)); }, /weight 'constant_0' is in the graph twice/],
  ['two inputs of one name', (model) => { model.graph.input.push(model.graph.input[0]!); }, /two inputs 'x'/],
  ['an input without a name', (model) => { model.graph.input[0]!.name = ''; }, /an input without a name/],
  ['a cycle', (model) => { model.graph.node[0]!.input[0] = 'Abs_2'; }, /3 nodes of the graph wait for each other, 'Add_1' \(Add\) among them: the graph has a cycle/],
  ['a node that takes its own output', (model) => { model.graph.node[1]!.input[0] = 'Abs_2'; }, /wait for each other/],
  ['a weight in another file', (model) => { weightOf(model).dataLocation = 1; }, /weight 'constant_0' is kept in another file: save the model as one file/],
  ['a weight with too few bytes', (model) => { weightOf(model).dims = [3n]; }, /has 8 bytes, its dimensions \[3\] want 12/],
  ['a weight of absurd dimensions', (model) => { weightOf(model).dims = [2n ** 40n, 2n ** 40n]; }, /dimensions \[1099511627776, 1099511627776\], which no tensor can have/],
  ['a weight of negative dimensions', (model) => { weightOf(model).dims = [-2n]; }, /which no tensor can have/],
  ['a weight of no type', (model) => { weightOf(model).dataType = 0; }, /says no element type/],
  ['a weight of texts that are not there', (model) => { weightOf(model).dataType = 8; }, /has 0 texts/],
  ['an input larger than memory', (model) => { (model.graph.input[0]!.type!.value.value as { shape: { dim: { value: object }[] } }).shape.dim[0]!.value = { case: 'dimValue', value: 2n ** 50n }; }, /input 'x' has dimensions \[1125899906842624\], 1\.13e\+15 values: more than 268435456 are refused; export the model for a smaller picture/],
  ['an attribute in another file', (model) => {
    model.graph.node[0]!.attribute.push(create(AttributeProtoSchema, { name: 'value', type: 4, t: create(TensorProtoSchema, { dataType: 1, dataLocation: 1 }) }));
  }, /attribute 'value' of node 'Add_1' '' is kept in another file/],
  ['a sparse weight with a torn part', (model) => {
    model.graph.sparseInitializer.push(create(SparseTensorProtoSchema, { values: create(TensorProtoSchema, { name: 's', dims: [2n], dataType: 1 }), dims: [9n] }));
  }, /sparse weight 's' has 0 values, its dimensions \[2\] want 2/],
  ['a function that calls itself', (model) => { model.functions = [call('f', [node('f', ['a'], ['b'], 'own')])]; model.graph.node[1]!.domain = 'own'; model.graph.node[1]!.opType = 'f'; }, /function 'f' calls itself/],
  ['functions that grow without bound', (model) => {
    const ten = (name: string): NodeProto[] => Array.from({ length: 10 }, (_, index) => node(name, [index === 0 ? 'a' : `v${index}`], [index === 9 ? 'b' : `v${index + 1}`], name === 'Abs' ? '' : 'own'));
    model.functions = Array.from({ length: 9 }, (_, index) => call(`f${index}`, ten(index === 8 ? 'Abs' : `f${index + 1}`)));
    model.graph.node[1]!.domain = 'own';
    model.graph.node[1]!.opType = 'f0';
  }, /more than 1000000 nodes once its functions are written out/],
  ['one function twice', (model) => { model.functions = [call('f', []), call('f', [])]; }, /function 'f' is in the file twice/],
  ['a function that takes what nothing gives', (model) => { model.functions = [call('f', [node('Abs', ['lost'], ['b'])])]; }, /takes 'lost', which nothing in function 'f' gives/],
  ['a body that takes what nothing gives', (model) => {
    const body = create(GraphProtoSchema, { node: [node('Abs', ['lost'], ['inner'])] });
    model.graph.node[0]!.attribute.push(create(AttributeProtoSchema, { name: 'then_branch', type: 5, g: body }));
  }, /takes 'lost', which nothing in a body of node 'Add_1' gives/],
];

for (const [what, damage, says] of CASES) {
  test(`refused by name: ${what}`, () => { assert.match(refusal(damage), new RegExp(`^MODEL_INVALID: .*${says.source}`)); });
}

test('what a file may do is accepted: nodes in any order, inputs of unknown size, names used again within a body', () => {
  assert.is(refusal((model) => { model.graph.node.reverse(); }), 'accepted');
  assert.is(refusal((model) => { (model.graph.input[0]!.type!.value.value as { shape: { dim: { value: object }[] } }).shape.dim[0]!.value = { case: 'dimValue', value: -1n }; }), 'accepted');
  assert.is(refusal((model) => {
    const body = create(GraphProtoSchema, { node: [node('Abs', ['x'], ['Abs_2']), node('Abs', ['constant_0'], ['inner'])] });
    model.graph.node[0]!.attribute.push(create(AttributeProtoSchema, { name: 'then_branch', type: 5, g: body }));
  }), 'accepted');
});

test('a constant that asks for a tensor larger than memory is refused, one of a real size is not', () => {
  const filled = (dims: readonly number[]): ModelProto => {
    const graph = new GraphBuilder('filled');
    const sum = graph.op('Add', [graph.input('x', 'float32', [1]), graph.op('ConstantOfShape', [graph.ints(dims)])]);
    graph.output(sum, 'y', 'float32', ['n']);
    return graph.build();
  };
  assert.throws(() => parseModel(serializeModel(filled([1_000_000, 1_000_000]))), /what node 'ConstantOfShape_\d' \(ConstantOfShape\) makes has dimensions \[1000000, 1000000\], 1\.00e\+12 values/);
  parseModel(serializeModel(filled([1000, 1000])));
});

test('the newest versions that are let through are the newest that onnxruntime reads', async () => {
  const opens = async (irVersion: number, opset: number): Promise<string> => {
    const model = small();
    model.irVersion = BigInt(irVersion);
    model.opsetImport[0]!.version = BigInt(opset);
    try {
      await (await openSession(serializeModel(model), { providers: ['cpu'], warn: noWarning })).close();
      return 'opens';
    } catch (error) {
      return String(error);
    }
  };
  assert.is(await opens(IR_VERSION_MAX, OPSET_MAX), 'opens');
  assert.match(await opens(IR_VERSION_MAX + 1, OPSET_MAX), /Unsupported model IR version/);
  assert.match(await opens(IR_VERSION_MAX, OPSET_MAX + 1), /released onnx opset versions/);
});

test.run();
