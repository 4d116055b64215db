import type { CameraId } from '../engine/units.ts';

/** Identity of a frame: `frameSeq` counts access units in decode order from 0 within one `epoch` of one camera. */
export interface FrameId {
  readonly camera: CameraId;
  /** Grows by at least one with every new source session; persisted before its first frame. */
  readonly epoch: number;
  readonly frameSeq: number;
}
