import { PlatformError } from '../../engine/errors.ts';
import { allNodes, bodiesOf } from './bodies.ts';
import { checkNames } from './check-names.ts';
import { checkDeclared, checkSize, checkTensor, INPUT_VALUES_MAX } from './check-tensors.ts';
import type { FunctionProto, GraphProto, ModelProto, NodeProto } from './generated/onnx_pb.js';

/** What onnxruntime 1.30 reads; a test asks it for both. */
export const IR_VERSION_MAX = 13;
/** Newest version of the default operator set that onnxruntime 1.30 knows. */
export const OPSET_MAX = 26;

/** Domains of operators that onnxruntime brings; '' is `ai.onnx`. */
const DOMAINS: ReadonlySet<string> = new Set([
  '', 'ai.onnx', 'ai.onnx.ml', 'ai.onnx.training', 'ai.onnx.preview', 'ai.onnx.preview.training', 'com.microsoft', 'com.microsoft.nchwc', 'com.ms.internal.nhwc', 'org.pytorch.aten',
]);

/** Nodes after every function is put in the place of its calls, as onnxruntime does: ten functions that call each other ten times would be 10^10. */
const NODES_MAX = 1_000_000;

/**
 * Judges a model that was read from a file before anybody works with it: what is refused here has a reason and a remedy in its message, while
 * onnxruntime would fail later, run for ever, or take the machine's memory. Operators and their attributes are left to onnxruntime.
 * @throws PlatformError MODEL_INVALID
 */
export function checkModel(model: ModelProto): void {
  checkVersions(model);
  const functions = functionsOf(model);
  if (!model.graph) throw invalid('the file holds no graph: is it the ONNX file itself, or only its weights?');
  if (model.graph.node.length === 0 || model.graph.output.length === 0) {
    throw invalid(`the graph has ${model.graph.node.length} nodes and ${model.graph.output.length} outputs, at least one of each is needed: export the model again`);
  }
  checkDomains(model, functions);
  checkExpansion(model.graph, functions);
  checkGraph(model.graph);
  for (const each of model.functions) checkBody(each.node);
  checkNames(model);
}

function invalid(message: string, facts: Record<string, string | number> = {}): PlatformError {
  return new PlatformError('MODEL_INVALID', message, facts);
}

function checkVersions(model: ModelProto): void {
  const irVersion = Number(model.irVersion);
  if (irVersion < 0 || irVersion > IR_VERSION_MAX) throw invalid(`the file is of ONNX IR version ${irVersion}, at most ${IR_VERSION_MAX} can be read: save it with an older release of onnx`, { irVersion });
  const versions = new Map<string, bigint>();
  for (const { domain, version } of model.opsetImport) {
    const key = domain === 'ai.onnx' ? '' : domain;
    const known = versions.get(key);
    if (known !== undefined && known !== version) throw invalid(`operator set '${domain || 'ai.onnx'}' is asked for in versions ${known} and ${version}: export the model again`);
    versions.set(key, version);
  }
  const opset = versions.get('');
  if (opset === undefined) {
    if (model.opsetImport.length === 0) throw invalid('the file does not say its operator set: export it again, with an opset version');
    return;
  }
  if (opset < 1n || opset > OPSET_MAX) throw invalid(`the model is written for operator set ${opset}, 1 to ${OPSET_MAX} are known: export it with an opset version of at most ${OPSET_MAX}`, { opset: Number(opset) });
}

function keyOf({ domain, opType, overload }: { readonly domain: string; readonly opType: string; readonly overload: string }): string {
  return `${domain === 'ai.onnx' ? '' : domain}\n${opType}\n${overload}`;
}

function functionsOf(model: ModelProto): ReadonlyMap<string, FunctionProto> {
  const functions = new Map<string, FunctionProto>();
  for (const each of model.functions) {
    const key = keyOf({ domain: each.domain, opType: each.name, overload: each.overload });
    if (functions.has(key)) throw invalid(`function '${each.name}' is in the file twice: export the model again`);
    functions.set(key, each);
  }
  return functions;
}

