import { createHash } from 'node:crypto';
import { judgeFamilies } from './families/index.ts';
import { describeModel, formatIo, parseModel } from './graph/model-file.ts';
import { readModelFile } from './load-detector.ts';

/** What is known of a model file without running it. */
export interface ModelInspection {
  readonly path: string;
  readonly sizeBytes: number;
  /** SHA-256, hex. */
  readonly digest: string;
  readonly producer: string;
  readonly irVersion: number;
  readonly opset: number;
  /** One line per tensor, such as `images float32 [1, 3, 416, 416]`. */
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  /** The family that `auto` would choose; undefined when none or several match. */
  readonly family: string | undefined;
  /** What each known family says: why it matches or why not. */
  readonly evidence: readonly { readonly family: string; readonly isMatch: boolean; readonly says: string }[];
}

/**
 * Reads a model file for `vto doctor`: tensors, and what each family says of it. Nothing is run.
 * @throws PlatformError SOURCE_NOT_FOUND, MODEL_INVALID
 */
export async function inspectModel(path: string): Promise<ModelInspection> {
  const bytes = await readModelFile(path);
  const io = describeModel(parseModel(bytes));
  const judged = judgeFamilies(io);
  const matching = judged.filter(({ match }) => match.isMatch);
  return {
    path, sizeBytes: bytes.byteLength, digest: createHash('sha256').update(bytes).digest('hex'),
    producer: io.producer, irVersion: io.irVersion, opset: io.opset,
    inputs: io.inputs.map(formatIo), outputs: io.outputs.map(formatIo),
    family: matching.length === 1 ? matching[0]?.family.type : undefined,
    evidence: judged.map(({ family, match }) => ({ family: family.type, isMatch: match.isMatch, says: match.isMatch ? match.evidence : match.reason })),
  };
}
