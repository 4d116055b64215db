import { PlatformError } from '../engine/errors.ts';
import type { CameraId } from '../engine/units.ts';
import type { Box } from '../messages/terminal-record.ts';
import type { Entry } from './wrap-model.ts';
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
  /** Most frames that go through the network in one run: 1 where the file fixes its batch or state goes from frame to frame. */
  readonly batchMax: number;
  /**
   * Boxes of several frames, one list a frame in their order; `keys[i]` is the stream of `frames[i]`. In runs of `batchMax` frames at most, so any number may be given.
   * @throws PlatformError INFERENCE_FAILED for all of them when one is not of the model's shape or a run fails
   */
  detectBatch(frames: readonly ModelFrame[], keys: readonly CameraId[]): Promise<readonly (readonly Box[])[]>;
  /** Drops the state kept for a stream. */
  forget(key: CameraId): void;
  /** Waits for a run in flight, then frees the session. Idempotent. */
  close(): Promise<void>;
}

/** What to load. */
export interface DetectorOptions {
  /** Path of an ONNX file, or `motion` for the built-in weight-free detector. */
  readonly model: string;
  /** `name@version` in its records. @default what the file says of itself, or its name and digest */
  readonly id?: string;
  /** Name of the family, or `auto` to tell it from the file. */
  readonly family: string;
  /** Execution providers in order of preference; `cpu` is always known. */
  readonly providers: readonly string[];
  readonly scoreMin: number;
  readonly iouMax: number;
  /** Width and height of the picture where the file leaves them open; files with a fixed size have their own. Empty: the family's. @default [] */
  readonly size?: readonly number[] | undefined;
  /** `picture`: frames are RGB pictures of any size, fitted inside the graph, and boxes are in their own pixels. @default 'frame', at the model's shape */
  readonly entry?: Entry;
  /** Class names in output order; empty: those of the family or `class-N`. */
  readonly labels: readonly string[];
}

/** `detectBatch` of a model that takes frames one by one. */
export async function detectEach(model: Pick<DetectorModel, 'detect'>, frames: readonly ModelFrame[], keys: readonly CameraId[]): Promise<readonly (readonly Box[])[]> {
  const boxes: (readonly Box[])[] = [];
  for (const [index, frame] of frames.entries()) boxes.push(await model.detect(frame, keyOf(keys, index)));
  return boxes;
}

function keyOf(keys: readonly CameraId[], index: number): CameraId {
  const key = keys[index];
  if (key === undefined) throw new PlatformError('INFERENCE_FAILED', `frame ${index} of a batch has no stream`);
  return key;
}
