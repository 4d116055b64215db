import type { FrameShape } from '../../messages/model-frame.ts';
import type { GraphBuilder, Value } from '../graph/graph-builder.ts';
import type { ModelProto } from '../graph/generated/onnx_pb.js';
import type { ModelIo } from '../graph/model-file.ts';

/** A model file as families see it. */
export interface ForeignModel {
  readonly io: ModelIo;
  readonly model: ModelProto;
  /** Width and height wished for a picture whose size the file leaves open; files with a fixed size have their own. */
  readonly size?: readonly [width: number, height: number] | undefined;
}

/** Whether a file is of a family, and what that was told from. */
export type Match =
  | { readonly isMatch: false; readonly reason: string }
  | {
    readonly isMatch: true;
    readonly evidence: string;
    /** What else the same tensors could mean. With it the family is never chosen by itself: the user has to name it. */
    readonly doubt?: string | undefined;
    readonly plan: WrapPlan;
  };

/** How the picture enters the network. */
export interface NetworkInput {
  /** Name of the network's input. */
  readonly name: string;
  /** `nchw`: planes; `nhwc`: pixels. */
  readonly layout: 'nchw' | 'nhwc';
  readonly type: 'float32' | 'float16' | 'uint8';
  /** Taken off each sample of 0..255, in the order of `channels`. @default 0 */
  readonly mean?: readonly number[];
  /** Each sample is divided by it after the mean is taken off, in the order of `channels`. @default 1 */
  readonly deviation?: readonly number[];
}

/** The outputs of a network, by name, as float32. */
export type Outputs = (name: string) => Value;

/**
 * What a family's decoding ends in. Corners are float32 `[batch, candidates, 4]`: x1, y1, x2, y2 in pixels of the model's picture.
 * `suppress`: scores `[batch, classes, candidates]`, non-maximum suppression per class follows. `threshold`: scores `[batch, candidates, classes]`, each above
 * `score_min` is a detection. `picked`: score and class `[batch, candidates]`, each candidate above `score_min` is one. `rows`: `[m, 7]`, finished by the network.
 */
export type Decoded =
  | { readonly kind: 'suppress'; readonly corners: Value; readonly scores: Value }
  | { readonly kind: 'threshold'; readonly corners: Value; readonly scores: Value }
  | { readonly kind: 'picked'; readonly corners: Value; readonly score: Value; readonly classId: Value }
  | { readonly kind: 'rows'; readonly rows: Value };

/** The inputs of the graph that every family is brought to. */
export interface CommonInputs {
  /** uint8 `[batch, height, width, channels]`. */
  readonly frame: Value;
  /** float32 `[1]`. */
  readonly scoreMin: Value;
  /** float32 `[1]`. */
  readonly iouMax: Value;
}

/** How the common graph is written around one file. */
export interface WrapPlan {
  /** The picture it wants. */
  readonly shape: FrameShape;
  readonly input: NetworkInput;
  /** Class names in output order, as far as they are known; may be empty. */
  readonly labels: readonly string[];
  /** Whether the file leaves the number of pictures of a run open. */
  readonly isBatchable: boolean;
  /** Values for inputs of the network other than the picture. */
  bind?(graph: GraphBuilder, inputs: CommonInputs): Readonly<Record<string, Value>>;
  /** Writes the decoding behind the network. */
  decode(graph: GraphBuilder, outputs: Outputs, inputs: CommonInputs): Decoded;
}

/**
 * A kind of detector file: how it is recognised, what picture it wants, and how its outputs are read.
 * One file in this folder and one line in `index.ts` add one.
 */
export interface ModelFamily {
  readonly type: string;
  /** One sentence for `vto models inspect` and the docs. */
  readonly summary: string;
  /** Judges by declared tensors, operators and sizes of weights; nothing is run. */
  examine(foreign: ForeignModel): Match;
}

/** A match, with what it was told from; `doubt` says what else the file could be. */
export function accept(evidence: string, plan: WrapPlan, doubt?: string): Match {
  return { isMatch: true, evidence, plan, doubt };
}

/** No match, and why. */
export function refuse(reason: string): Match {
  return { isMatch: false, reason };
}
