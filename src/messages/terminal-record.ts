import type { CameraId, EpochMicros } from '../engine/units.ts';

/** Why a received frame was not detected on. */
export const DROP_REASONS = {
  /** The camera's `maxFps` asked for fewer frames. */
  rate: { isIntentional: true },
  /** The activity gate did not decode it: nothing moved, and nothing was seen before it or after. */
  quiet: { isIntentional: true },
  /** Detection is switched off for the camera: recorded only. */
  'not-wanted': { isIntentional: true },
  /** A newer frame was waiting: the machine is too slow for all of them. */
  stale: { isIntentional: false },
  /** The decoder could make no picture of it. */
  undecodable: { isIntentional: false },
  /** It waited longer than `maxRewindMs` for a vision process. */
  expired: { isIntentional: false },
  /** A newer session of its camera had begun elsewhere: the node that recorded it had been replaced. */
  superseded: { isIntentional: false },
  /** On a camera node: it is on Kafka now, where another node ends it. */
  'handed-over': { isIntentional: true },
  /** On a camera node: the chunks topic takes no record as large as this frame. */
  'too-large': { isIntentional: false },
} as const satisfies Record<string, { readonly isIntentional: boolean }>;

/** Name of a drop reason. */
export type DropReason = keyof typeof DROP_REASONS;

/** One detected object. Corners in source pixels, `x1 < x2`, `y1 < y2`, clipped to the picture. */
export interface Box {
  readonly classId: number;
  readonly label: string;
  /** 0 to 1. */
  readonly score: number;
  readonly x1: number;
  readonly y1: number;
  readonly x2: number;
  readonly y2: number;
  /** The object it is of, the same from frame to frame, unique within its camera; absent where objects are not followed, or it is none that is. */
  readonly trackId?: number;
}

/** The frame went through the detector. */
export interface DetectedRecord {
  readonly kind: 'detected';
  readonly camera: CameraId;
  readonly epoch: number;
  readonly frameSeq: number;
  readonly capturedAt: EpochMicros;
  /** Seconds on the stream's own clock; null when it has none. */
  readonly ptsSeconds: number | null;
  /** Source picture size in pixels. */
  readonly width: number;
  readonly height: number;
  readonly boxes: readonly Box[];
  /** `name@version` of the model. */
  readonly model: string;
  /** SHA-256 of the model file, hex. */
  readonly modelDigest: string;
  /** Execution provider that ran it. */
  readonly provider: string;
  readonly timings: {
    readonly decodeMs: number; readonly waitMs: number; readonly inferMs: number;
    /** From arrival on this machine to the end of inference. */
    readonly ageMs: number;
  };
}

/** A run of consecutive frames that ended without detection, `from` and `to` inclusive. */
export interface DroppedRecord {
  readonly kind: 'dropped';
  readonly camera: CameraId;
  readonly epoch: number;
  readonly from: number;
  readonly to: number;
  readonly reason: DropReason;
  readonly isIntentional: boolean;
  /** Event time of the first frame of the run. */
  readonly capturedAt: EpochMicros;
}

/** Body of topic `vto.detections`: how one frame, or a run of frames, ended. Each received frame has exactly one. */
export type TerminalRecord = DetectedRecord | DroppedRecord;
