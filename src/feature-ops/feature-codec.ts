import { PlatformError } from '../engine/errors.ts';
import type { CameraId } from '../engine/units.ts';
import { openByteArithmetic, type ByteArithmetic } from '../inference/byte-arithmetic.ts';
import type { FeatureTensor } from '../messages/feature-tensor.ts';
import type { FrameFeature } from '../messages/feature.ts';
import type { FrameShape } from '../messages/model-frame.ts';
import { compressBytes, compressDifference, expandBytes, isPictureOf } from './picture-bytes.ts';

/** Differences in a row, before a whole picture is sent again: a reader that starts anywhere needs no more than so many frames before its first. */
export const DIFFERENCES_MAX = 24;

/** A whole picture is sent at least this often, in event time: where few frames are chosen, a reader does not go back further. */
const WHOLE_WITHIN_MICROS = 10_000_000;

/** Largest picture that is taken from a record, bytes: far beyond any detector's. */
const PICTURE_BYTES_MAX = 64 << 20;

/** Cameras whose last picture is kept by an encoder, or a decoder: those heard of longest ago give way. More than one process can detect on. */
const CAMERAS_MAX = 512;

/** What makes pictures of this kind, `name@version`: models that differ in it cannot share features. */
export function pixelEncoder(channels: FrameShape['channels']): string {
  return `pixels-${channels}@1`;
}

/** The last frame of a camera that went through. */
interface Base { readonly epoch: number; readonly frameSeq: number; readonly pixels: Uint8Array }

type Chosen = Pick<FeatureTensor, 'encoding' | 'payload'>;

interface Sent extends Base { readonly feed: number; readonly differences: number; readonly wholeBytes: number; readonly wholeAt: number }

/**
 * Frames at model size to features. The smallest of raw bytes, zstd, and the zstd of the difference to the frame before is what is sent:
 * a tenth of the pixels from a camera that stands still. A new feed of a camera, and a new epoch, begin with a whole picture; DIFFERENCES_MAX differences, or
 * 10 s of them, are followed by one.
 */
export class FeatureEncoder {
  readonly #name: string;
  readonly #channels: number;
  readonly #arithmetic: ByteArithmetic;
  readonly #sent = new Map<CameraId, Sent>();

  private constructor(channels: FrameShape['channels'], arithmetic: ByteArithmetic) {
    this.#name = pixelEncoder(channels);
    this.#channels = channels === 'gray' ? 1 : 3;
    this.#arithmetic = arithmetic;
  }

  /** @throws PlatformError PROVIDER_UNAVAILABLE */
  static async open(channels: FrameShape['channels']): Promise<FeatureEncoder> {
    return new FeatureEncoder(channels, await openByteArithmetic('Sub'));
  }

  /** One call at a time; the order of a camera's calls is the order in which its features must be read. The frame is free for reuse afterwards. */
  async encode(feature: FrameFeature): Promise<FeatureTensor> {
    const { pixels, width, height, ...geometry } = feature.frame;
    const { epoch, frameSeq, camera, feed, capturedAt } = feature;
    const last = this.#sent.get(camera);
    const isGoingOn = last?.feed === feed && last.epoch === epoch && last.pixels.byteLength === pixels.byteLength;
    const base = isGoingOn && last.differences < DIFFERENCES_MAX && Math.abs(capturedAt - last.wholeAt) < WHOLE_WITHIN_MICROS ? last : undefined;
    const chosen = await this.#choose(pixels, base);
    const isWhole = chosen.encoding !== 'delta-zstd';
    keep(this.#sent, camera, {
      feed, epoch, frameSeq, pixels: copyInto(last?.pixels, pixels),
      differences: isWhole ? 0 : (base?.differences ?? 0) + 1, wholeBytes: isWhole ? chosen.payload.byteLength : base?.wholeBytes ?? 0,
      wholeAt: isWhole ? capturedAt : base?.wholeAt ?? capturedAt,
    });
    return {
      camera, epoch, frameSeq, capturedAt, arrivedAt: feature.arrivedAt, ptsSeconds: feature.ptsSeconds, modality: 'rgb',
      encoder: this.#name, dtype: 'uint8', shape: [height, width, this.#channels], geometry, decodeMs: feature.decodeMs,
      baseSeq: isWhole ? -1 : base?.frameSeq ?? -1, ...chosen,
    };
  }

  /** Idempotent. */
  async close(): Promise<void> {
    this.#sent.clear();
    await this.#arithmetic.close();
  }

  async #choose(pixels: Uint8Array, base: Sent | undefined): Promise<Chosen> {
    if (base === undefined) return chooseWhole(pixels);
    const payload = compressDifference(await this.#arithmetic.run(pixels, base.pixels), pixels);
    // While the difference is smaller than the last whole picture was, the whole one is not compressed as well.
    const whole = payload.byteLength < base.wholeBytes ? undefined : chooseWhole(pixels);
    return whole && whole.payload.byteLength <= payload.byteLength ? whole : { encoding: 'delta-zstd', payload };
  }
}

