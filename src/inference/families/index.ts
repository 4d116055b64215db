import { PlatformError } from '../../engine/errors.ts';
import { formatIo } from '../graph/model-file.ts';
import { classifier } from './classifier.ts';
import { detr } from './detr.ts';
import { endToEnd } from './end-to-end.ts';
import type { ForeignModel, Match, ModelFamily, WrapPlan } from './family.ts';
import { fastestdet } from './fastestdet.ts';
import { nanodet } from './nanodet.ts';
import { rfDetr } from './rf-detr.ts';
import { rtDetr } from './rt-detr.ts';
import { ssd } from './ssd.ts';
import { ultraface } from './ultraface.ts';
import { yolov10 } from './yolov10.ts';
import { yolov5 } from './yolov5.ts';
import { yolov8 } from './yolov8.ts';
import { yolox } from './yolox.ts';
import { yunet } from './yunet.ts';

/** Every known family, in the order they are asked. */
export const MODEL_FAMILIES: readonly ModelFamily[] = [
  yolox,
  yolov5,
  yolov8,
  yolov10,
  nanodet,
  fastestdet,
  rtDetr,
  rfDetr,
  detr,
  ssd,
  ultraface,
  yunet,
  classifier,
  endToEnd,
];

/** What a family says of a file. */
export interface Judgement { readonly family: ModelFamily; readonly match: Match }

/** The family that a file is taken for. */
export interface Choice { readonly family: ModelFamily; readonly plan: WrapPlan }

/** What each family says of a file. */
export function judgeFamilies(foreign: ForeignModel): readonly Judgement[] {
  return MODEL_FAMILIES.map((family) => ({ family, match: family.examine(foreign) }));
}

/** The one judgement that `auto` goes by: the only match, and beyond doubt; else undefined. */
export function onlyCertain(judged: readonly Judgement[]): Judgement | undefined {
  const matching = judged.filter(({ match }) => match.isMatch);
  const [only] = matching;
  return matching.length === 1 && only?.match.isMatch === true && only.match.doubt === undefined ? only : undefined;
}

/**
 * The family of a file: the named one, or with `auto` the only one that matches, where nothing else could be meant.
 * @throws PlatformError PLUGIN_UNKNOWN for a name nobody has, MODEL_INVALID when the file is not of the named family,
 * MODEL_FAMILY_UNKNOWN when with `auto` none or several match, or one that leaves a doubt
 */
export function chooseFamily(name: string, foreign: ForeignModel): Choice {
  if (name !== 'auto') {
    const family = familyNamed(name);
    const match = family.examine(foreign);
    if (!match.isMatch) throw new PlatformError('MODEL_INVALID', `the file is no '${name}' model: ${match.reason}`, { family: name });
    return { family, plan: match.plan };
  }
  const judged = judgeFamilies(foreign);
  const certain = onlyCertain(judged);
  if (certain?.match.isMatch === true) return { family: certain.family, plan: certain.match.plan };
  const known = knownNames();
  const { inputs, outputs } = foreign.io;
  const tensors = `inputs ${inputs.map(formatIo).join('; ')} -> outputs ${outputs.map(formatIo).join('; ')}`;
  throw new PlatformError('MODEL_FAMILY_UNKNOWN', `the model's family is not known from ${tensors} (known: ${known}; ${whyNone(judged)})`, { known });
}

/**
 * The family of a name.
 * @throws PlatformError PLUGIN_UNKNOWN for a name nobody has
 */
export function familyNamed(name: string): ModelFamily {
  const family = MODEL_FAMILIES.find((candidate) => candidate.type === name);
  if (!family) throw new PlatformError('PLUGIN_UNKNOWN', `unknown model family '${name}' (known: auto, ${knownNames()})`, { family: name });
  return family;
}

function knownNames(): string {
  return MODEL_FAMILIES.map((family) => family.type).join(', ');
}

function whyNone(judged: readonly Judgement[]): string {
  const candidates = judged.flatMap(({ family, match }) => (match.isMatch ? [{ name: family.type, doubt: match.doubt }] : []));
  if (candidates.length > 0) {
    const doubts = new Set(candidates.flatMap(({ doubt }) => doubt ?? []));
    return [`it has to be named, for it may be ${candidates.map(({ name }) => name).join(' or ')}`, ...doubts].join(': ');
  }
  return judged.map(({ family, match }) => `not ${family.type}: ${match.isMatch ? '' : match.reason}`).join('; ');
}
