import type { Envelope } from '../engine/ports.ts';
import type { Stage } from '../engine/stage.ts';
import type { FeatureTensor } from '../messages/feature-tensor.ts';
import type { Feature } from '../messages/feature.ts';
import type { FrameShape, ModelFrame } from '../messages/model-frame.ts';
import type { DroppedRecord } from '../messages/terminal-record.ts';
import { FeatureEncoder } from './feature-codec.ts';

/** Frames at model size in, features for another process out. What needs no detection passes through in its place. */
export class FeatureWriter implements Stage<Feature, FeatureTensor | DroppedRecord> {
  readonly #channels: FrameShape['channels'];
  readonly #release: (frame: ModelFrame) => void;
  #encoder: FeatureEncoder | undefined;

  /** @param release takes a frame back that was encoded */
  constructor(channels: FrameShape['channels'], release: (frame: ModelFrame) => void) {
    this.#channels = channels;
    this.#release = release;
  }

  async open(): Promise<void> {
    this.#encoder = await FeatureEncoder.open(this.#channels);
  }

  async process(batch: readonly Envelope<Feature>[]): Promise<readonly Envelope<FeatureTensor | DroppedRecord>[]> {
    if (!this.#encoder) throw new Error('feature writer used before open');
    const out: Envelope<FeatureTensor | DroppedRecord>[] = [];
    for (const envelope of batch) {
      const { body } = envelope;
      if (body.kind === 'frame') {
        out.push({ ...envelope, body: await this.#encoder.encode(body) });
        this.#release(body.frame);
      } else out.push({ ...envelope, body });
    }
    return out;
  }

  async close(): Promise<void> {
    await this.#encoder?.close().catch(() => { /* the process ends next: nothing is left to give back */ });
  }
}
