import type { PictureSize } from '../../media/picture-size.ts';

/** An encoded picture put together from the payloads of its packets. */
export interface JoinedPicture {
  readonly data: Uint8Array;
  readonly isKey: boolean;
  /** Where the picture itself says it: key pictures of VP8. */
  readonly size?: PictureSize;
}

/** How a codec's pictures travel in RTP. One object a stream: it may remember what one picture has for the next. */
export interface PayloadFormat {
  /** True when a picture surely begins with this payload, so that nothing of it was lost before. */
  beginsPicture(payload: Uint8Array): boolean;
  /**
   * The picture of these payloads, in order, none missing. `none`: they hold nothing that is a picture by itself, and are kept for the next one.
   * `damaged`: they do not follow the format.
   */
  join(payloads: readonly Uint8Array[]): JoinedPicture | 'none' | 'damaged';
  /** Forgets what was kept: something was lost. */
  forget(): void;
}
