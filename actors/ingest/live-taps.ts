import type { CameraId } from '../../src/engine/units.ts';
import type { Desk } from './desk.ts';
import { LIVE_METHODS } from './live-methods.ts';
import { liveItems, newestKeyFrame, type LiveStreamOptions } from './live-stream.ts';
import { LiveTap } from './live-tap.ts';

/** How the desk gets at what is recorded. */
export interface LiveDeskOptions {
  readonly historyOf: (camera: CameraId) => LiveStreamOptions['history'];
  readonly clock: LiveStreamOptions['clock'];
}

/** The taps of the cameras of a process. */
export class LiveTaps {
  readonly #taps = new Map<CameraId, LiveTap>();

  /** The tap of a camera; it stays the same over the camera's sessions. */
  of(camera: CameraId): LiveTap {
    const known = this.#taps.get(camera);
    if (known !== undefined) return known;
    const tap = new LiveTap();
    this.#taps.set(camera, tap);
    return tap;
  }

  /** The camera is gone from here. */
  forget(camera: CameraId): void {
    this.#taps.get(camera)?.close();
    this.#taps.delete(camera);
  }

  /** Lets the root watch. */
  serve(desk: Desk, { historyOf, clock }: LiveDeskOptions): void {
    const optionsOf = (camera: CameraId): LiveStreamOptions => ({ tap: this.of(camera), history: historyOf(camera), clock });
    desk.handleStream(LIVE_METHODS.watch, (camera, _params, signal) => liveItems(optionsOf(camera), signal));
    desk.handle(LIVE_METHODS.keyFrame, (camera, _params, signal) => newestKeyFrame(optionsOf(camera), signal));
  }
}
