import type { FrameShape } from '../../messages/model-frame.ts';
import type { ModelProto } from '../graph/generated/onnx_pb.js';
import type { ModelIo } from '../graph/model-file.ts';

/** Whether a file is of a family, and what that was told from. */
export type Match =
  | { readonly isMatch: true; readonly evidence: string }
  | { readonly isMatch: false; readonly reason: string };

/** Names of the graph that every family is brought to. */
export const DETECTOR_INPUTS = { frame: 'frame', scoreMin: 'score_min', iouMax: 'iou_max' } as const;

/** Its one output, float32 `[m, 7]`: batch, class, score, x1, y1, x2, y2 in pixels of the model's input. */
export const DETECTOR_OUTPUT = 'detections';

/**
 * A kind of detector file: how it is recognised, what picture it wants, and how a graph of the common form is written around it.
 * One file in this folder and one line in `index.ts` add one.
 */
export interface ModelFamily {
  readonly type: string;
  /** One sentence for `vto doctor` and the docs. */
  readonly summary: string;
  /** Judges by declared tensors and operators alone; no weights are read. */
  matches(io: ModelIo): Match;
  /** The picture it wants. Only for an `io` that matches. */
  shape(io: ModelIo): FrameShape;
  /** Class names in output order, as far as the family knows them; may be empty. */
  labels(io: ModelIo): readonly string[];
  /**
   * Writes the graph of the common form: inputs `frame` uint8 `[1, height, width, channels]`, `score_min` and `iou_max` float32 `[1]`; output `detections`.
   * @throws PlatformError MODEL_INVALID when the file cannot be wrapped
   */
  wrap(model: ModelProto, io: ModelIo): ModelProto;
}
