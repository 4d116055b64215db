import { PlatformError } from '../engine/errors.ts';

/** The place of one open response stream. */
export interface StreamSlot {
  /** Aborts when the client leaves, the stream ends or the gateway stops. */
  readonly signal: AbortSignal;
  /** Ends the stream; only the first reason counts. */
  abort(reason: unknown): void;
  /** Gives the place back and aborts what is still open. Idempotent. */
  release(): void;
}

/** Counts the open streams and refuses those beyond the limit at the door. */
export interface StreamSlots {
  /** @throws PlatformError OVERLOADED when `cameras` more would pass the limit */
  open(cameras: number): StreamSlot;
  abortAll(reason: unknown): void;
  /** Cameras being streamed, summed over all clients. */
  openCount(): number;
}

/** Slots for at most `maxStreams` cameras streamed at once, over all clients. */
export function createStreamSlots(maxStreams: number): StreamSlots {
  const open = new Map<AbortController, number>();
  const openCount = (): number => [...open.values()].reduce((sum, cameras) => sum + cameras, 0);
  return {
    openCount,
    abortAll(reason) { for (const controller of open.keys()) controller.abort(reason); },
    open(cameras) {
      const taken = openCount();
      if (taken + cameras > maxStreams) {
        throw new PlatformError('OVERLOADED', `${String(taken)} of ${String(maxStreams)} streams are open, no room for ${String(cameras)} more`, { openStreams: taken, maxStreams });
      }
      const controller = new AbortController();
      open.set(controller, cameras);
      return {
        signal: controller.signal,
        abort(reason) { controller.abort(reason); },
        release() { open.delete(controller); controller.abort(); },
      };
    },
  };
}
