import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { basename, extname } from 'node:path';
import { PlatformError } from '../engine/errors.ts';
import type { FrameShape, ModelFrame } from '../messages/model-frame.ts';
import type { Box } from '../messages/terminal-record.ts';
import { toBoxes } from './boxes.ts';
import type { DetectorModel, DetectorOptions } from './detector-model.ts';
import { chooseFamily } from './families/index.ts';
import { DETECTOR_INPUTS, DETECTOR_OUTPUT } from './families/family.ts';
import { describeModel, parseModel, serializeModel } from './graph/model-file.ts';
import { loadMotionDetector, MOTION_SHAPE } from './motion.ts';
import { openSession } from './session.ts';
import type { LoadContext, Session, Tensor } from './session.ts';

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
  const model = parseModel(bytes);
  const io = describeModel(model);
  const family = chooseFamily(options.family, io);
  const shape = family.shape(io);
  const digest = createHash('sha256').update(bytes).digest('hex');
  const session = await openSession(serializeModel(family.wrap(model, io)), { providers: options.providers, warn: ctx.warn, runtime: ctx.runtime });
  const detector = new FileDetector(session, {
    id: `${io.metadata.get('name') ?? basename(options.model, extname(options.model))}@${io.metadata.get('version') ?? digest.slice(0, 8)}`,
    digest, family: family.type, shape,
    labels: options.labels.length > 0 ? options.labels : family.labels(io),
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
export async function detectorShape({ model, family }: Pick<DetectorOptions, 'model' | 'family'>): Promise<FrameShape> {
  if (model === MOTION_MODEL) return MOTION_SHAPE;
  const io = describeModel(parseModel(await readModelFile(model)));
  return chooseFamily(family, io).shape(io);
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

interface FileDetectorOptions {
  readonly id: string; readonly digest: string; readonly family: string; readonly shape: FrameShape;
  readonly labels: readonly string[]; readonly scoreMin: number; readonly iouMax: number;
}

class FileDetector implements DetectorModel {
  readonly id: string;
  readonly digest: string;
  readonly family: string;
  readonly provider: string;
  readonly labels: readonly string[];
  readonly shape: FrameShape;
  readonly #session: Session;
  readonly #dims: readonly number[];
  readonly #size: number;
  readonly #scoreMin: number;
  readonly #thresholds: Readonly<Record<string, Tensor>>;

  constructor(session: Session, options: FileDetectorOptions) {
    this.id = options.id;
    this.digest = options.digest;
    this.family = options.family;
    this.provider = session.provider;
    this.labels = options.labels;
    this.shape = options.shape;
    this.#session = session;
    this.#dims = [1, options.shape.height, options.shape.width, options.shape.channels === 'gray' ? 1 : 3];
    this.#size = this.#dims.reduce((product, dim) => product * dim, 1);
    this.#scoreMin = options.scoreMin;
    this.#thresholds = {
      [DETECTOR_INPUTS.scoreMin]: session.tensor('float32', Float32Array.of(options.scoreMin), [1]),
      [DETECTOR_INPUTS.iouMax]: session.tensor('float32', Float32Array.of(options.iouMax), [1]),
    };
  }

  async warmUp(): Promise<void> {
    await this.#run(new Uint8Array(this.#size).fill(this.shape.padValue));
  }

  async detect(frame: ModelFrame): Promise<readonly Box[]> {
    if (frame.width !== this.shape.width || frame.height !== this.shape.height || frame.pixels.byteLength !== this.#size) {
      throw new PlatformError('INFERENCE_FAILED', `a frame of ${frame.width}x${frame.height} in ${frame.pixels.byteLength} bytes is not the ${this.shape.width}x${this.shape.height} that '${this.id}' wants`);
    }
    return toBoxes(await this.#run(frame.pixels), frame, this.labels, this.#scoreMin);
  }

  forget(): void {
    // Stateless: nothing is kept between frames.
  }

  close(): Promise<void> {
    return this.#session.close();
  }

  async #run(pixels: Uint8Array): Promise<Float32Array> {
    const outputs = await this.#session.run({ ...this.#thresholds, [DETECTOR_INPUTS.frame]: this.#session.tensor('uint8', pixels, this.#dims) });
    const rows = outputs[DETECTOR_OUTPUT];
    if (!(rows?.data instanceof Float32Array) || rows.dims[1] !== 7) {
      throw new PlatformError('INFERENCE_FAILED', `'${this.id}' gave ${rows?.type} [${rows?.dims.join(', ')}] instead of float32 [m, 7]`);
    }
    return rows.data;
  }
}
