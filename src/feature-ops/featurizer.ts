import type { Envelope } from '../engine/ports.ts';
import type { Stage, StageContext } from '../engine/stage.ts';
import type { CameraId } from '../engine/units.ts';
import type { Scaler } from '../media/types.ts';
import type { ChunkPart } from '../messages/chunk-part.ts';
import type { Feature, FeatureRequest } from '../messages/feature.ts';
import { isBackfillLane } from '../messages/lane.ts';
import type { DetectedRecord } from '../messages/terminal-record.ts';
import type { CameraActivity } from './activity/camera-activity.ts';
import type { CameraEncoders } from './camera-encoders.ts';
import type { FrameGate } from './frame-gate.ts';
import { CameraFeaturizer, type FeaturizerTools } from './camera-featurizer.ts';

/** Options of the featurizer stage. */
export interface FeaturizerOptions {
  readonly createDecoder: FeaturizerTools['createDecoder'];
  /** Made when the stage opens, closed with it. */
  readonly createScaler: () => Scaler;
  /** Which frames to detect on. Asked when a camera appears. */
  readonly gateOf: (camera: CameraId) => FrameGate;
  /** What tells which frames are worth decoding; undefined: all are. Asked when a camera appears. @default all of every camera */
  readonly activityOf?: (camera: CameraId) => CameraActivity | undefined;
  /** Computes features of the frames chosen; closed with the stage. @default none are */
  readonly encoders?: CameraEncoders;
}

/** Access units in, frames at model size out, each frame chosen before it is scaled. Keeps one decoder per camera, and one for what is back-filled of it, of which all is decoded. */
export class Featurizer implements Stage<FeatureRequest<ChunkPart>, Feature> {
  readonly #options: FeaturizerOptions;
  readonly #cameras = new Map<CameraId, CameraFeaturizer>();
  #scaler: Scaler | undefined;

  constructor(options: FeaturizerOptions) {
    this.#options = options;
  }

  async open(): Promise<void> {
    this.#scaler = this.#options.createScaler();
  }

  async process(batch: readonly Envelope<FeatureRequest<ChunkPart>>[], ctx: StageContext): Promise<readonly Envelope<Feature>[]> {
    const out: Envelope<Feature>[] = [];
    for (const { body, key, trace } of batch) {
      const { encoders } = this.#options;
      await encoders?.settle(body.part.camera, body.part.parameters);
      for (const taken of await this.#camera(key, body.part.camera, ctx).take(body)) {
        const feature = encoders === undefined ? taken : await encoders.encode(taken, key);
        out.push({ body: feature, key, capturedAt: feature.capturedAt, trace });
      }
    }
    return out;
  }

  /** Takes note of what a detector found on a frame of this stage. */
  sees(record: DetectedRecord): void {
    this.#cameras.get(record.camera)?.sees(record);
  }

  async close(): Promise<void> {
    for (const camera of this.#cameras.values()) camera.close();
    this.#cameras.clear();
    this.#scaler?.close();
    await this.#options.encoders?.close().catch(() => { /* the process ends next: nothing is left to give back */ });
  }

  #camera(key: CameraId, id: CameraId, ctx: StageContext): CameraFeaturizer {
    let camera = this.#cameras.get(key);
    if (!camera) {
      if (!this.#scaler) throw new Error('featurizer used before open');
      const activity = isBackfillLane(key) ? undefined : this.#options.activityOf?.(id);
      const tools: FeaturizerTools = {
        createDecoder: this.#options.createDecoder, scaler: this.#scaler, nowMs: () => ctx.clock.monotonicMs(), look: (of, picture) => this.#options.encoders?.look(of, picture),
        ...activity && { activity },
      };
      camera = new CameraFeaturizer(id, this.#options.gateOf(id), tools);
      this.#cameras.set(key, camera);
    }
    return camera;
  }
}
