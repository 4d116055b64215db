import type { CameraId, EpochMicros } from '../engine/units.ts';
import type { AccessUnit } from './access-unit.ts';
import type { StreamParameters } from './stream-parameters.ts';

/** Body of topic `vto.chunks`: consecutive access units of one chunk. In-machine transports carry one unit a part. */
export interface ChunkPart {
  readonly camera: CameraId;
  readonly epoch: number;
  /** Counts chunks of the epoch from 0. A chunk starts at a key frame (or at the first unit of the epoch). */
  readonly chunkSeq: number;
  /** Counts parts of the chunk from 0. */
  readonly partSeq: number;
  readonly chunkStartedAt: EpochMicros;
  /** Of the chunk. */
  readonly parameters: StreamParameters;
  readonly units: readonly AccessUnit[];
  /** True when decoding cannot start at this chunk's first frame without loss (open GOP). */
  readonly isOpenGop: boolean;
  /**
   * Present when the part was read back from the archive to be fed again. A consumer starts over for the camera when `feed` grows.
   * Frames below `freshFrom` are decoded for reference only: their terminal records exist.
   */
  readonly replay?: { readonly isRecovered: boolean; readonly isAccounted: boolean };
  /** Number of the feed this part belongs to: grows when the feeder starts over for a new consumer. */
  readonly feed: number;
}
