import { clone } from '@bufbuild/protobuf';
import { PlatformError } from '../../engine/errors.ts';
import { bodiesOf, weightNames } from './bodies.ts';
import { GraphProtoSchema } from './generated/onnx_pb.js';
import type { GraphProto, ModelProto, NodeProto, TensorProto } from './generated/onnx_pb.js';
import { graphOf } from './model-file.ts';

/** How a foreign model is put into a graph. */
export interface InlineOptions {
  /** Goes before each of its names, so that they cannot meet ours. */
  readonly prefix: string;
  /** Our values for its inputs. */
  readonly bindings: Readonly<Record<string, string>>;
  /** Version of the default operator set of the graph it goes into. */
  readonly opset: number;
}

/** The parts of a foreign model, renamed. */
export interface InlinedModel {
  readonly nodes: readonly NodeProto[];
  readonly weights: readonly TensorProto[];
  readonly sparseWeights: GraphProto['sparseInitializer'];
  readonly functions: ModelProto['functions'];
  /** Versions of the operator sets that are not the default one. */
  readonly opsets: ReadonlyMap<string, number>;
  readonly irVersion: number;
  /** Its output names, each with the name it has now. */
  readonly outputs: ReadonlyMap<string, string>;
}

/**
 * Renames everything in a copy of a model so that it can stand inside another graph. The model itself is left as it is.
 * @throws PlatformError MODEL_INVALID when its operator set is another or an input is not bound
 */
export function inlineModel(model: ModelProto, options: InlineOptions): InlinedModel {
  const graph = clone(GraphProtoSchema, graphOf(model));
  const opsets = new Map(model.opsetImport.map((row) => [row.domain === 'ai.onnx' ? '' : row.domain, Number(row.version)]));
  if (opsets.get('') !== options.opset) {
    throw new PlatformError('MODEL_INVALID', `the model is written for operator set ${opsets.get('')}, the graph around it for ${options.opset}`, { opset: opsets.get('') });
  }
  opsets.delete('');
  const weights = new Set(weightNames(graph));
  const bound = new Map<string, string>();
  for (const { name } of graph.input) {
    if (weights.has(name)) continue; // IR 3 files list their weights as inputs
    const value = options.bindings[name];
    if (value === undefined) throw new PlatformError('MODEL_INVALID', `input '${name}' of the model is not bound`, { input: name });
    bound.set(name, value);
  }
  const rename = (name: string): string => (name === '' ? '' : bound.get(name) ?? `${options.prefix}${name}`);
  renameGraph(graph, rename);
  const outputs = new Map(graphOf(model).output.map(({ name }) => [name, rename(name)]));
  return { nodes: graph.node, weights: graph.initializer, sparseWeights: graph.sparseInitializer, functions: model.functions, opsets, irVersion: Number(model.irVersion), outputs };
}

/** Bodies of `If` and `Loop` see the names around them, so they are renamed by the same rule. */
function renameGraph(graph: GraphProto, rename: (name: string) => string): void {
  for (const tensor of graph.initializer) tensor.name = rename(tensor.name);
  for (const { values } of graph.sparseInitializer) if (values) values.name = rename(values.name);
  for (const value of [...graph.input, ...graph.output, ...graph.valueInfo]) value.name = rename(value.name);
  for (const node of graph.node) {
    node.name = rename(node.name);
    node.input = node.input.map(rename);
    node.output = node.output.map(rename);
    for (const body of bodiesOf(node)) renameGraph(body, rename);
  }
}
