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
   * The samples of a picture in a buffer of its own: R, G, B of pictures of colours; one channel of depth and thermal pictures, of 16 bits where they were
   * decoded so, never stretched. At its own size, or at that given: colours and heat averaged over what a pixel covers, depth taken from the nearest
   * pixel, since the mean of two distances is a place where nothing is.
   * @throws PlatformError MEDIA_CORRUPT, MEDIA_UNSUPPORTED when libav cannot convert it
   */
  read(picture: Picture, size?: RasterSize): Raster;
  close(): void;
}

/** Pixels. */
interface RasterSize { readonly width: number; readonly height: number }

/** Makes a reader, for the pictures of one camera. It keeps a conversion per size. */
export function createRasterReader(): RasterReader {
  return new LibavRasterReader();
}

const GREY16_HERE = endianness() === 'LE' ? AV_PIX_FMT_GRAY16LE : AV_PIX_FMT_GRAY16BE;

/** Conversions kept: a camera has few encoders, and sizes of pictures that never come again must not pile up. */
const CONVERSIONS_MAX = 8;

class LibavRasterReader implements RasterReader {
  readonly #scalers = new Conversions<PooledScaler>();
  readonly #wideScalers = new Conversions<WideScaler>();

  read(picture: Picture, size?: RasterSize): Raster {
    if (!(picture instanceof LibavPicture)) throw new TypeError('the picture is not from a decoder of src/media');
    const { samples, meaning } = picture;
    const { width, height } = size ?? picture;
    if (meaning !== undefined && isGrey16(samples)) {
      const calibrated = meaning.calibration && { calibration: meaning.calibration }; // of 16-bit samples: 8 bits are levels of grey
      return { width, height, channels: 1, samples: this.#wide(samples, { width, height }, meaning.modality === 'depth' ? 'neighbor' : 'bilinear'), ...calibrated };
    }
    const channels = meaning === undefined ? 'rgb' : 'gray';
    const sampling = size === undefined ? 'bilinear' : 'average';
    const scaler = this.#scalers.of(`${width}x${height} ${channels} ${sampling}`, () => createScaler({ width, height, channels, fit: 'stretch', align: 'top-left', padValue: 0, sampling }));
    return { width, height, channels: channels === 'rgb' ? 3 : 1, samples: scaler.scale(picture).pixels };
  }

  #wide(samples: Frame, { width, height }: RasterSize, flags: WideFlags): Uint16Array {
    if (samples.format === GREY16_HERE && samples.width === width && samples.height === height) return copyOf(samples);
    return copyOf(this.#wideScalers.of(`${width}x${height} ${flags}`, () => new WideScaler(width, height, flags)).scale(samples));
  }

  close(): void {
    this.#scalers.close();
    this.#wideScalers.close();
  }
}

/** What is made once and kept, the newest so many. */
class Conversions<Kind extends { close(): void }> {
  readonly #kept = new Map<string, Kind>();

  of(form: string, make: () => Kind): Kind {
    const known = this.#kept.get(form);
    if (known !== undefined) return known;
    const [oldest] = this.#kept.keys();
    if (oldest !== undefined && this.#kept.size >= CONVERSIONS_MAX) {
      this.#kept.get(oldest)?.close();
      this.#kept.delete(oldest);
    }
    const made = make();
    this.#kept.set(form, made);
    return made;
  }

  close(): void {
    for (const each of this.#kept.values()) each.close();
    this.#kept.clear();
  }
}

type WideFlags = 'neighbor' | 'bilinear';

/** Brings 16-bit samples to a size and to the machine's byte order. */
class WideScaler {
  readonly #context = new SoftwareScaleContext();
  readonly #target = new Frame();

  constructor(width: number, height: number, flags: WideFlags) {
    this.#context.allocContext();
    this.#context.setOption('sws_flags', flags);
    this.#target.alloc();
    this.#target.width = width;
    this.#target.height = height;
    this.#target.format = GREY16_HERE;
    const code = this.#target.getBuffer();
    if (code >= 0) return;
    const error = unreadable(this.#target, code);
    this.close();
    throw error;
  }

  /** The result is valid until the next call. */
  scale(samples: Frame): Frame {
    const code = this.#context.scaleFrameSync(this.#target, samples);
    if (code < 0) throw unreadable(samples, code);
    return this.#target;
  }

  close(): void {
    this.#context.freeContext();
    this.#target.free();
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
