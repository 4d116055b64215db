import type { Envelope } from '../../src/engine/ports.ts';
import { epochMicros, type CameraId } from '../../src/engine/units.ts';

/** Wraps a body for camera `key`. */
export function envelope<Body>(body: Body, key = 'cam'): Envelope<Body> {
  return { body, key: key as CameraId, capturedAt: epochMicros(0), trace: '' };
}

/** A signal that never aborts. */
export const NEVER: AbortSignal = new AbortController().signal;
