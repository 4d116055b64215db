import type { CameraId, EpochMicros } from '../engine/units.ts';
import type { FeatureTensor } from './feature-tensor.ts';
import type { ModelFrame } from './model-frame.ts';
import type { DroppedRecord } from './terminal-record.ts';

/** A frame chosen for detection, decoded and brought to the model's shape. Never leaves the process: a `FeatureTensor` does. */
export interface FrameFeature {
  readonly kind: 'frame';
  readonly camera: CameraId;
  readonly epoch: number;
  readonly frameSeq: number;
  readonly capturedAt: EpochMicros;
  readonly arrivedAt: EpochMicros;
  readonly ptsSeconds: number | null;
  readonly frame: ModelFrame;
  readonly decodeMs: number;
  /** Monotonic milliseconds when the unit was taken up, for the waiting time. */
  readonly readyAtMs: number;
  /** Of the part it comes from: it grows when the camera starts over. */
  readonly feed: number;
  /** What encoders made of it, where the camera wants that. */
  readonly tensors?: readonly FeatureTensor[];
}

/** What the featurizer hands to the detector: a frame, or the end of frames that need no detection. */
export type Feature = FrameFeature | DroppedRecord;

/** What the featurizer is asked to do with a part. */
export interface FeatureRequest<Part> {
  readonly part: Part;
  /** A newer one waits and this one is over the staleness budget: decode for reference only. */
  readonly isStale: boolean;
  /** Monotonic milliseconds when the part reached this process. */
  readonly receivedAtMs: number;
}
