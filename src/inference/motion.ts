import { PlatformError } from '../engine/errors.ts';
import type { DetectorModel, DetectorOptions } from './detector-model.ts';
import type { Warn } from './session.ts';

/** Loads the built-in motion detector. */
export function loadMotionDetector(_options: DetectorOptions, _ctx: { readonly warn: Warn }): Promise<DetectorModel> {
  return Promise.reject(new PlatformError('PLUGIN_UNKNOWN', 'the motion detector is not in this build'));
}
