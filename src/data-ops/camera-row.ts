import type { CameraId } from '../engine/units.ts';
import { CAMERA_DEFAULTS, type EncodingWish, type PictureSettings } from '../messages/desired-camera.ts';
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

/** What a request or the settings say of where a camera's pictures come from, and of its share. */
export interface SourceWishes {
  readonly fallbacks?: readonly string[] | undefined;
  readonly standby?: 'cold' | 'warm' | undefined;
  readonly restoreAfterMs?: number | undefined;
  readonly replay?: string | undefined;
  readonly tenant?: string | undefined;
  readonly priority?: number | undefined;
}

/** A camera of the settings as it is kept. */
export function cameraRowOf({ id, uri, maxFps, isDetecting, isLooping, encoders, ...wishes }: CameraConfig): CameraRow {
  return { id: id as CameraId, uri, maxFps: maxFps ?? null, isDetecting, isLooping, ...picturesOf(wishes), ...encodersOf(encoders), ...wishesOf(wishes) }; // the schema checked its form
}

/** As a row holds them: nothing where nothing was said, or what is so anyway. */
export function wishesOf({ fallbacks = [], standby, restoreAfterMs, replay, tenant, priority }: SourceWishes): Pick<CameraRow, 'fallbacks' | 'standby' | 'restoreAfterMs' | 'replay' | 'tenant' | 'priority'> {
  return {
    ...fallbacks.length > 0 && { fallbacks }, ...standby !== undefined && standby !== CAMERA_DEFAULTS.standby && { standby },
    ...restoreAfterMs !== undefined && restoreAfterMs !== CAMERA_DEFAULTS.restoreAfterMs && { restoreAfterMs },
    ...replay !== undefined && { replay },
    ...tenant !== undefined && tenant !== CAMERA_DEFAULTS.tenant && { tenant }, ...priority !== undefined && priority !== CAMERA_DEFAULTS.priority && { priority },
  };
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

/** What an ingest process needs to know of a camera. */
export type SourceRow = Pick<CameraRow, 'id' | 'uri' | 'isDetecting' | 'isLooping' | 'pictures' | 'fallbacks' | 'standby' | 'restoreAfterMs' | 'replay'>;

/** The part of the row that ingest processes need to know. */
export function sourceOf({ id, uri, isDetecting, isLooping, pictures, fallbacks, standby, restoreAfterMs, replay }: SourceRow): SourceRow {
  return { id, uri, isDetecting, isLooping, ...pictures && { pictures }, ...fallbacks && { fallbacks }, ...standby && { standby }, ...restoreAfterMs !== undefined && { restoreAfterMs }, ...replay !== undefined && { replay } };
}

/** True when the two differ at most in what a session goes on with: such a change cuts no recording. */
export function isSameSource(one: SourceRow, other: SourceRow): boolean {
  return sessionText(one) === sessionText(other);
}

/** What a session is made of, as a text: it changes exactly when the session has to start over. */
export function sessionText({ id, uri, isDetecting, isLooping, pictures, fallbacks, standby, replay }: SourceRow): string {
  return JSON.stringify([id, uri, isDetecting, isLooping, pictures, fallbacks, standby, replay]);
}

/** True when the two say the same. */
export function isSameRow(one: CameraRow, other: CameraRow): boolean {
  return rowText(one) === rowText(other);
}

const FIELDS = Object.keys({
  id: true, uri: true, maxFps: true, isDetecting: true, isLooping: true, pictures: true, encoders: true, fallbacks: true, standby: true, restoreAfterMs: true, replay: true, tenant: true, priority: true,
} satisfies Record<keyof CameraRow, true>) as readonly (keyof CameraRow)[]; // just written

/** All that the row says, as a text; the order in which its keys were set makes no difference. */
export function rowText(row: CameraRow): string {
  return JSON.stringify(FIELDS.map(field => row[field]));
}

/** Makes of what is wanted of a camera now what is wanted from now on. */
export type CameraEdit = (row: CameraRow) => CameraRow | Promise<CameraRow>;

/** What vision processes need to know of a camera. */
export type VisionRow = Pick<CameraRow, 'maxFps' | 'encoders' | 'tenant' | 'priority'>;

/** The part of the row that vision processes need to know. */
export function visionOf({ maxFps, encoders, tenant, priority }: VisionRow): VisionRow {
  return { maxFps, ...encoders && { encoders }, ...tenant !== undefined && { tenant }, ...priority !== undefined && { priority } };
}
