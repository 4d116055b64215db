import { PlatformError } from '../../engine/errors.ts';
import { TensorProto_DataLocation, TensorProto_DataType as T } from './generated/onnx_pb.js';
import type { TensorProto, ValueInfoProto } from './generated/onnx_pb.js';

/** More values than a tensor of a detector ever holds: 8 GiB of float32. Dimensions that say more are a damaged file, or one made to take the machine's memory. */
const VALUES_MAX = 2 ** 31;

/** The largest picture that is taken: 9,400 x 9,400 in three channels, a gibibyte of float32. Buffers and grids are made by its size before anything runs. */
export const INPUT_VALUES_MAX = 2 ** 28;

interface Layout {
  /** Bits of a value in `raw_data`. */
  readonly bits: number;
  /** The list that holds the values where `raw_data` is empty. */
  readonly list: 'floatData' | 'int32Data' | 'int64Data' | 'doubleData' | 'uint64Data';
  /** Entries of that list for one value. @default 1 */
  readonly entries?: number;
}

/** How each element type is stored (onnx.proto, TensorProto). Types that are not here are left to onnxruntime. */
const LAYOUTS: Readonly<Partial<Record<number, Layout>>> = {
  [T.FLOAT]: { bits: 32, list: 'floatData' }, [T.COMPLEX64]: { bits: 64, list: 'floatData', entries: 2 },
  [T.DOUBLE]: { bits: 64, list: 'doubleData' }, [T.COMPLEX128]: { bits: 128, list: 'doubleData', entries: 2 },
  [T.INT64]: { bits: 64, list: 'int64Data' }, [T.UINT64]: { bits: 64, list: 'uint64Data' }, [T.UINT32]: { bits: 32, list: 'uint64Data' },
  [T.INT32]: { bits: 32, list: 'int32Data' },
  [T.INT16]: { bits: 16, list: 'int32Data' }, [T.UINT16]: { bits: 16, list: 'int32Data' }, [T.FLOAT16]: { bits: 16, list: 'int32Data' }, [T.BFLOAT16]: { bits: 16, list: 'int32Data' },
  [T.INT8]: { bits: 8, list: 'int32Data' }, [T.UINT8]: { bits: 8, list: 'int32Data' }, [T.BOOL]: { bits: 8, list: 'int32Data' },
  [T.FLOAT8E4M3FN]: { bits: 8, list: 'int32Data' }, [T.FLOAT8E4M3FNUZ]: { bits: 8, list: 'int32Data' },
  [T.FLOAT8E5M2]: { bits: 8, list: 'int32Data' }, [T.FLOAT8E5M2FNUZ]: { bits: 8, list: 'int32Data' },
  [T.INT4]: { bits: 4, list: 'int32Data', entries: 0.5 }, [T.UINT4]: { bits: 4, list: 'int32Data', entries: 0.5 }, [T.FLOAT4E2M1]: { bits: 4, list: 'int32Data', entries: 0.5 },
};

/**
 * Compares a stored tensor with what it says of itself.
 * @throws PlatformError MODEL_INVALID when its values are in another file, or are more or fewer than its dimensions say
 */
export function checkTensor(tensor: TensorProto, what: string): void {
  const weight = `${what} '${tensor.name.slice(0, 100)}'`;
  const refuse = (says: string): never => { throw new PlatformError('MODEL_INVALID', `${weight} ${says}`, { weight: tensor.name.slice(0, 100) }); };
  if (tensor.dataLocation === TensorProto_DataLocation.EXTERNAL || tensor.externalData.length > 0) {
    refuse('is kept in another file: save the model as one file (onnx.save with save_as_external_data=False)');
  }
  const count = countOf(tensor.dims);
  if (count === undefined) return refuse(`has dimensions [${shown(tensor.dims)}], which no tensor can have: export the model again`);
  if (tensor.dataType === T.UNDEFINED) refuse('says no element type: export the model again');
  if (tensor.dataType === T.STRING) {
    if (tensor.stringData.length !== count) refuse(`has ${tensor.stringData.length} texts for its dimensions [${shown(tensor.dims)}]: export the model again`);
    return;
  }
  const layout = LAYOUTS[tensor.dataType];
  if (layout === undefined) return;
  const isRaw = tensor.rawData.byteLength > 0;
  const [stored, wanted] = isRaw
    ? [tensor.rawData.byteLength, Math.ceil(count * layout.bits / 8)]
    : [tensor[layout.list].length, Math.ceil(count * (layout.entries ?? 1))];
  if (stored !== wanted) refuse(`has ${stored} ${isRaw ? 'bytes' : 'values'}, its dimensions [${shown(tensor.dims)}] want ${wanted}: the file is damaged, export the model again`);
}

/** @throws PlatformError MODEL_INVALID when a declared tensor has more values than `valuesMax` */
export function checkDeclared(value: ValueInfoProto, what: string, valuesMax = VALUES_MAX): void {
  const kind = value.type?.value;
  if (kind?.case !== 'tensorType') return;
  const dims = kind.value.shape?.dim.map(({ value: dim }) => (dim.case === 'dimValue' ? dim.value : 1n)) ?? [];
  checkSize(dims, `${what} '${value.name.slice(0, 100)}'`, valuesMax);
}

/** Dimensions below 1 are unknown ones, as some exporters write them. @throws PlatformError MODEL_INVALID when the rest say more than `valuesMax` values */
export function checkSize(dims: readonly bigint[], what: string, valuesMax = VALUES_MAX): void {
  const count = dims.reduce((product, dim) => product * Math.max(1, Number(dim)), 1);
  if (count > valuesMax) {
    throw new PlatformError('MODEL_INVALID', `${what} has dimensions [${shown(dims)}], ${count.toPrecision(3)} values: more than ${valuesMax} are refused; export the model for a smaller picture or batch`, { values: count });
  }
}

/** Undefined when a dimension is negative or there are more than 2^53 values. */
function countOf(dims: readonly bigint[]): number | undefined {
  let count = 1;
  for (const dim of dims) {
    if (dim < 0n) return undefined;
    count *= Number(dim);
  }
  return Number.isSafeInteger(count) ? count : undefined;
}

function shown(dims: readonly bigint[]): string {
  return `${dims.slice(0, 8).join(', ')}${dims.length > 8 ? ', …' : ''}`;
}
