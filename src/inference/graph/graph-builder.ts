import { create } from '@bufbuild/protobuf';
import { AttributeProto_AttributeType, AttributeProtoSchema, GraphProtoSchema, NodeProtoSchema, StringStringEntryProtoSchema, TensorProtoSchema, ValueInfoProtoSchema } from './generated/onnx_pb.js';
import type { AttributeProto, ModelProto, NodeProto, SparseTensorProto, TensorProto, ValueInfoProto } from './generated/onnx_pb.js';
import { inlineModel } from './inline-model.ts';
import { createModel, ELEMENT_CODES } from './model-file.ts';
import type { ElementType } from './model-file.ts';

declare const brand: unique symbol;

/** A tensor inside a graph, by its name. */
export type Value = string & { readonly [brand]: 'Value' };

/** A node attribute: whole numbers are INT, arrays INTS, text STRING; a float must say so. */
export type Attribute = number | readonly number[] | string | { readonly float: number } | { readonly floats: readonly number[] };

/** Operator set that graphs are written for when nobody asks for another. */
export const DEFAULT_OPSET = 18;

/** ONNX IR version of the files we write; foreign models inlined into a graph may raise it. */
export const DEFAULT_IR_VERSION = 8;

/** Writes one ONNX graph, node by node. Names are made up as needed; names given by callers must be unique in the graph. */
export class GraphBuilder {
  readonly opset: number;
  readonly #name: string;
  readonly #nodes: NodeProto[] = [];
  readonly #weights: TensorProto[] = [];
  readonly #sparseWeights: SparseTensorProto[] = [];
  readonly #inputs: ValueInfoProto[] = [];
  readonly #outputs: ValueInfoProto[] = [];
  readonly #metadata = new Map<string, string>();
  readonly #opsets: Map<string, number>;
  readonly #functions: ModelProto['functions'] = [];
  readonly #constants = new Map<string, Value>();
  #irVersion = DEFAULT_IR_VERSION;
  #count = 0;

  /** `opset` is the version of the default operator set: the caller emits nodes that are valid in it. */
  constructor(name: string, opset: number = DEFAULT_OPSET) {
    this.#name = name;
    this.opset = opset;
    this.#opsets = new Map([['', opset]]);
  }

  /** Declares a graph input. A dimension given as text is symbolic. */
  input(name: string, type: ElementType, dims: readonly (number | string)[]): Value {
    this.#inputs.push(valueOf(name, type, dims));
    return name as Value;
  }

  /** Declares a value as graph output under a name of its own. */
  output(value: Value, name: string, type: ElementType, dims: readonly (number | string)[]): void {
    this.#nodes.push(create(NodeProtoSchema, { opType: 'Identity', name: `output_${name}`, input: [value], output: [name] }));
    this.#outputs.push(valueOf(name, type, dims));
  }

  /** A float32 constant, row-major; without `dims` a vector, `[]` a scalar. */
  floats(values: ArrayLike<number>, dims: readonly number[] = [values.length]): Value {
    return this.#weight('float32', new Uint8Array(Float32Array.from(values).buffer), dims);
  }

  /** A scalar float32 constant. */
  float(value: number): Value {
    return this.floats([value], []);
  }

  /** An int64 constant. */
  ints(values: readonly number[], dims: readonly number[] = [values.length]): Value {
    return this.#weight('int64', new Uint8Array(BigInt64Array.from(values, BigInt).buffer), dims);
  }

  /** A uint8 constant. */
  bytes(values: ArrayLike<number>, dims: readonly number[] = [values.length]): Value {
    return this.#weight('uint8', Uint8Array.from(values), dims);
  }

  /** A bool constant. */
  bools(values: readonly boolean[], dims: readonly number[] = [values.length]): Value {
    return this.#weight('bool', Uint8Array.from(values, Number), dims);
  }

  /** Appends a node with one output. An input left out (`undefined`) is an optional one that is not given. */
  op(type: string, inputs: readonly (Value | undefined)[], attributes: Readonly<Record<string, Attribute>> = {}): Value {
    return this.#node(type, inputs, attributes, [this.#unique(type)])[0] as Value; // one name in, one name out
  }

  /** Appends a node with several outputs. */
  ops(type: string, inputs: readonly (Value | undefined)[], attributes: Readonly<Record<string, Attribute>>, outputs: number): readonly Value[] {
    return this.#node(type, inputs, attributes, Array.from({ length: outputs }, () => this.#unique(type)));
  }

  /** Casts to an element type. */
  cast(value: Value, to: ElementType): Value {
    return this.op('Cast', [value], { to: ELEMENT_CODES[to] });
  }

