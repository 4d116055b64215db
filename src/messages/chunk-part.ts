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
  /** No unit of this epoch follows: decoders flush, the chunk closes. Such a part may be without units. */
  readonly isEpochEnd: boolean;
  /** Read back from the archive to be fed again: exempt from staleness while catching up. */
  readonly isRecovered: boolean;
  /** Decoded for reference only: the terminal records of these frames exist. */
  readonly isAccounted: boolean;
  /** Number of the feed this part belongs to: it grows when the feeder starts over, and a consumer then starts over for the camera. */
  readonly feed: number;
  /** On the last part of a closed chunk that leaves this machine: SHA-256, hex, over the content of the whole chunk (`createContentHash` of src/media). Such a part may be without units. */
  readonly contentHash?: string;
}
