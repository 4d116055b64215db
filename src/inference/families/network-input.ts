import { formatIo } from '../graph/model-file.ts';
import type { ModelIo, TensorIo } from '../graph/model-file.ts';
import type { ForeignModel, NetworkInput } from './family.ts';

/** The picture that a network takes, told from its declaration. */
export interface DeclaredPicture {
  readonly width: number;
  readonly height: number;
  readonly name: string;
  readonly type: NetworkInput['type'];
  readonly layout: NetworkInput['layout'];
  /** Whether input and outputs leave the number of pictures open. */
  readonly isBatchable: boolean;
}

/** What a family asks of the picture. */
export interface PictureRules {
  /** Element types that it may have. */
  readonly types: readonly NetworkInput['type'][];
  readonly layout: NetworkInput['layout'];
  /** Height and width must be multiples of it. */
  readonly multiple: number;
  /** Width and height where the file leaves them open and nobody wishes others. */
  readonly size: readonly [width: number, height: number];
}

const CHANNELS = 3;

/** Whether a tensor holds floats that the graph around it can read. */
export function isFloat(tensor: TensorIo | undefined): boolean {
  return tensor?.type === 'float32' || tensor?.type === 'float16';
}

/** The input that is a picture of three channels, or why there is none. */
export function readPicture({ io, size }: ForeignModel, rules: PictureRules): DeclaredPicture | string {
  const input = io.inputs.find(({ dims }) => dims.length === 4) ?? io.inputs[0];
  if (!input) return 'it has no inputs';
  const wanted = `${rules.types[0]} ${rules.layout === 'nchw' ? '[1, 3, height, width]' : '[1, height, width, 3]'}`;
  const [batch, ...rest] = input.dims;
  const [height, width] = rules.layout === 'nchw' ? rest.slice(1) : rest;
  const channels = rules.layout === 'nchw' ? rest[0] : rest[2];
  const type = rules.types.find((candidate) => candidate === input.type);
  if (type === undefined || input.dims.length !== 4 || (fixed(channels) ?? CHANNELS) !== CHANNELS) return `its input is ${formatIo(input)}, not ${wanted}`;
  if (typeof batch === 'number' && batch !== 1) return `its batch is fixed at ${batch}`;
  const [wishedWidth, wishedHeight] = size ?? trainedSize(io) ?? rules.size;
  const [w, h] = [typeof width === 'number' ? width : wishedWidth, typeof height === 'number' ? height : wishedHeight];
  if (!(w >= 1 && h >= 1) || w > SIDE_MAX || h > SIDE_MAX) return `its input ${formatIo(input)} is no picture of 1 to ${SIDE_MAX} pixels a side`;
  if (w % rules.multiple !== 0 || h % rules.multiple !== 0) return `its input of ${w}x${h} is no multiple of ${rules.multiple} in height and width`;
  return { width: w, height: h, name: input.name, type, layout: rules.layout, isBatchable: [input, ...io.outputs].every(({ dims }) => typeof dims[0] === 'string') };
}

/** What Ultralytics' exporter notes as `imgsz`: height and width. */
function trainedSize({ metadata }: ModelIo): readonly [number, number] | undefined {
  const [, height, width] = /^\[(\d+), *(\d+)\]$/.exec(metadata.get('imgsz') ?? '') ?? [];
  return height === undefined || width === undefined ? undefined : [Number(width), Number(height)];
}

/** Far above any detector's picture; keeps a damaged file from asking for all memory. */
const SIDE_MAX = 8192;

/** A float picture in planes, as nearly all exporters write. */
export const FLOAT_PLANES: PictureRules = { types: ['float32', 'float16'], layout: 'nchw', multiple: 32, size: [640, 640] };

/** Columns of a dimension: its number when the file says it, else undefined. */
export function fixed(dim: number | string | undefined): number | undefined {
  return typeof dim === 'number' ? dim : undefined;
}
