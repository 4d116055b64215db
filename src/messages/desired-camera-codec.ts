import { createHash } from 'node:crypto';
import { epochMicros } from '../engine/units.ts';
import { PlatformError } from '../engine/errors.ts';
import { cameraOf, rangeOf, type BodyMapping } from './body-mapping.ts';
import type { DesiredCamera, EncodingWish, PictureSettings } from './desired-camera.ts';
import { WIRE_FORMATS, type DesiredCameraWire, type EncodingWishWire, type PictureSettingsWire } from './generated/wire.ts';

/** How cameras as they are wanted lie on the wire. */
export const DESIRED_CAMERA: BodyMapping<DesiredCamera, DesiredCameraWire> = {
  wire: WIRE_FORMATS.cameras,
  toWire: ({ id, uri, maxFps, isDetecting, isLooping, pictures, encoders, fallbacks, standby, restoreAfterMs, replay, tenant, priority, at }) => ({
    id, uri, maxFps, isDetecting, isLooping, pictures: pictures === undefined ? null : { ...pictures, kelvinPerStep: pictures.kelvinPerStep ?? null }, encoders: (encoders ?? []).map(({ name, options }) => ({ name, options: JSON.stringify(options) })),
    fallbacks: [...fallbacks ?? []], standby: standby ?? null, restoreAfterMs: restoreAfterMs ?? null, replay: replay ?? null, tenant: tenant ?? null, priority: priority ?? null,
    at: at === undefined ? null : Math.round(at),
  }),
  payloadOf: () => [],
  fromWire: ({ id, uri, maxFps, isDetecting, isLooping, pictures, encoders, fallbacks, standby, restoreAfterMs, replay, tenant, priority, at }) => ({
    id: cameraOf(id), uri, maxFps, isDetecting, isLooping, ...pictures !== null && { pictures: picturesOf(pictures) },
    ...encoders.length > 0 && { encoders: encoders.map(encodingOf) }, ...fallbacks.length > 0 && { fallbacks }, ...(standby === 'cold' || standby === 'warm') && { standby },
    ...restoreAfterMs !== null && { restoreAfterMs }, ...replay !== null && { replay }, ...tenant !== null && { tenant }, ...priority !== null && { priority }, ...at !== null && { at: epochMicros(at) },
  }),
  identify: (camera) => (camera.at === undefined ? { id: `${camera.id}/${digestOf(camera)}` } : { id: `${camera.id}/${camera.at}`, at: camera.at }),
};

/** Without a time, a wish is known by what it says. */
function digestOf({ id: _, at: __, uri, maxFps, isDetecting, isLooping, pictures, encoders, ...more }: DesiredCamera): string {
  const said = [uri, maxFps, isDetecting, isLooping, ...[pictures, encoders].filter(wish => wish !== undefined), ...Object.keys(more).length > 0 ? [more] : []];
  return createHash('sha256').update(JSON.stringify(said)).digest('hex').slice(0, 16);
}

function picturesOf({ modality, fps, metresPerStep, kelvinPerStep, range }: PictureSettingsWire): PictureSettings {
  return { modality: modality as PictureSettings['modality'], fps, metresPerStep, ...kelvinPerStep !== null && { kelvinPerStep }, range: rangeOf(range) }; // an open set: whoever plays it refuses what it does not know
}

function encodingOf({ name, options }: EncodingWishWire): EncodingWish {
  try {
    const parsed: unknown = JSON.parse(options);
    if (typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed)) return { name, options: parsed as EncodingWish['options'] }; // just checked
  } catch { /* said below */ }
  throw new PlatformError('RECORD_INVALID', `options of encoder '${name.slice(0, 80)}' are no JSON object`);
}
