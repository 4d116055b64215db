import { epochMicros, type CameraId } from '../../src/engine/units.ts';
import type { FrameFeature } from '../../src/messages/feature.ts';
import type { FrameShape } from '../../src/messages/model-frame.ts';
import { seeded } from './small-models.ts';

/** A small picture for tests of features. */
export const SMALL_SHAPE: FrameShape = { width: 40, height: 30, fit: 'letterbox', align: 'center', padValue: 114, channels: 'bgr' };
/** Its bytes. */
export const SMALL_BYTES = 40 * 30 * 3;

const noise = seeded(7);

/** Noise that does not compress. */
export function noisyPixels(): Uint8Array {
  return Uint8Array.from({ length: SMALL_BYTES }, () => Math.floor(noise() * 256));
}

/** The same picture but for a few bytes. */
export function stillPixels(pixels: Uint8Array, changed: number): Uint8Array {
  const next = pixels.slice();
  for (let index = 0; index < changed; index += 1) next[(index * 37) % SMALL_BYTES] = (next[(index * 37) % SMALL_BYTES]! + 200) % 256;
  return next;
}

/** A chosen frame with these pixels. */
export function frameFeature(frameSeq: number, pixels: Uint8Array, options: { readonly camera?: string; readonly epoch?: number; readonly feed?: number; readonly capturedAt?: number } = {}): FrameFeature {
  return {
    kind: 'frame', camera: (options.camera ?? 'cam') as CameraId, epoch: options.epoch ?? 1, frameSeq, capturedAt: epochMicros(options.capturedAt ?? 1000 + frameSeq), arrivedAt: epochMicros(2000 + frameSeq),
    ptsSeconds: frameSeq / 5, decodeMs: 3, readyAtMs: 77, feed: options.feed ?? 1,
    frame: { pixels, width: 40, height: 30, scaleX: 0.5, scaleY: 0.25, padX: 0, padY: 5, sourceWidth: 80, sourceHeight: 80 },
  };
}
