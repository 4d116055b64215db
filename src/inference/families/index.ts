import { PlatformError } from '../../engine/errors.ts';
import { formatIo } from '../graph/model-file.ts';
import type { ModelIo } from '../graph/model-file.ts';
import { endToEnd } from './end-to-end.ts';
import type { Match, ModelFamily } from './family.ts';
import { yolox } from './yolox.ts';

/** Every known family, in the order they are asked. */
export const MODEL_FAMILIES: readonly ModelFamily[] = [
  yolox,
  endToEnd,
];

/** What each family says of a file. */
export function judgeFamilies(io: ModelIo): readonly { readonly family: ModelFamily; readonly match: Match }[] {
  return MODEL_FAMILIES.map((family) => ({ family, match: family.matches(io) }));
}

/**
 * The family of a file: the named one, or with `auto` the only one that matches.
 * @throws PlatformError PLUGIN_UNKNOWN for a name nobody has, MODEL_INVALID when the file is not of the named family,
 * MODEL_FAMILY_UNKNOWN when with `auto` none or several match
 */
export function chooseFamily(name: string, io: ModelIo): ModelFamily {
  const known = MODEL_FAMILIES.map((family) => family.type).join(', ');
  if (name !== 'auto') {
    const family = MODEL_FAMILIES.find((candidate) => candidate.type === name);
    if (!family) throw new PlatformError('PLUGIN_UNKNOWN', `unknown model family '${name}' (known: auto, ${known})`, { family: name });
    const match = family.matches(io);
    if (!match.isMatch) throw new PlatformError('MODEL_INVALID', `the file is no '${name}' model: ${match.reason}`, { family: name });
    return family;
  }
  const judged = judgeFamilies(io);
  const matching = judged.filter(({ match }) => match.isMatch);
  const [only, ...others] = matching;
  if (only && others.length === 0) return only.family;
  const tensors = `inputs ${io.inputs.map(formatIo).join('; ')} -> outputs ${io.outputs.map(formatIo).join('; ')}`;
  const why = matching.length > 0
    ? `several families match: ${matching.map(({ family }) => family.type).join(', ')}`
    : judged.map(({ family, match }) => `not ${family.type}: ${match.isMatch ? '' : match.reason}`).join('; ');
  throw new PlatformError('MODEL_FAMILY_UNKNOWN', `the model's family is not known from ${tensors} (known: ${known}; ${why})`, { known });
}
