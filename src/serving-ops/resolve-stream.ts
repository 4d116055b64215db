import { PlatformError } from '../engine/errors.ts';
import { isCameraId, type CameraId } from '../engine/units.ts';
import { withinLimit } from './within-limit.ts';
import { streamNotAllowed } from './allow-stream.ts';
import type { Face } from './face.ts';
import type { CameraView } from './service.ts';
import { parseStreamUri } from './stream-uri.ts';

/** A camera to stream from; `after` is given when the stream was opened just now. */
export interface ResolvedStream { readonly camera: CameraId; readonly after?: number }

/** The refusal of a camera nobody registered, with the known ones. */
export function cameraUnknown(face: Face, id: string): PlatformError {
  const ids = face.backend.cameras().map((camera) => camera.id);
  const known = ids.length === 0 ? 'none' : `${ids.slice(0, 20).join(', ')}${ids.length > 20 ? ', …' : ''}`;
  return new PlatformError('CAMERA_UNKNOWN', `no camera '${id.slice(0, 80)}' (known: ${known})`);
}

/** @throws PlatformError CAMERA_UNKNOWN */
export function cameraView(face: Face, id: string): CameraView {
  const view = face.backend.cameras().find((camera) => camera.id === id);
  if (view === undefined) throw cameraUnknown(face, id);
  return view;
}

/**
 * The camera that a `stream=` value names: an id, the URL of a registered camera, or an allowed URL, which is opened until `signal` aborts.
 * @throws PlatformError CAMERA_UNKNOWN, REQUEST_INVALID, PLUGIN_UNKNOWN, STREAM_NOT_ALLOWED, TIMED_OUT; what opening it throws; the signal's reason
 */
export async function resolveStream(face: Face, text: string, signal: AbortSignal): Promise<ResolvedStream> {
  if (isCameraId(text) || !/[:/\\]/.test(text)) return { camera: cameraView(face, text).id };
  const target = parseStreamUri(text, face.schemes);
  const registered = face.backend.cameraOf(text);
  if (registered !== undefined) return { camera: registered };
  if (!face.allowList.allows(target)) throw streamNotAllowed(target);
  return await withinLimit(face.backend.openStream(text, signal), 'opening the stream', { ms: face.answerMs, clock: face.clock, signal });
}