function checkDomains(model: ModelProto, functions: ReadonlyMap<string, FunctionProto>): void {
  const judge = (nodes: readonly NodeProto[], imports: ModelProto['opsetImport']): void => {
    const imported = new Set(imports.map(({ domain }) => (domain === 'ai.onnx' ? '' : domain)));
    for (const node of allNodes(nodes)) {
      if (functions.has(keyOf(node))) continue;
      if (!DOMAINS.has(node.domain)) {
        throw invalid(`node '${node.name}' is operator '${node.opType}' of '${node.domain}', which onnxruntime does not know: export the model without custom operators`, { operator: node.opType });
      }
      if ((node.domain === '' || node.domain === 'ai.onnx') && !imported.has('')) throw invalid(`node '${node.name}' is operator '${node.opType}' of a set whose version the file does not say: export it again, with an opset version`);
    }
  };
  judge(model.graph?.node ?? [], model.opsetImport);
  for (const each of model.functions) judge(each.node, each.opsetImport);
}

/** Refuses functions that call themselves, and calls of calls that grow beyond what fits. */
function checkExpansion(graph: GraphProto, functions: ReadonlyMap<string, FunctionProto>): void {
  const sizes = new Map<string, number>();
  const open = new Set<string>();
  const sizeOf = (nodes: readonly NodeProto[]): number => {
    let size = 0;
    for (const node of allNodes(nodes)) {
      const key = keyOf(node);
      const called = functions.get(key);
      size += called === undefined ? 1 : sizes.get(key) ?? expand(key, called);
    }
    if (size > NODES_MAX) throw invalid(`the graph has more than ${NODES_MAX} nodes once its functions are written out: export it without functions`);
    return size;
  };
  const expand = (key: string, called: FunctionProto): number => {
    if (open.has(key)) throw invalid(`function '${called.name}' calls itself: export the model without it`, { function: called.name });
    if (open.size >= 50) throw invalid('functions call functions more than 50 deep: export the model without functions');
    open.add(key);
    const size = sizeOf(called.node);
    open.delete(key);
    sizes.set(key, size);
    return size;
  };
  sizeOf(graph.node);
}

function checkGraph(graph: GraphProto): void {
  for (const tensor of graph.initializer) checkTensor(tensor, 'weight');
  for (const { values, indices, dims } of graph.sparseInitializer) {
    for (const part of [values, indices]) if (part) checkTensor(part, 'sparse weight');
    checkSize(dims, `sparse weight '${values?.name ?? ''}'`);
  }
  for (const value of graph.input) checkDeclared(value, 'input', INPUT_VALUES_MAX);
  for (const value of graph.output) checkDeclared(value, 'output');
  for (const value of graph.valueInfo) checkDeclared(value, 'value');
  const shapes = new Map(graph.initializer.filter(({ dims, dataType }) => dims.length === 1 && dataType === INT64).map((tensor) => [tensor.name, tensor]));
  for (const node of graph.node) {
    const shape = shapes.get(node.input[SHAPE_INPUT[node.opType] ?? -1] ?? '');
    if (shape) checkSize(int64sOf(shape), `what node '${node.name}' (${node.opType}) makes`);
  }
  checkBody(graph.node);
}

/** ONNX's number of int64. */
const INT64 = 7;

/** Operators whose result is as large as a constant says: those that a few bytes of file can make fill the memory. Value: the input that says it. */
const SHAPE_INPUT: Readonly<Record<string, number>> = { ConstantOfShape: 0, Expand: 1 };

function int64sOf({ rawData, int64Data }: { readonly rawData: Uint8Array; readonly int64Data: readonly bigint[] }): readonly bigint[] {
  if (rawData.byteLength === 0) return int64Data;
  const view = new DataView(rawData.buffer, rawData.byteOffset, rawData.byteLength);
  return Array.from({ length: Math.floor(rawData.byteLength / 8) }, (_, index) => view.getBigInt64(index * 8, true));
}

function checkBody(nodes: readonly NodeProto[]): void {
  for (const node of nodes) {
    for (const { t, tensors, sparseTensor, sparseTensors, name } of node.attribute) {
      for (const tensor of t ? [t, ...tensors] : tensors) checkTensor(tensor, `attribute '${name}' of node '${node.name}'`);
      for (const sparse of sparseTensor ? [sparseTensor, ...sparseTensors] : sparseTensors) {
        for (const part of [sparse.values, sparse.indices]) if (part) checkTensor(part, `attribute '${name}' of node '${node.name}'`);
      }
    }
    for (const body of bodiesOf(node)) checkGraph(body);
  }
}
