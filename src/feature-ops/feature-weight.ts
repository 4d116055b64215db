import type { FrameShape } from '../messages/model-frame.ts';

/**
 * What is left of a picture at model size, measured on 416x416 frames of five real videos at 5 fps: 7 % (a room with one person) to 38 % (a drive on
 * a highway), a shop and a street from above in between.
 */
const PICTURE_SHARE = 0.15;

/** What a camera's encoded video takes where nobody measured it: 2 Mbit/s, a 1080p H.264 camera at its usual setting. */
export const TYPICAL_CHUNK_BYTES_PER_SECOND = 250_000;

/** Bytes of one picture at model size. */
export function pictureBytes({ width, height, channels }: Pick<FrameShape, 'width' | 'height' | 'channels'>): number {
  return width * height * (channels === 'gray' ? 1 : 3);
}

/** Bytes a second that the features of one camera take on Kafka, as a rule. */
export function featureBytesPerSecond(shape: Pick<FrameShape, 'width' | 'height' | 'channels'>, fps: number): number {
  return pictureBytes(shape) * fps * PICTURE_SHARE;
}
