import { endianness } from 'node:os';
import { AV_PIX_FMT_GRAY16BE, AV_PIX_FMT_GRAY16LE } from 'node-av/constants';
import { Frame, SoftwareScaleContext } from 'node-av/lib';
import { PlatformError } from '../engine/errors.ts';
import type { Raster } from '../messages/raster.ts';
import { LibavPicture } from './decoder.ts';
import { explain } from './libav.ts';
import { isGrey16 } from './rendition.ts';
import { createScaler, type PooledScaler } from './scaler.ts';
import type { Picture } from './types.ts';

/** Reads the samples of pictures as encoders take them. */
export interface RasterReader {
  /**
   * The samples of a picture in a buffer of its own, at its own size: R, G, B of pictures of colours; one channel of depth and thermal pictures, of 16 bits
   * where they were decoded so, never stretched.
   * @throws PlatformError MEDIA_CORRUPT, MEDIA_UNSUPPORTED when libav cannot convert it
   */
  read(picture: Picture): Raster;
  close(): void;
}

/** Makes a reader. It keeps one conversion, of the last form of pictures. */
export function createRasterReader(): RasterReader {
  return new LibavRasterReader();
}

const GREY16_HERE = endianness() === 'LE' ? AV_PIX_FMT_GRAY16LE : AV_PIX_FMT_GRAY16BE;

class LibavRasterReader implements RasterReader {
  readonly #swapper = new Swapper();
  #scaler: { readonly form: string; readonly scaler: PooledScaler } | undefined;

  read(picture: Picture): Raster {
    if (!(picture instanceof LibavPicture)) throw new TypeError('the picture is not from a decoder of src/media');
    const { samples, meaning, width, height } = picture;
    const calibrated = meaning?.calibration && { calibration: meaning.calibration };
    if (meaning !== undefined && isGrey16(samples)) return { width, height, channels: 1, samples: this.#wide(samples), ...calibrated };
    const channels = meaning === undefined ? 'rgb' : 'gray';
    return { width, height, channels: channels === 'rgb' ? 3 : 1, samples: this.#scalerOf(width, height, channels).scale(picture).pixels, ...calibrated };
  }

  #wide(samples: Frame): Uint16Array {
    return copyOf(samples.format === GREY16_HERE ? samples : this.#swapper.swap(samples));
  }

  #scalerOf(width: number, height: number, channels: 'rgb' | 'gray'): PooledScaler {
    const form = `${width}x${height} ${channels}`;
    if (this.#scaler?.form !== form) {
      this.#scaler?.scaler.close();
      this.#scaler = { form, scaler: createScaler({ width, height, channels, fit: 'stretch', align: 'top-left', padValue: 0 }) };
    }
    return this.#scaler.scaler;
  }

  close(): void {
    this.#swapper.close();
    this.#scaler?.scaler.close();
    this.#scaler = undefined;
  }
}

/** Brings 16-bit samples to the machine's byte order. */
class Swapper {
  #context: SoftwareScaleContext | undefined;
  #swapped: Frame | undefined;

  /** The result is valid until the next call. */
  swap(samples: Frame): Frame {
    const { width, height } = samples;
    const known = this.#swapped?.width === width && this.#swapped.height === height ? this.#swapped : undefined;
    const swapped = known ?? this.#open(width, height);
    const code = this.#context?.scaleFrameSync(swapped, samples) ?? 0;
    if (code < 0) throw unreadable(samples, code);
    return swapped;
  }

  #open(width: number, height: number): Frame {
    this.close();
    this.#context = new SoftwareScaleContext();
    this.#context.allocContext();
    const swapped = new Frame();
    swapped.alloc();
    this.#swapped = swapped;
    swapped.width = width;
    swapped.height = height;
    swapped.format = GREY16_HERE;
    const code = swapped.getBuffer();
    if (code < 0) throw unreadable(swapped, code);
    return swapped;
  }

  close(): void {
    this.#context?.freeContext();
    this.#swapped?.free();
    this.#context = undefined;
    this.#swapped = undefined;
  }
}

/** The rows of a frame without what libav puts between them. */
function copyOf(frame: Frame): Uint16Array {
  const { width, height } = frame;
  const samples = new Uint16Array(width * height);
  const bytes = new Uint8Array(samples.buffer);
  const plane = frame.data?.[0] ?? Buffer.alloc(0);
  const stride = frame.linesize[0] ?? 0;
  const row = width * 2;
  if (row === stride) bytes.set(plane.subarray(0, bytes.length));
  else for (let y = 0; y < height; y++) bytes.set(plane.subarray(y * stride, y * stride + row), y * row);
  return samples;
}

function unreadable({ width, height }: Frame, code: number): PlatformError {
  return new PlatformError('MEDIA_CORRUPT', `cannot read the samples of a ${width}x${height} picture: ${explain(code).toLowerCase()}`, { width, height, libav: code });
}
