import type { CameraId } from '../engine/units.ts';
import type { EncodingWish, PictureSettings } from '../messages/desired-camera.ts';
import type { CameraConfig } from '../utility-ops/config/schema.ts';
import type { CameraRow } from './store.ts';

/** What a request or the settings say of the pictures of a camera. */
export interface PictureWishes {
  readonly modality: CameraConfig['modality'];
  readonly fps?: number | undefined;
  readonly metresPerStep?: number | undefined;
  readonly kelvinPerStep?: number | undefined;
  readonly range?: readonly [black: number, white: number] | undefined;
}

/** A camera of the settings as it is kept. */
export function cameraRowOf({ id, uri, maxFps, isDetecting, isLooping, encoders, ...pictures }: CameraConfig): CameraRow {
  return { id: id as CameraId, uri, maxFps: maxFps ?? null, isDetecting, isLooping, ...picturesOf(pictures), ...encodersOf(encoders) }; // the schema checked its form
}

/** As a row holds it: nothing where nothing was said, so that such a camera is the same as ever. */
export function picturesOf({ modality, fps, metresPerStep, kelvinPerStep, range }: PictureWishes): { readonly pictures?: PictureSettings } {
  if (modality === 'auto' && [fps, metresPerStep, kelvinPerStep, range].every(said => said === undefined)) return {};
  return {
    pictures: {
      modality: modality === 'auto' ? null : modality, fps: fps ?? null, metresPerStep: metresPerStep ?? null,
      ...kelvinPerStep !== undefined && { kelvinPerStep }, range: range ?? null,
    },
  };
}

/** What a request or the settings say of encoders: a name, or a name and options beside it. */
export type EncoderWish = CameraConfig['encoders'][number];

/** As a row holds them: nothing where none is wanted. */
export function encodersOf(wishes: readonly EncoderWish[]): { readonly encoders?: readonly EncodingWish[] } {
  return wishes.length === 0 ? {} : { encoders: wishes.map(encodingOf) };
}

function encodingOf(wish: EncoderWish): EncodingWish {
  if (typeof wish === 'string') return { name: wish, options: {} };
  const { name, ...options } = wish;
  return { name, options };
}

/** The row without what only vision processes need to know: two that differ in that alone are one camera, whose session goes on. */
export function sourceOf({ encoders: _, ...row }: CameraRow): CameraRow {
  return row;
}

/** True when the two differ at most in what only vision processes need to know. */
export function isSameSource(one: CameraRow, other: CameraRow): boolean {
  return JSON.stringify(sourceOf(one)) === JSON.stringify(sourceOf(other));
}

/** The row with other encoders. */
export function withEncoders(row: CameraRow, encoders: readonly EncodingWish[]): CameraRow {
  return { ...sourceOf(row), ...encoders.length > 0 && { encoders } };
}
