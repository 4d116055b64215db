import type { PlatformError } from '../engine/errors.ts';
import type { ReceivedPicture } from './webrtc/picture-assembler.ts';

/** An encoded picture from a publisher. */
export interface PublishedPicture extends ReceivedPicture {
  /** Microseconds since the Unix epoch by the sender's clock; null before it told. */
  readonly senderMicros: number | null;
}

/** Somebody who sends a camera's video to us, connected. */
export interface Publisher {
  readonly codec: 'h264' | 'vp8';
  /** Parameter sets that came with the offer, Annex B; empty when they come with the pictures. */
  readonly parameterSets: Uint8Array;
  /** Packets lost and pictures left out so far, and why the last of them was. */
  readonly unreadable: number;
  readonly lastUnreadable: PlatformError | undefined;
  /**
   * The next picture; undefined when the publisher ended its session in order.
   * @throws PlatformError SOURCE_STALLED, SOURCE_UNREACHABLE, PUBLISHER_REPLACED after everything received was given; the signal's reason
   */
  next(signal: AbortSignal): Promise<PublishedPicture | undefined>;
  /** Sends the publisher away. Idempotent. */
  leave(): void;
}

/** Where a camera waits for somebody to publish. */
export interface PublisherDoor {
  /** Waits for the next publisher. One call at a time. @throws the signal's reason */
  next(signal: AbortSignal): Promise<Publisher>;
}
