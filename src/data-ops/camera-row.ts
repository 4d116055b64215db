import type { CameraId } from '../engine/units.ts';
import type { PictureSettings } from '../messages/desired-camera.ts';
import type { CameraConfig } from '../utility-ops/config/schema.ts';
import type { CameraRow } from './store.ts';

/** What a request or the settings say of the pictures of a camera. */
export interface PictureWishes {
  readonly modality: CameraConfig['modality'];
  readonly fps?: number | undefined;
  readonly metresPerStep?: number | undefined;
  readonly range?: readonly [black: number, white: number] | undefined;
}

/** A camera of the settings as it is kept. */
export function cameraRowOf({ id, uri, maxFps, isDetecting, isLooping, ...pictures }: CameraConfig): CameraRow {
  return { id: id as CameraId, uri, maxFps: maxFps ?? null, isDetecting, isLooping, ...picturesOf(pictures) }; // the schema checked its form
}

/** As a row holds it: nothing where nothing was said, so that such a camera is the same as ever. */
export function picturesOf({ modality, fps, metresPerStep, range }: PictureWishes): { readonly pictures?: PictureSettings } {
  if (modality === 'auto' && fps === undefined && metresPerStep === undefined && range === undefined) return {};
  return { pictures: { modality: modality === 'auto' ? null : modality, fps: fps ?? null, metresPerStep: metresPerStep ?? null, range: range ?? null } };
}
