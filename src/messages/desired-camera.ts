import type { CameraId, EpochMicros } from '../engine/units.ts';
import type { Modality } from './raster.ts';

/** How the pictures of a camera are played and understood. null: as its source says. */
export interface PictureSettings {
  readonly modality: Modality | null;
  /** Pictures a second of a folder of pictures. */
  readonly fps: number | null;
  /** Metres of one step of 16-bit depth. */
  readonly metresPerStep: number | null;
  /** Kelvin of one step of 16-bit thermal pictures without constants. */
  readonly kelvinPerStep?: number;
  /** What black and white stand for where 16-bit samples are shown in 8 bits. */
  readonly range: readonly [black: number, white: number] | null;
}

/** An encoder that a camera wants, with its options. */
export interface EncodingWish {
  readonly name: string;
  readonly options: Readonly<Record<string, unknown>>;
}

/** What a camera has of which nothing is said. */
export const CAMERA_DEFAULTS = { standby: 'cold', restoreAfterMs: 10_000, tenant: 'default', priority: 1 } as const;

/** Body of the compacted topic `vto.cameras`: a camera as the user wants it; a tombstone removes it. */
export interface DesiredCamera {
  readonly id: CameraId;
  /** May hold credentials: never logged or returned by an API. */
  readonly uri: string;
  readonly maxFps: number | null;
  readonly isDetecting: boolean;
  readonly isLooping: boolean;
  /** Absent: as the source says. */
  readonly pictures?: PictureSettings;
  /** Features that are computed of every frame that is detected on. Absent: none. */
  readonly encoders?: readonly EncodingWish[];
  /** Further sources in order of preference after `uri`; may hold credentials as it does. Absent: none. */
  readonly fallbacks?: readonly string[];
  /** `warm`: the next source is kept connected while another one is played. Absent: cold. */
  readonly standby?: 'cold' | 'warm';
  /** How long a better source must have been stable before it is returned to. Absent: `CAMERA_DEFAULTS`. */
  readonly restoreAfterMs?: number;
  /** Where the camera replays what it recorded itself; may hold credentials. Absent: an `onvif://` camera is asked, others have none. */
  readonly replay?: string;
  /** Whose camera it is. Absent: `CAMERA_DEFAULTS`. */
  readonly tenant?: string;
  /** Share among the cameras of its tenant when there is not enough time for all. Absent: `CAMERA_DEFAULTS`. */
  readonly priority?: number;
  /** When it was asked for; tells a wish from the same one before. */
  readonly at?: EpochMicros;
}
