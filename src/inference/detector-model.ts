import type { CameraId } from '../engine/units.ts';
import type { Box } from '../messages/terminal-record.ts';
import type { FrameShape, ModelFrame } from '../messages/model-frame.ts';

/** A loaded detector: one ONNX graph from uint8 frame to boxes. Its calls block the thread: vision processes only. */
export interface DetectorModel {
  /** `name@version`. */
  readonly id: string;
  /** SHA-256 of the model file as given by the user (of our own graph for built-in ones), hex. */
  readonly digest: string;
  readonly family: string;
  readonly provider: string;
  readonly labels: readonly string[];
  /** The picture it wants. */
  readonly shape: FrameShape;
  /**
   * Boxes of one frame in source pixels, best score first.
   * `key` names the stream for models that keep state between frames (motion); frames of one key come in order.
   * @throws PlatformError INFERENCE_FAILED
   */
  detect(frame: ModelFrame, key: CameraId): Promise<readonly Box[]>;
  /** Drops the state kept for a stream. */
  forget(key: CameraId): void;
  /** Waits for a run in flight, then frees the session. Idempotent. */
  close(): Promise<void>;
}

/** What to load. */
export interface DetectorOptions {
  /** Path of an ONNX file, or `motion` for the built-in weight-free detector. */
  readonly model: string;
  /** Name of the family, or `auto` to tell it from the file. */
  readonly family: string;
  /** Execution providers in order of preference; `cpu` is always known. */
  readonly providers: readonly string[];
  readonly scoreMin: number;
  readonly iouMax: number;
  /** Class names in output order; empty: those of the family or `class-N`. */
  readonly labels: readonly string[];
}
