import { createHash } from 'node:crypto';
import { epochMicros } from '../engine/units.ts';
import { cameraOf, type BodyMapping } from './body-mapping.ts';
import type { DesiredCamera } from './desired-camera.ts';
import { WIRE_FORMATS, type DesiredCameraWire } from './generated/wire.ts';

/** How cameras as they are wanted lie on the wire. */
export const DESIRED_CAMERA: BodyMapping<DesiredCamera, DesiredCameraWire> = {
  wire: WIRE_FORMATS.cameras,
  toWire: ({ id, uri, maxFps, isDetecting, isLooping, at }) => ({ id, uri, maxFps, isDetecting, isLooping, at: at === undefined ? null : Math.round(at) }),
  payloadOf: () => [],
  fromWire: ({ id, uri, maxFps, isDetecting, isLooping, at }) => ({ id: cameraOf(id), uri, maxFps, isDetecting, isLooping, ...at !== null && { at: epochMicros(at) } }),
  identify: (camera) => (camera.at === undefined ? { id: `${camera.id}/${digestOf(camera)}` } : { id: `${camera.id}/${camera.at}`, at: camera.at }),
};

/** Without a time, a wish is known by what it says. */
function digestOf({ uri, maxFps, isDetecting, isLooping }: DesiredCamera): string {
  return createHash('sha256').update(JSON.stringify([uri, maxFps, isDetecting, isLooping])).digest('hex').slice(0, 16);
}
