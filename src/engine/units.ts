declare const brand: unique symbol;

/** Microseconds since the Unix epoch, UTC. Exact in a double until the year 2255. */
export type EpochMicros = number & { readonly [brand]: 'EpochMicros' };

/** Name of a camera: 1 to 63 characters of `a-z 0-9 - _`, starting with a letter or digit. Key of every message about it. */
export type CameraId = string & { readonly [brand]: 'CameraId' };

const CAMERA_ID = /^[a-z0-9][a-z0-9_-]{0,62}$/;

/** True when `text` may name a camera. */
export function isCameraId(text: string): text is CameraId {
  return CAMERA_ID.test(text);
}

/** Marks a number of microseconds since the Unix epoch as such. */
export function epochMicros(micros: number): EpochMicros {
  return micros as EpochMicros; // a brand only: every number is representable
}
