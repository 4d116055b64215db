import { formatIo } from '../graph/model-file.ts';
import type { TensorIo } from '../graph/model-file.ts';
import type { ForeignModel } from './family.ts';
import { fixed, isFloat, readPicture } from './network-input.ts';
import type { DeclaredPicture, PictureRules } from './network-input.ts';

/** What a network with one picture in and one tensor out declares. */
export interface OneOutput { readonly picture: DeclaredPicture; readonly output: TensorIo }

/** The one picture and the one output, or why there are not just these. */
export function readOneOutput(foreign: ForeignModel, rules: PictureRules): OneOutput | string {
  const { inputs, outputs: [output, ...more] } = foreign.io;
  if (!output || inputs.length !== 1 || more.length > 0) return `it has ${inputs.length} inputs and ${foreign.io.outputs.length} outputs, not one of each`;
  const picture = readPicture(foreign, rules);
  return typeof picture === 'string' ? picture : { picture, output };
}

/** As `readOneOutput`, for an output of floats in three dimensions; `form` says which in the refusal. */
export function readOneTable(foreign: ForeignModel, rules: PictureRules, form: string): OneOutput | string {
  const read = readOneOutput(foreign, rules);
  if (typeof read === 'string' || (isFloat(read.output) && read.output.dims.length === 3)) return read;
  return `its output is ${formatIo(read.output)}, not float32 ${form}`;
}

/** How many classes a dimension of the output has beyond what else is `taken`, or why it has none; `place` is what a class would have there. */
export function readClasses(output: TensorIo, { dim, taken, place }: { readonly dim: number; readonly taken: number; readonly place: string }): number | string {
  const classes = (fixed(output.dims[dim]) ?? NaN) - taken;
  return classes >= 1 ? classes : `its output ${formatIo(output)} has no ${place}`;
}
