import { createHash } from 'node:crypto';
import type { CameraId } from '../engine/units.ts';
import { PlatformError } from '../engine/errors.ts';
import type { FrameShape, ModelFrame } from '../messages/model-frame.ts';
import type { Box } from '../messages/terminal-record.ts';
import { toBoxes } from './boxes.ts';
import { MOTION_VERSION } from './built-in.ts';
import { detectEach } from './detector-model.ts';
import type { DetectorModel, DetectorOptions } from './detector-model.ts';
import { GEOMETRY, GEOMETRY_COLUMNS, geometryOf } from './geometry.ts';
import { serializeModel } from './graph/model-file.ts';
import { MOTION_SETTINGS, motionGraph, motionState } from './motion-graph.ts';
import { openSession } from './session.ts';
import type { LoadContext, Session, Tensor } from './session.ts';

const CHANNELS = 3;

/** The picture it wants. */
export const MOTION_SHAPE: FrameShape = { width: MOTION_SETTINGS.width, height: MOTION_SETTINGS.height, fit: 'stretch', align: 'top-left', padValue: 0, channels: 'rgb', sampling: 'average' };

type State = Readonly<Record<string, Tensor>>;

/**
 * Loads the built-in motion detector: class 0, `motion`. It keeps a background of some 1.4 MB per stream until `forget`.
 * Scores are 0.5 at the threshold and grow with contrast.
 * @throws PlatformError MODEL_INVALID when another family is asked for, PLUGIN_UNKNOWN (provider), PROVIDER_UNAVAILABLE
 */
export async function loadMotionDetector(options: DetectorOptions, ctx: LoadContext): Promise<DetectorModel> {
  if (options.family !== 'auto' && options.family !== 'motion') throw new PlatformError('MODEL_INVALID', `the built-in motion detector is no '${options.family}' model`, { family: options.family });
  const bytes = serializeModel(motionGraph());
  const session = await openSession(bytes, { providers: options.providers, warn: ctx.warn, runtime: ctx.runtime });
  const detector = new MotionDetector(session, createHash('sha256').update(bytes).digest('hex'), options);
  await detector.warmUp();
  return detector;
}

class MotionDetector implements DetectorModel {
  readonly id = `motion@${MOTION_VERSION}`;
  readonly digest: string;
  readonly family = 'motion';
  readonly provider: string;
  readonly labels: readonly string[];
  readonly shape = MOTION_SHAPE;
  readonly batchMax = 1;
  readonly #session: Session;
  readonly #scoreMin: number;
  readonly #states = new Map<CameraId, State>();

  constructor(session: Session, digest: string, options: DetectorOptions) {
    this.digest = digest;
    this.provider = session.provider;
    this.labels = options.labels.length > 0 ? options.labels : ['motion'];
    this.#session = session;
    this.#scoreMin = options.scoreMin;
  }

  async warmUp(): Promise<void> {
    const { width, height } = this.shape;
    await this.#run({ pixels: new Uint8Array(width * height * CHANNELS), width, height, scaleX: 1, scaleY: 1, padX: 0, padY: 0, sourceWidth: width, sourceHeight: height }, this.#empty());
  }

  /** One by one: each frame is compared with its stream's last. */
  async detectBatch(frames: readonly ModelFrame[], keys: readonly CameraId[]): Promise<readonly (readonly Box[])[]> {
    return detectEach(this, frames, keys);
  }

  async detect(frame: ModelFrame, key: CameraId): Promise<readonly Box[]> {
    if (frame.width !== this.shape.width || frame.height !== this.shape.height || frame.pixels.byteLength !== frame.width * frame.height * CHANNELS) {
      throw new PlatformError('INFERENCE_FAILED', `a frame of ${frame.width}x${frame.height} in ${frame.pixels.byteLength} bytes is not the RGB ${this.shape.width}x${this.shape.height} that '${this.id}' wants`);
    }
    const last = this.#states.get(key) ?? this.#empty();
    const { rows, state } = await this.#run(frame, last);
    this.#states.set(key, state);
    freeState(last);
    return toBoxes(rows, 1, this.labels, this.#scoreMin)[0] ?? [];
  }

  forget(key: CameraId): void {
    this.#states.delete(key);
  }

  close(): Promise<void> {
    this.#states.clear();
    return this.#session.close();
  }

  #empty(): State {
    return Object.fromEntries(Object.entries(motionState()).map(([name, dims]) => (
      [name, this.#session.tensor('float32', new Float32Array(dims.reduce((product, dim) => product * dim, 1)), dims)]
    )));
  }

  async #run(frame: ModelFrame, state: State): Promise<{ rows: Float32Array; state: State }> {
    const outputs = await this.#session.run({
      ...state, frame: this.#session.tensor('uint8', frame.pixels, [1, this.shape.height, this.shape.width, CHANNELS]),
      [GEOMETRY]: this.#session.tensor('float32', geometryOf([frame]), [1, GEOMETRY_COLUMNS]),
    });
    const next: Record<string, Tensor> = {};
    for (const name of Object.keys(state)) {
      const value = outputs[`next_${name}`];
      if (value) next[name] = value;
    }
    const rows = outputs['detections']?.data;
    if (!(rows instanceof Float32Array)) throw new PlatformError('INFERENCE_FAILED', `'${this.id}' gave no boxes`);
    return { rows, state: next };
  }
}

/** Gives the memory back at once: left to V8, 700 KB a frame make it collect garbage every few frames, for a third of the processor time. */
function freeState(state: State): void {
  for (const name of Object.keys(state)) {
    const values = state[name]?.data;
    if (values instanceof Float32Array && values.buffer instanceof ArrayBuffer) values.buffer.transfer(0);
  }
}
