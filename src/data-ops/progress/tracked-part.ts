import type { CameraId, EpochMicros } from '../../engine/units.ts';
import type { CameraPosition } from '../../messages/position.ts';
import type { DroppedRecord } from '../../messages/terminal-record.ts';

/** A frame of a record, as far as progress is concerned. */
export interface TrackedUnit {
  readonly frameSeq: number;
  /** Decoding may start here. */
  readonly isKey: boolean;
  readonly capturedAt: EpochMicros;
}

/** Body of an input record: frames of one session of a camera. `ChunkPart` is one. */
export interface TrackedPart {
  readonly camera: CameraId;
  readonly epoch: number;
  /** Ascending by `frameSeq`. */
  readonly units: readonly TrackedUnit[];
  /** No unit of this epoch follows. */
  readonly isEpochEnd: boolean;
  /** It waited where it was recorded: its camera node handed it over late. */
  readonly isRecovered?: boolean;
}

/** What ends frames: the record of one frame, or of a run of dropped ones. */
export type Ending = { readonly camera: CameraId; readonly epoch: number; readonly frameSeq: number } | DroppedRecord;

/** An input record with its body. */
export interface Accepted<Part extends TrackedPart> { readonly offset: number; readonly timestampMs: number; readonly part: Part }

/** What of a part goes to the vision process, in order. */
export interface Feeding<Part extends TrackedPart> {
  readonly part: Part;
  /** Its units from `first` to before `end`; none: only the end of the epoch. */
  readonly first: number;
  readonly end: number;
  /** Their records exist: they are decoded for reference only. */
  readonly isAccounted: boolean;
  /** It waited: at its camera node, or in the partition when that was taken over; or it was fed before. */
  readonly isRecovered: boolean;
  /** Tell the decoder that the epoch has ended. */
  readonly isEnd: boolean;
  /** Grows when the camera starts over. */
  readonly feed: number;
}

/** What one transaction takes along. */
export interface Taken<Out, Position> {
  readonly records: readonly Out[];
  readonly positions: readonly Position[];
  /** The group goes on here: everything before it has its records. */
  readonly commitOffset: number;
}

/** Where a partition is taken over. */
export interface TakeOver {
  readonly positions: readonly CameraPosition[];
  /** Where the group goes on; the first offset of the partition when it has never committed. */
  readonly committedOffset: number;
  /** End of the partition: what lies before it is no live record. */
  readonly endOffset: number;
  /** Number of the feed: greater than every earlier one. */
  readonly feed: number;
}
