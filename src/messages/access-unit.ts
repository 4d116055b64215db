import type { EpochMicros } from '../engine/units.ts';
import type { StreamParameters } from './stream-parameters.ts';

/** One encoded picture as a source delivers it, before it has an identity. */
export interface SourceUnit {
  /** Encoded bytes, never changed on the way. Owned by whoever holds the unit; not reused by the source. */
  readonly data: Uint8Array;
  /** Presentation and decode time in `timeBase` units; null when the source has none. */
  readonly pts: number | null;
  readonly dts: number | null;
  /** In `timeBase` units; 0 when unknown. */
  readonly duration: number;
  readonly isKey: boolean;
  /** The demuxer marked it damaged. */
  readonly isCorrupt: boolean;
  /** Event time: the camera's clock where it is right, else its time stamps put to the earliest arrivals; for files start time + PTS. */
  readonly capturedAt: EpochMicros;
  /** When the bytes reached this machine. */
  readonly arrivedAt: EpochMicros;
  /** What the camera's own clock said, right or wrong; absent: it said nothing. */
  readonly cameraClock?: EpochMicros;
  /** Present on the first unit of a session and whenever the stream changes (new SPS): ends the chunk before it. */
  readonly parameters?: StreamParameters;
  /** The camera itself said, since the unit before, that something moves. */
  readonly isActivityHint?: true;
}

/** An encoded picture with its place in the camera's history. */
export interface AccessUnit extends SourceUnit {
  readonly frameSeq: number;
}
