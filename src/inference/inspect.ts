import { createHash } from 'node:crypto';
import type { FrameShape } from '../messages/model-frame.ts';
import type { DetectorOptions } from './detector-model.ts';
import { familyNamed, judgeFamilies, onlyCertain } from './families/index.ts';
import type { WrapPlan } from './families/family.ts';
import { describeModel, formatIo, parseModel } from './graph/model-file.ts';
import { foreignModel, readModelFile } from './load-detector.ts';

/** What one family says of a file. */
export interface FamilyEvidence {
  readonly family: string;
  readonly isMatch: boolean;
  /** Why it matches, or why not. */
  readonly says: string;
  /** What else the file could be; with it the family has to be named. */
  readonly doubt?: string;
}

/** The picture that a file wants, and what it does with it. */
export interface PictureWanted {
  readonly shape: FrameShape;
  /** Taken off each sample of 0..255, per channel; empty: nothing. */
  readonly mean: readonly number[];
  /** Each sample is divided by it, per channel; empty: by nothing. */
  readonly deviation: readonly number[];
  /** Whether several pictures can go through it in one run, by its declaration. */
  readonly isBatchable: boolean;
  /** Class names in output order; empty: the file has none and its family neither. */
  readonly labels: readonly string[];
}

/** What is known of a model file without running it. */
export interface ModelInspection {
  readonly path: string;
  readonly sizeBytes: number;
  /** SHA-256, hex. */
  readonly digest: string;
  readonly producer: string;
  readonly irVersion: number;
  readonly opset: number;
  /** Rows of the file's `metadata_props`. */
  readonly metadata: Readonly<Record<string, string>>;
  /** One line per tensor, such as `images float32 [1, 3, 416, 416]`. */
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  /** The family that `auto` would choose; undefined when none matches, several do, or the one leaves a doubt. */
  readonly family: string | undefined;
  /** Families that the file may be of: with more than one, or a doubt, one has to be named. */
  readonly candidates: readonly string[];
  /** What each known family says: why it matches or why not. */
  readonly evidence: readonly FamilyEvidence[];
  /** The picture wanted, as the family sees it that was named or chosen; undefined when there is none. */
  readonly picture: PictureWanted | undefined;
}

/**
 * Reads a model file: tensors, what each family says of it, and what the named one, or the only certain one, wants. Nothing is run.
 * @throws PlatformError SOURCE_NOT_FOUND, MODEL_INVALID, PLUGIN_UNKNOWN for a family that nobody has
 */
export async function inspectModel(path: string, { family: named = 'auto', size }: Partial<Pick<DetectorOptions, 'family' | 'size'>> = {}): Promise<ModelInspection> {
  if (named !== 'auto') familyNamed(named);
  const bytes = await readModelFile(path);
  const model = parseModel(bytes);
  const io = describeModel(model);
  const judged = judgeFamilies(foreignModel(model, size));
  const certain = onlyCertain(judged);
  const chosen = named === 'auto' ? certain : judged.find(({ family }) => family.type === named);
  return {
    path, sizeBytes: bytes.byteLength, digest: createHash('sha256').update(bytes).digest('hex'),
    producer: io.producer, irVersion: io.irVersion, opset: io.opset, metadata: Object.fromEntries(io.metadata),
    inputs: io.inputs.map(formatIo), outputs: io.outputs.map(formatIo),
    family: certain?.family.type,
    candidates: judged.filter(({ match }) => match.isMatch).map(({ family }) => family.type),
    evidence: judged.map(({ family, match }) => ({
      family: family.type, isMatch: match.isMatch, says: match.isMatch ? match.evidence : match.reason, ...(match.isMatch && match.doubt !== undefined ? { doubt: match.doubt } : {}),
    })),
    picture: chosen?.match.isMatch === true ? pictureOf(chosen.match.plan) : undefined,
  };
}

function pictureOf({ shape, input, isBatchable, labels }: WrapPlan): PictureWanted {
  return { shape, mean: input.mean ?? [], deviation: input.deviation ?? [], isBatchable, labels };
}