/** Features to frames at model size, ready for the detector: their pixels are owned by the caller, who must not change them. */
export class FeatureDecoder {
  readonly #shape: FrameShape;
  readonly #arithmetic: ByteArithmetic;
  readonly #read = new Map<CameraId, Base>();

  private constructor(shape: FrameShape, arithmetic: ByteArithmetic) {
    this.#shape = shape;
    this.#arithmetic = arithmetic;
  }

  /** `shape` is the picture the model wants. @throws PlatformError PROVIDER_UNAVAILABLE */
  static async open(shape: FrameShape): Promise<FeatureDecoder> {
    return new FeatureDecoder(shape, await openByteArithmetic('Add'));
  }

  /**
   * The frame of a feature, with `readyAtMs` and `feed` as given. A camera's features come in the order they were written; after an error the ones behind it may be tried.
   * @throws PlatformError RECORD_INVALID when it is not what this model wants, or damaged; BASE_MISSING when it is the difference to a frame that was not
   * read, or not as it was written: a wrong picture never comes out
   */
  async decode(tensor: FeatureTensor, fed: Pick<FrameFeature, 'readyAtMs' | 'feed'>): Promise<FrameFeature> {
    const { camera, epoch, frameSeq, geometry } = tensor;
    const { width, height, channels } = this.#shape;
    const wanted = [height, width, channels === 'gray' ? 1 : 3];
    if (tensor.encoder !== pixelEncoder(channels) || tensor.dtype !== 'uint8' || geometry === null || wanted.join() !== tensor.shape.join()) {
      throw new PlatformError('RECORD_INVALID', `features '${tensor.encoder}' ${tensor.dtype} [${tensor.shape.join(', ')}] of camera '${camera}' are not the '${pixelEncoder(channels)}' uint8 [${wanted.join(', ')}] that the model wants`, { camera });
    }
    const size = wanted.reduce((product, side) => product * side, 1);
    if (size > PICTURE_BYTES_MAX) throw new PlatformError('RECORD_INVALID', `a picture of ${size} bytes is larger than ${PICTURE_BYTES_MAX}`, { camera });
    const pixels = await this.#pixelsOf(tensor, size);
    keep(this.#read, camera, { epoch, frameSeq, pixels });
    return {
      kind: 'frame', camera, epoch, frameSeq, capturedAt: tensor.capturedAt, arrivedAt: tensor.arrivedAt, ptsSeconds: tensor.ptsSeconds,
      frame: { pixels, width, height, ...geometry }, decodeMs: tensor.decodeMs, readyAtMs: fed.readyAtMs, feed: fed.feed,
    };
  }

  /** Drops what is kept of a camera. */
  forget(camera: CameraId): void {
    this.#read.delete(camera);
  }

  /** Idempotent. */
  async close(): Promise<void> {
    this.#read.clear();
    await this.#arithmetic.close();
  }

  async #pixelsOf(tensor: FeatureTensor, size: number): Promise<Uint8Array> {
    const { encoding, payload, camera, frameSeq, epoch, baseSeq } = tensor;
    switch (encoding) {
      case 'raw':
        if (payload.byteLength !== size) throw new PlatformError('RECORD_INVALID', `a feature payload holds ${payload.byteLength} bytes, not ${size}`, { camera });
        return payload.slice();
      case 'zstd': return expandBytes(payload, size);
      case 'delta-zstd': {
        const base = this.#read.get(camera);
        const missing = (why: string): PlatformError => new PlatformError('BASE_MISSING', `frame ${frameSeq} of camera '${camera}' is the difference to frame ${baseSeq}, ${why}`, { camera, epoch, frameSeq, baseSeq });
        if (base === undefined || base.epoch !== epoch || base.frameSeq !== baseSeq) throw missing(`which was not read${base === undefined ? '' : ` (last: ${base.frameSeq})`}`);
        const pixels = await this.#arithmetic.run(expandBytes(payload, size), base.pixels);
        if (!isPictureOf(payload, pixels)) throw missing('which was written otherwise than it was read');
        return pixels;
      }
    }
  }
}

function chooseWhole(pixels: Uint8Array): Chosen {
  const compressed = compressBytes(pixels);
  return compressed.byteLength < pixels.byteLength ? { encoding: 'zstd', payload: compressed } : { encoding: 'raw', payload: pixels.slice() };
}

/** Keeps the newest of each camera, and the cameras heard of last. */
function keep<Kept extends Base>(last: Map<CameraId, Kept>, camera: CameraId, kept: Kept): void {
  last.delete(camera);
  last.set(camera, kept);
  const [oldest] = last.keys();
  if (last.size > CAMERAS_MAX && oldest !== undefined) last.delete(oldest);
}

/** The frame itself is reused by the scaler. */
function copyInto(target: Uint8Array | undefined, pixels: Uint8Array): Uint8Array {
  if (target?.byteLength !== pixels.byteLength) return pixels.slice();
  target.set(pixels);
  return target;
}