  /** A part of one axis, `from` to `to` (not included). */
  slice(value: Value, axis: number, from: number, to: number): Value {
    return this.op('Slice', [value, this.ints([from]), this.ints([to]), this.ints([axis])]);
  }

  /** The same values under other dimensions; 0 keeps a dimension, -1 is computed. */
  reshape(value: Value, dims: readonly number[]): Value {
    return this.op('Reshape', [value, this.ints(dims)]);
  }

  /**
   * Copies a foreign model into this graph with every name prefixed, and returns its outputs by their own names.
   * Its default operator set must be this builder's.
   * @throws PlatformError MODEL_INVALID when operator sets differ or one of its inputs is not bound
   */
  inline(model: ModelProto, prefix: string, bindings: Readonly<Record<string, Value>>): ReadonlyMap<string, Value> {
    const part = inlineModel(model, { prefix, bindings, opset: this.opset });
    for (const node of part.nodes) this.#nodes.push(node); // one by one: a hundred thousand arguments overflow the stack
    for (const weight of part.weights) this.#weights.push(weight);
    for (const weight of part.sparseWeights) this.#sparseWeights.push(weight);
    this.#functions.push(...part.functions);
    for (const [domain, version] of part.opsets) this.#opsets.set(domain, version);
    this.#irVersion = Math.max(this.#irVersion, part.irVersion);
    return part.outputs as ReadonlyMap<string, Value>; // names of values that are in this graph now
  }

  /** Adds a row to the file's `metadata_props`. */
  metadata(key: string, value: string): void {
    this.#metadata.set(key, value);
  }

  /** The finished model. */
  build(): ModelProto {
    const graph = create(GraphProtoSchema, { name: this.#name, node: this.#nodes, initializer: this.#weights, sparseInitializer: this.#sparseWeights, input: this.#inputs, output: this.#outputs });
    const model = createModel(graph, this.#opsets, this.#irVersion);
    model.metadataProps = [...this.#metadata].map(([key, value]) => create(StringStringEntryProtoSchema, { key, value }));
    model.functions = this.#functions;
    return model;
  }

  #node(type: string, inputs: readonly (Value | undefined)[], attributes: Readonly<Record<string, Attribute>>, outputs: readonly string[]): readonly Value[] {
    this.#nodes.push(create(NodeProtoSchema, {
      opType: type, name: outputs[0] ?? '', input: inputs.map((input) => input ?? ''), output: [...outputs],
      attribute: Object.entries(attributes).map(([name, value]) => attributeOf(name, value)),
    }));
    return outputs as readonly Value[]; // the node just added produces them
  }

  #weight(type: ElementType, rawData: Uint8Array, dims: readonly number[]): Value {
    const key = rawData.byteLength <= 64 ? `${type} ${dims.join('x')} ${rawData.join()}` : undefined; // small ones are shared
    const known = key === undefined ? undefined : this.#constants.get(key);
    if (known !== undefined) return known;
    const name = this.#unique('constant') as Value;
    this.#weights.push(create(TensorProtoSchema, { name, dataType: ELEMENT_CODES[type], dims: dims.map(BigInt), rawData }));
    if (key !== undefined) this.#constants.set(key, name);
    return name;
  }

  #unique(stem: string): string {
    return `${stem}_${this.#count++}`;
  }
}

function valueOf(name: string, type: ElementType, dims: readonly (number | string)[]): ValueInfoProto {
  return create(ValueInfoProtoSchema, {
    name,
    type: { value: { case: 'tensorType', value: { elemType: ELEMENT_CODES[type], shape: { dim: dims.map((dim) => ({
      value: typeof dim === 'number' ? { case: 'dimValue' as const, value: BigInt(dim) } : { case: 'dimParam' as const, value: dim },
    })) } } } },
  });
}

function attributeOf(name: string, value: Attribute): AttributeProto {
  if (typeof value === 'number') return create(AttributeProtoSchema, { name, type: AttributeProto_AttributeType.INT, i: BigInt(value) });
  if (typeof value === 'string') return create(AttributeProtoSchema, { name, type: AttributeProto_AttributeType.STRING, s: new TextEncoder().encode(value) });
  if ('float' in value) return create(AttributeProtoSchema, { name, type: AttributeProto_AttributeType.FLOAT, f: value.float });
  if ('floats' in value) return create(AttributeProtoSchema, { name, type: AttributeProto_AttributeType.FLOATS, floats: [...value.floats] });
  return create(AttributeProtoSchema, { name, type: AttributeProto_AttributeType.INTS, ints: value.map(BigInt) });
}
