import type { EpochMicros } from '../../engine/units.ts';
import type { Box } from '../../messages/terminal-record.ts';

/** Follows the objects of one camera from frame to frame. Its memory is bounded, whatever it is given. */
export interface Tracker {
  /**
   * The same boxes in the same order, with `trackId` where they are of an object that is followed. Frames come in the order they are shown, at any interval; one
   * that is older than the last starts over, with ids of their own.
   */
  track(at: EpochMicros, boxes: readonly Box[]): readonly Box[];
}

/** Makes the tracker of a camera, which counts its objects from `firstId`. */
export type TrackerFactory = (firstId: number) => Tracker;
