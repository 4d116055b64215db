import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { PlatformError } from '../../engine/errors.ts';
import { weightNames } from './bodies.ts';
import { checkModel } from './check-model.ts';
import { ModelProtoSchema, TensorProto_DataType } from './generated/onnx_pb.js';
import type { GraphProto, ModelProto, TensorProto, ValueInfoProto } from './generated/onnx_pb.js';
import { checkWire } from './wire.ts';

/** Element types that this platform reads and writes itself; anything else is named by its ONNX number. */
export type ElementType = 'float32' | 'float16' | 'uint8' | 'uint16' | 'int64' | 'bool';

const NAMES: Readonly<Record<number, ElementType>> = {
  [TensorProto_DataType.FLOAT]: 'float32', [TensorProto_DataType.FLOAT16]: 'float16', [TensorProto_DataType.UINT8]: 'uint8', [TensorProto_DataType.UINT16]: 'uint16',
  [TensorProto_DataType.INT64]: 'int64', [TensorProto_DataType.BOOL]: 'bool',
};

/** The ONNX number of an element type (`TensorProto.DataType`). */
export const ELEMENT_CODES: Readonly<Record<ElementType, TensorProto_DataType>> = {
  float32: TensorProto_DataType.FLOAT, float16: TensorProto_DataType.FLOAT16, uint8: TensorProto_DataType.UINT8, uint16: TensorProto_DataType.UINT16,
  int64: TensorProto_DataType.INT64, bool: TensorProto_DataType.BOOL,
};

/** A declared input or output: a dimension is a number, a symbol, or `?` where the file says nothing. */
export interface TensorIo { readonly name: string; readonly type: ElementType | `onnx-${number}`; readonly dims: readonly (number | string)[] }

/** What a model file says about itself, read without running it. */
export interface ModelIo {
  readonly inputs: readonly TensorIo[];
  readonly outputs: readonly TensorIo[];
  /** `metadata_props` of the file. */
  readonly metadata: ReadonlyMap<string, string>;
  /** Operator types in the main graph. */
  readonly operators: ReadonlySet<string>;
  /** Version of the default operator set. */
  readonly opset: number;
  readonly irVersion: number;
  readonly producer: string;
}

/**
 * Reads an ONNX file and judges it.
 * @throws PlatformError MODEL_INVALID when the bytes are no ONNX model, or hold one that cannot be worked with: the message says why and what to do
 */
export function parseModel(bytes: Uint8Array): ModelProto {
  checkWire(ModelProtoSchema, bytes);
  let model: ModelProto;
  try {
    model = fromBinary(ModelProtoSchema, bytes);
  } catch (error) {
    throw new PlatformError('MODEL_INVALID', `not an ONNX file of ${bytes.byteLength} bytes: ${describe(error)}; copy or export it again`, { sizeBytes: bytes.byteLength }, error);
  }
  checkModel(model);
  return model;
}

/** The bytes of a model, ready for a session or a file. */
export function serializeModel(model: ModelProto): Uint8Array {
  return toBinary(ModelProtoSchema, model);
}

/** An empty model with our name as the producer. */
export function createModel(graph: GraphProto, opsets: ReadonlyMap<string, number>, irVersion: number): ModelProto {
  return create(ModelProtoSchema, {
    irVersion: BigInt(irVersion), producerName: 'visutility', graph,
    opsetImport: [...opsets].map(([domain, version]) => ({ domain, version: BigInt(version) })),
  });
}

/** The graph of a model that `parseModel` accepted. */
export function graphOf(model: ModelProto): GraphProto {
  if (!model.graph) throw new PlatformError('MODEL_INVALID', 'the model holds no graph');
  return model.graph;
}

/** What the file declares. Weights that old files list among the inputs are left out. */
export function describeModel(model: ModelProto): ModelIo {
  const graph = graphOf(model);
  const weights = new Set(weightNames(graph));
  return {
    inputs: graph.input.filter((input) => !weights.has(input.name)).map(toIo),
    outputs: graph.output.map(toIo),
    metadata: new Map(model.metadataProps.map((row) => [row.key, row.value])),
    operators: new Set(graph.node.map((node) => node.opType)),
    opset: Number(model.opsetImport.find((row) => row.domain === '' || row.domain === 'ai.onnx')?.version ?? 0n),
    irVersion: Number(model.irVersion),
    producer: `${model.producerName} ${model.producerVersion}`.trim(),
  };
}

function toIo(value: ValueInfoProto): TensorIo {
  const kind = value.type?.value;
  if (kind?.case !== 'tensorType') return { name: value.name, type: 'onnx-0', dims: [] };
  const dims = kind.value.shape?.dim.map(({ value: dim }) => (dim.case === 'dimValue' ? Number(dim.value) : dim.value || '?')) ?? [];
  return { name: value.name, type: NAMES[kind.value.elemType] ?? `onnx-${kind.value.elemType}`, dims };
}

/** One line about a tensor, such as `images float32 [1, 3, 416, 416]`. */
export function formatIo(io: TensorIo): string {
  return `${io.name} ${io.type} [${io.dims.join(', ')}]`;
}

/**
 * The values of a float32 weight, in a copy of its own: the parsed bytes may be an unaligned view of the file.
 * @throws PlatformError MODEL_INVALID when it is no float32 tensor of the size its dimensions say
 */
export function floatsOf(tensor: TensorProto): Float32Array {
  const count = tensor.dims.reduce((product, dim) => product * Number(dim), 1);
  const values = tensor.rawData.byteLength === count * 4
    ? new Float32Array(Uint8Array.prototype.slice.call(tensor.rawData).buffer)
    : Float32Array.from(tensor.floatData);
  if (tensor.dataType !== TensorProto_DataType.FLOAT || values.length !== count) {
    throw new PlatformError('MODEL_INVALID', `weight '${tensor.name}' is no float32 tensor of ${count} values`, { weight: tensor.name });
  }
  return values;
}

function describe(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
