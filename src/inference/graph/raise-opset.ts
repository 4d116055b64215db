import { clone, create } from '@bufbuild/protobuf';
import { AttributeProto_AttributeType, AttributeProtoSchema, ModelProtoSchema, TensorProtoSchema } from './generated/onnx_pb.js';
import type { GraphProto, ModelProto, NodeProto, TensorProto } from './generated/onnx_pb.js';
import { ELEMENT_CODES, graphOf } from './model-file.ts';
import type { ElementType } from './model-file.ts';

/** The oldest operator set that graphs around foreign models are written in: the first with every node they need. */
export const OPSET_MIN = 11;

/** Adds a weight and returns its name. */
type AddWeight = (type: ElementType, bytes: Uint8Array, dims: readonly number[]) => string;

/**
 * A model of an older default operator set in version 11: nodes whose attributes became inputs since are rewritten (`Slice`, `Clip`, `Pad`, `TopK`, `Upsample`,
 * `Resize`; onnx/docs/Changelog.md). Others mean the same in both, or onnxruntime refuses them. A model of version 11 or later is returned as it is.
 */
export function raiseOpset(model: ModelProto): ModelProto {
  const current = Number(model.opsetImport.find(isDefault)?.version ?? 0n);
  if (current >= OPSET_MIN || current === 0) return model;
  const raised = clone(ModelProtoSchema, model);
  for (const row of raised.opsetImport) if (isDefault(row)) row.version = BigInt(OPSET_MIN);
  let count = 0;
  const rewriteGraph = (graph: GraphProto): void => {
    const added: TensorProto[] = [];
    const addWeight: AddWeight = (type, rawData, dims) => {
      const name = `raised/${count++}`;
      added.push(create(TensorProtoSchema, { name, dataType: ELEMENT_CODES[type], dims: dims.map(BigInt), rawData }));
      return name;
    };
    for (const node of graph.node) {
      if (node.domain === '' || node.domain === 'ai.onnx') rewrite(node, current, addWeight);
      for (const attribute of node.attribute) {
        if (attribute.g) rewriteGraph(attribute.g);
        attribute.graphs.forEach(rewriteGraph);
      }
    }
    graph.initializer.push(...added);
  };
  rewriteGraph(graphOf(raised));
  raised.irVersion = raised.irVersion < 4n ? 4n : raised.irVersion; // before, every weight had to be an input as well
  return raised;
}

function isDefault({ domain }: { readonly domain: string }): boolean {
  return domain === '' || domain === 'ai.onnx';
}

function rewrite(node: NodeProto, from: number, addWeight: AddWeight): void {
  const ints = (values: readonly (bigint | number)[]): string => addWeight('int64', new Uint8Array(BigInt64Array.from(values, BigInt).buffer), [values.length]);
  const floats = (values: readonly number[], dims: readonly number[]): string => addWeight('float32', new Uint8Array(Float32Array.from(values).buffer), dims);
  const taken = (name: string): NodeProto['attribute'][number] | undefined => {
    const attribute = node.attribute.find((each) => each.name === name);
    node.attribute = node.attribute.filter((each) => each !== attribute);
    return attribute;
  };
  switch (node.opType) {
    case 'Slice': {
      if (from >= 10) return;
      const [starts, ends, axes] = [taken('starts')?.ints ?? [], taken('ends')?.ints ?? [], taken('axes')?.ints];
      node.input.push(ints(starts), ints(ends), ...(axes ? [ints(axes)] : []));
      return;
    }
    case 'Clip': node.input.push(floats([taken('min')?.f ?? -3.4028234663852886e38], []), floats([taken('max')?.f ?? 3.4028234663852886e38], [])); return;
    case 'Pad': node.input.push(ints(taken('pads')?.ints ?? []), floats([taken('value')?.f ?? 0], [])); return;
    case 'TopK': if (from < 10) node.input.push(ints([taken('k')?.i ?? 1n])); return;
    case 'Upsample':
    case 'Resize': {
      const factors = taken('scales')?.floats ?? [];
      const scales = node.input[1] ?? floats(factors, [factors.length]);
      node.opType = 'Resize';
      node.input = [node.input[0] ?? '', floats([], [0]), scales];
      node.attribute.push(text('coordinate_transformation_mode', 'asymmetric'), text('nearest_mode', 'floor'));
      return;
    }
    default:
  }
}

function text(name: string, value: string): NodeProto['attribute'][number] {
  return create(AttributeProtoSchema, { name, type: AttributeProto_AttributeType.STRING, s: new TextEncoder().encode(value) });
}
