import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { basename, extname } from 'node:path';
import { PlatformError } from '../engine/errors.ts';
import type { FrameShape } from '../messages/model-frame.ts';
import type { DetectorModel, DetectorOptions } from './detector-model.ts';
import { chooseFamily } from './families/index.ts';
import type { ForeignModel } from './families/family.ts';
import { FileDetector } from './file-detector.ts';
import type { ModelProto } from './graph/generated/onnx_pb.js';
import { describeModel, parseModel, serializeModel } from './graph/model-file.ts';
import { raiseOpset } from './graph/raise-opset.ts';
import { loadMotionDetector, MOTION_SHAPE } from './motion.ts';
import { openSession } from './session.ts';
import type { LoadContext } from './session.ts';
import { wrapModel } from './wrap-model.ts';

/** Name of the built-in detector that needs no model file. */
export const MOTION_MODEL = 'motion';

/** The largest model file that is read, bytes: protobuf's own limit. */
const FILE_BYTES_MAX = 2 ** 31 - 1;

/**
 * Loads a detector and runs it once, so that the first frame is as fast as the rest.
 * @throws PlatformError SOURCE_NOT_FOUND, MODEL_INVALID, MODEL_FAMILY_UNKNOWN, PLUGIN_UNKNOWN (family or provider), PROVIDER_UNAVAILABLE
 */
export async function loadDetector(options: DetectorOptions, ctx: LoadContext): Promise<DetectorModel> {
  if (options.model === MOTION_MODEL) return loadMotionDetector(options, ctx);
  const bytes = await readModelFile(options.model);
  const foreign = foreignModel(parseModel(bytes), options.size);
  const { metadata } = foreign.io;
  const { family, plan } = chooseFamily(options.family, foreign);
  const digest = createHash('sha256').update(bytes).digest('hex');
  const session = await openSession(serializeModel(wrapModel(foreign, plan, options.entry)), { providers: options.providers, warn: ctx.warn, runtime: ctx.runtime });
  const detector = new FileDetector(session, {
    id: options.id ?? `${metadata.get('name') ?? basename(options.model, extname(options.model))}@${metadata.get('version') ?? digest.slice(0, 8)}`,
    digest, family: family.type, shape: plan.shape, entry: options.entry ?? 'frame', isBatchable: plan.isBatchable && options.entry !== 'picture',
    labels: options.labels.length > 0 ? options.labels : plan.labels,
    scoreMin: options.scoreMin, iouMax: options.iouMax,
  });
  try {
    await detector.warmUp();
  } catch (error) {
    await detector.close();
    throw new PlatformError('MODEL_INVALID', `the model fails on an empty picture: ${error instanceof Error ? error.message : String(error)}`, { model: options.model }, error);
  }
  return detector;
}

/**
 * The picture that a detector wants, told from its file: nothing is loaded.
 * @throws PlatformError as `loadDetector`
 */
export async function detectorShape({ model, family, size }: Pick<DetectorOptions, 'model' | 'family' | 'size'>): Promise<FrameShape> {
  if (model === MOTION_MODEL) return MOTION_SHAPE;
  return chooseFamily(family, foreignModel(parseModel(await readModelFile(model)), size)).plan.shape;
}

/** A parsed file as families see it: in an operator set that graphs can be written around. */
export function foreignModel(model: ModelProto, [width, height]: readonly number[] = []): ForeignModel {
  const raised = raiseOpset(model);
  return { model: raised, io: describeModel(raised), ...(width === undefined || height === undefined ? {} : { size: [width, height] }) };
}

/**
 * The bytes of a model file.
 * @throws PlatformError SOURCE_NOT_FOUND when there is none, MODEL_INVALID when it cannot be read or is too large
 */
export async function readModelFile(path: string): Promise<Uint8Array> {
  let bytes: Uint8Array;
  try {
    bytes = await readFile(path);
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : '';
    if (code === 'ENOENT') throw new PlatformError('SOURCE_NOT_FOUND', `no model file at '${path}'`, { path }, error);
    throw new PlatformError('MODEL_INVALID', `model file '${path}' cannot be read (${String(code)})`, { path }, error);
  }
  if (bytes.byteLength > FILE_BYTES_MAX) throw new PlatformError('MODEL_INVALID', `model file '${path}' has ${bytes.byteLength} bytes, more than ${FILE_BYTES_MAX}`, { path });
  return bytes;
}
