import type { CameraId, EpochMicros } from '../engine/units.ts';

/** How far a consumer group got with one session of a camera. Frames up to `terminalTo`, and those of `terminalAbove`, have their record. */
export interface EpochPosition {
  readonly epoch: number;
  /** Kafka offset of the first part of the chunk whose frames are being worked on: decoding starts there again. */
  readonly chunkOffset: number;
  /** When that part was written, milliseconds since the Unix epoch. */
  readonly chunkAtMs: number;
  /** Highest frame up to which every frame has its record; -1: none. */
  readonly terminalTo: number;
  /** Runs of frames above it that have their record (B-frames, batches), both ends inclusive. */
  readonly terminalAbove: readonly { readonly from: number; readonly to: number }[];
  /** The end of the session was read, and every frame has its record: nothing of it is ever read again. */
  readonly isOver: boolean;
}

/** Body of the compacted topic `vto.positions`, keyed `<group>/<camera>`, in the partition of the camera: written in the transaction of the records it speaks of. */
export interface CameraPosition {
  readonly group: string;
  readonly camera: CameraId;
  /** Oldest first: the newest, and those before it that still have frames without a record. */
  readonly epochs: readonly EpochPosition[];
  readonly at: EpochMicros;
}
