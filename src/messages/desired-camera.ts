import type { CameraId, EpochMicros } from '../engine/units.ts';

/** Body of the compacted topic `vto.cameras`: a camera as the user wants it; a tombstone removes it. */
export interface DesiredCamera {
  readonly id: CameraId;
  /** May hold credentials: never logged or returned by an API. */
  readonly uri: string;
  readonly maxFps: number | null;
  readonly isDetecting: boolean;
  readonly isLooping: boolean;
  /** When it was asked for; tells a wish from the same one before. */
  readonly at?: EpochMicros;
}
