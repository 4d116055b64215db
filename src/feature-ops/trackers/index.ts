import { Registry } from '../../engine/registry.ts';
import { byteTrack } from './byte-track.ts';
import type { TrackerFactory } from './tracker.ts';

/** Every tracker by its name. */
export const trackers = new Registry<TrackerFactory, undefined>('tracker', [byteTrack]);

/** Poorest boxes that a tracker is given: half hidden objects score low. */
export const TRACKED_SCORE_MIN = 0.1;
