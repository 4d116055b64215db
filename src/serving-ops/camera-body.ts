import type { z } from 'zod';
import { encodersOf, picturesOf, wishesOf } from '../data-ops/camera-row.ts';
import type { CameraRow } from '../data-ops/store.ts';
import { PlatformError } from '../engine/errors.ts';
import { CAMERA_DEFAULTS } from '../messages/desired-camera.ts';
import { uriLabel } from '../utility-ops/redact-uri.ts';
import { CameraBody, parseRequest } from './requests.ts';
import type { CameraView } from './service.ts';

/** A camera as requests write it, checked, with what they left out. */
export type CameraWish = z.output<typeof CameraBody>;

/** The camera that a body describes. */
export function rowOfBody({ id, uri, maxFps, detect, loop, encoders, ...wishes }: CameraWish): CameraRow {
  return { id, uri, maxFps, isDetecting: detect, isLooping: loop, ...picturesOf(wishes), ...encodersOf(encoders), ...wishesOf(wishes) };
}

/** The body that describes a camera, credentials included. */
function bodyOfRow({ id, uri, maxFps, isDetecting, isLooping, encoders, pictures, ...wishes }: CameraRow): Readonly<Record<string, unknown>> {
  const shown = Object.fromEntries(Object.entries(pictures ?? {}).filter(([, value]) => value !== null));
  return { id, uri, maxFps, detect: isDetecting, loop: isLooping, ...shown, ...encoders && { encoders: encoders.map(({ name, options }) => ({ ...options, name })) }, ...wishes };
}

/**
 * What a merge patch (RFC 7396) makes of a camera: a member that is null goes back to its default. No member is an object, so that one level is all.
 * @throws PlatformError REQUEST_INVALID for a patch that is no object, names another id, or makes what no camera can be
 */
export function patchedWish(row: CameraRow, patch: unknown): CameraWish {
  if (typeof patch !== 'object' || patch === null || Array.isArray(patch)) throw new PlatformError('REQUEST_INVALID', 'body as a whole: must be a JSON object of what is to change', { field: '' });
  const body = new Map<string, unknown>(Object.entries(bodyOfRow(row)));
  for (const [key, value] of Object.entries(patch)) {
    if (value === null && Object.hasOwn(CameraBody.shape, key)) body.delete(key);
    else body.set(key, value);
  }
  const wish = parseRequest(CameraBody, Object.fromEntries(body), 'body');
  if (wish.id !== row.id) throw new PlatformError('REQUEST_INVALID', "body 'id': a camera keeps its id: add another one instead", { field: 'id' });
  return wish;
}

/** The part of a view that the row alone tells, without credentials. */
export function shownOf({ uri, maxFps, isDetecting, isLooping, pictures, encoders = [], fallbacks = [], ...row }: CameraRow): Omit<CameraView, 'id' | 'state' | 'isTemporary' | 'epoch' | 'fps' | 'counts' | 'lastError' | 'gate'> {
  const { standby, restoreAfterMs, tenant, priority } = { ...CAMERA_DEFAULTS, ...row };
  return {
    label: uriLabel(uri), fallbacks: fallbacks.map(uriLabel), standby, restoreAfterMs, tenant, priority, maxFps, isDetecting, isLooping, ...pictures && { pictures },
    encoders: encoders.map(({ name, options }) => ({ ...options, name })),
  };
}
