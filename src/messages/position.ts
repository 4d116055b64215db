import type { CameraId, EpochMicros } from '../engine/units.ts';

/** How far a consumer group got with one session of a camera. Frames up to `terminalTo`, and those of `terminalAbove`, have their record. */
export interface EpochPosition {
  readonly epoch: number;
  /** Kafka offset of the record with the key frame from which decoding has to start for the first frame without a record. */
  readonly chunkOffset: number;
  /** When that record was written, milliseconds since the Unix epoch. */
  readonly chunkAtMs: number;
  /** Highest frame up to which every frame has its record; -1: none. */
  readonly terminalTo: number;
  /** Runs of frames above it that have their record (B-frames, batches), both ends inclusive. */
  readonly terminalAbove: readonly { readonly from: number; readonly to: number }[];
  /** Every frame that was read has its record, and the end of the session was read or a newer one has begun: it needs no decoder any more. */
  readonly isOver: boolean;
}

/** Body of the compacted topic `vto.positions`, keyed `<group>/<camera>`, in the partition of the camera: written in the transaction of the records it speaks of. */
export interface CameraPosition {
  readonly group: string;
  readonly camera: CameraId;
  /** Oldest first. Earlier ones are kept for a while to know their frames again: a node that was cut off repeats some. */
  readonly epochs: readonly EpochPosition[];
  /** When the record where the group goes on was written: what lies too long before it is not read again. */
  readonly at: EpochMicros;
}
