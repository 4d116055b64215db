import { PlatformError, type ErrorCode } from '../engine/errors.ts';
import type { Envelope } from '../engine/ports.ts';
import type { Stage } from '../engine/stage.ts';
import type { CameraId } from '../engine/units.ts';
import type { FedFeature, FeatureTensor } from '../messages/feature-tensor.ts';
import type { Feature, FeatureRequest } from '../messages/feature.ts';
import type { FrameShape } from '../messages/model-frame.ts';
import { DROP_REASONS, type DropReason } from '../messages/terminal-record.ts';
import { FeatureDecoder } from './feature-codec.ts';

/** What makes a feature undecodable here, whoever made it. */
const UNDECODABLE: readonly ErrorCode[] = ['RECORD_INVALID', 'BASE_MISSING'];

/**
 * Features in, frames at model size out. Each feature ends as one frame, one dropped frame, or (its record exists) nothing; also those that end without
 * detection are read, because later ones differ from them.
 */
export class FeatureReader implements Stage<FeatureRequest<FedFeature>, Feature> {
  readonly #shape: FrameShape;
  readonly #onRefused: (error: PlatformError, camera: CameraId) => void;
  readonly #feeds = new Map<CameraId, number>();
  #decoder: FeatureDecoder | undefined;

  /**
   * @param shape the picture that the model wants
   * @param onRefused told of each feature that cannot be read
   */
  constructor(shape: FrameShape, onRefused: (error: PlatformError, camera: CameraId) => void) {
    this.#shape = shape;
    this.#onRefused = onRefused;
  }

  async open(): Promise<void> {
    this.#decoder = await FeatureDecoder.open(this.#shape);
  }

  async process(batch: readonly Envelope<FeatureRequest<FedFeature>>[]): Promise<readonly Envelope<Feature>[]> {
    const out: Envelope<Feature>[] = [];
    for (const { body, ...envelope } of batch) {
      const feature = await this.#read(body);
      if (feature) out.push({ ...envelope, body: feature });
    }
    return out;
  }

  async close(): Promise<void> {
    await this.#decoder?.close().catch(() => { /* the process ends next: nothing is left to give back */ });
  }

  async #read({ part, isStale, receivedAtMs }: FeatureRequest<FedFeature>): Promise<Feature | undefined> {
    if (!this.#decoder) throw new Error('feature reader used before open');
    const { tensor, feed, isAccounted, camera } = part;
    const last = this.#feeds.get(camera) ?? -1;
    if (feed < last) return undefined; // it was fed again since
    if (feed > last) {
      this.#decoder.forget(camera);
      this.#feeds.set(camera, feed);
    }
    try {
      const frame = await this.#decoder.decode(tensor, { readyAtMs: receivedAtMs, feed });
      if (isAccounted) return undefined;
      return isStale ? dropped(tensor, 'stale') : frame;
    } catch (error) {
      if (!(error instanceof PlatformError) || !UNDECODABLE.includes(error.code)) throw error;
      this.#onRefused(error, camera);
      return isAccounted ? undefined : dropped(tensor, 'undecodable');
    }
  }
}

function dropped({ camera, epoch, frameSeq, capturedAt }: FeatureTensor, reason: DropReason): Feature {
  return { kind: 'dropped', camera, epoch, from: frameSeq, to: frameSeq, reason, isIntentional: DROP_REASONS[reason].isIntentional, capturedAt };
}
