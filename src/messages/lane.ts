import { isCameraId, type CameraId } from '../engine/units.ts';

const BACKFILL = '~backfill';

/**
 * Key of what is back-filled of a camera, on its way to a vision process: beside the live frames, which have the camera's own name, it is decoded, followed and given
 * its turn by itself. No camera can be named so, and no record bears it: bodies name the camera.
 */
export function backfillLane(camera: CameraId): CameraId {
  return `${camera}${BACKFILL}` as CameraId; // a key as others, for whoever does not look into it
}

/** True for the key of what is back-filled. */
export function isBackfillLane(key: string): boolean { return key.endsWith(BACKFILL); }

/** True when `text` may be the key of parts on their way to a vision process. */
export function isLane(text: string): text is CameraId { return isCameraId(cameraOfLane(text)); }

/** The camera that a key is of. */
export function cameraOfLane(key: string): CameraId {
  return (isBackfillLane(key) ? key.slice(0, -BACKFILL.length) : key) as CameraId; // keys are of cameras
}
