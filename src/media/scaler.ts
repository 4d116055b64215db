import {
  AV_PIX_FMT_BGR24, AV_PIX_FMT_GRAY16BE, AV_PIX_FMT_GRAY16LE, AV_PIX_FMT_GRAY8, AV_PIX_FMT_NV12, AV_PIX_FMT_P010LE, AV_PIX_FMT_RGB24, AV_PIX_FMT_RGB48LE, AV_PIX_FMT_YUV420P, AV_PIX_FMT_YUV420P10LE, AV_PIX_FMT_YUV422P,
  AV_PIX_FMT_YUV422P10LE, AV_PIX_FMT_YUV422P16LE, AV_PIX_FMT_YUV444P, AV_PIX_FMT_YUV444P10LE, AV_PIX_FMT_YUVJ420P, AV_PIX_FMT_YUVJ422P, AV_PIX_FMT_YUVJ444P, AVCOL_PRI_UNSPECIFIED, AVCOL_RANGE_JPEG,
  AVCOL_RANGE_UNSPECIFIED, AVCOL_SPC_UNSPECIFIED, AVCOL_TRC_UNSPECIFIED,
} from 'node-av/constants';
import type { AVColorRange, AVColorSpace, AVPixelFormat } from 'node-av/constants';
import { Frame, SoftwareScaleContext } from 'node-av/lib';
import { PlatformError } from '../engine/errors.ts';
import type { FrameShape, ModelFrame } from '../messages/model-frame.ts';
import { LibavPicture } from './decoder.ts';
import { explain } from './libav.ts';
import type { Picture, Scaler } from './types.ts';

const FULL_RANGE_YUV: ReadonlySet<number> = new Set([AV_PIX_FMT_YUVJ420P, AV_PIX_FMT_YUVJ422P, AV_PIX_FMT_YUVJ444P]);
const YUV: ReadonlySet<number> = new Set([
  ...FULL_RANGE_YUV, AV_PIX_FMT_YUV420P, AV_PIX_FMT_YUV422P, AV_PIX_FMT_YUV444P, AV_PIX_FMT_YUV420P10LE, AV_PIX_FMT_YUV422P10LE, AV_PIX_FMT_YUV444P10LE, AV_PIX_FMT_NV12, AV_PIX_FMT_P010LE,
]);
/** One channel, scaled as one: a third of the time of three copies of it. */
const GREY: ReadonlySet<number> = new Set([AV_PIX_FMT_GRAY8, AV_PIX_FMT_GRAY16BE, AV_PIX_FMT_GRAY16LE]);
const OUTPUT = { rgb: AV_PIX_FMT_RGB24, bgr: AV_PIX_FMT_BGR24, gray: AV_PIX_FMT_GRAY8 } as const;
/** Pixel buffers of a form kept for reuse: a batch and the frame after it. */
const POOL_LIMIT = 16;

/**
 * Scales pictures to a model's shape, sampled as the shape says, with the colour matrix and range the stream states; where it states none BT.601 limited, as
 * ffmpeg does. Transfer curves are left alone: HDR is not tone-mapped. Grey is the luma, at full range. Rotation is ignored.
 */
export function createScaler(shape: FrameShape): PooledScaler {
  return new LibavScaler(shape);
}

/** A scaler whose output buffers can be given back: saves clearing 1.2 MB for each 640x640 frame. */
export interface PooledScaler extends Scaler {
  /** Gives the pixels of a frame of this scaler back for reuse. The frame must not be read afterwards. Frames never given back are collected as usual. */
  release(frame: ModelFrame): void;
}

/** What decides how a picture is converted; a change of any of it builds a new route. */
interface SourceForm {
  readonly width: number;
  readonly height: number;
  readonly format: number;
  readonly colorSpace: AVColorSpace;
  readonly colorRange: AVColorRange;
  readonly isStill: boolean;
}

/** `frame` is the picture on the host, maybe smaller than it was decoded. */
function formOf({ width, height, isStill }: LibavPicture, frame: Frame): SourceForm {
  const isFullRange = FULL_RANGE_YUV.has(frame.format);
  return { isStill, width, height, format: frame.format, colorSpace: frame.colorSpace, colorRange: isFullRange ? AVCOL_RANGE_JPEG : frame.colorRange };
}

function isSameForm(a: SourceForm, b: SourceForm): boolean {
  return a.width === b.width && a.height === b.height && a.format === b.format && a.colorSpace === b.colorSpace && a.colorRange === b.colorRange && a.isStill === b.isStill;
}

/** Where the picture lies in the model's frame. */
function placeIn(shape: FrameShape, form: { readonly width: number; readonly height: number }): { readonly width: number; readonly height: number; readonly left: number; readonly top: number } {
  if (shape.fit === 'stretch') return { width: shape.width, height: shape.height, left: 0, top: 0 };
  const scale = Math.min(shape.width / form.width, shape.height / form.height);
  const width = Math.max(1, Math.min(shape.width, Math.round(form.width * scale)));
  const height = Math.max(1, Math.min(shape.height, Math.round(form.height * scale)));
  if (shape.align === 'top-left') return { width, height, left: 0, top: 0 };
  return { width, height, left: Math.floor((shape.width - width) / 2), top: Math.floor((shape.height - height) / 2) };
}

/** Forms of pictures that are converted in turns without building anything anew: streams of one process are mostly of a few sizes. */
const ROUTES_MAX = 16;

class LibavScaler implements PooledScaler {
  readonly #shape: FrameShape;
  /** The one used last first. */
  readonly #routes: Route[] = [];
  /** Buffers that are out, and whose they are: the padding lies elsewhere in those of another. */
  readonly #lent = new WeakMap<Uint8Array, Route>();

  constructor(shape: FrameShape) {
    this.#shape = shape;
  }

  scale(picture: Picture): ModelFrame {
    if (!(picture instanceof LibavPicture)) throw new TypeError('the picture is not from a decoder of src/media');
    const isAveraged = this.#shape.sampling === 'average' || this.#shape.channels === 'gray'; // devices read four pixels
    const frame = picture.isOnDevice && !isAveraged ? picture.near(placeIn(this.#shape, picture)) : picture.frame;
    const route = this.#routeOf(formOf(picture, frame));
    const pixels = route.pool.pop() ?? route.blank();
    route.convert(frame, pixels);
    this.#lent.set(pixels, route);
    return route.describe(pixels);
  }

  release({ pixels }: ModelFrame): void {
    const route = this.#lent.get(pixels);
    if (!this.#lent.delete(pixels) || route === undefined || !this.#routes.includes(route) || route.pool.length >= POOL_LIMIT) return;
    route.pool.push(pixels);
  }

  close(): void {
    for (const route of this.#routes.splice(0)) route.close();
  }

  #routeOf(form: SourceForm): Route {
    const index = this.#routes.findIndex(each => isSameForm(each.form, form));
    const known = this.#routes[index];
    if (index === 0 && known !== undefined) return known;
    const route = known ?? new Route(this.#shape, form);
    if (known !== undefined) this.#routes.splice(index, 1);
    this.#routes.unshift(route);
    if (this.#routes.length > ROUTES_MAX) this.#routes.pop()?.close();
    return route;
  }
}

/** One conversion by libav, to model size. */
interface Step { readonly format: AVPixelFormat; readonly colorSpace: AVColorSpace; readonly colorRange: AVColorRange; readonly flags: 'bilinear' | 'fast_bilinear' }

const UNSTATED = { colorSpace: AVCOL_SPC_UNSPECIFIED, colorRange: AVCOL_RANGE_UNSPECIFIED } as const;
/** Grey is of full range. */
const GREY_STEP = { colorSpace: AVCOL_SPC_UNSPECIFIED, colorRange: AVCOL_RANGE_JPEG } as const;

/**
 * The conversion of one form of pictures. YUV is scaled as 4:2:2 first and turned into RGB at model size: half the time of libav's one-step
 * conversion, with the same distance to its most accurate one. libav's `bilinear` averages when it makes smaller; its `fast_bilinear` reads
 * four pixels, and lays them to the pixel's middle only on the way to 16 bits (libswscale/utils.c: 8 bits align the corners instead).
 */
class Route {
  readonly form: SourceForm;
  /** Buffers of its frames, for reuse. */
  readonly pool: Uint8Array[] = [];
  readonly #shape: FrameShape;
  readonly #place: ReturnType<typeof placeIn>;
  readonly #channels: number;
  readonly #steps: { readonly context: SoftwareScaleContext; readonly target: Frame }[] = [];
  readonly #plane: Buffer;
  readonly #stride: number;

  constructor(shape: FrameShape, form: SourceForm) {
    this.form = form;
    this.#shape = shape;
    this.#place = placeIn(shape, form);
    this.#channels = shape.channels === 'gray' ? 1 : 3;
    const isAveraged = shape.sampling === 'average' || shape.channels === 'gray';
    const flags = isAveraged ? 'bilinear' : 'fast_bilinear';
    const isYuv = shape.channels !== 'gray' && YUV.has(form.format);
    // Models are trained on photos turned into RGB at full size: a still is treated the same, a video frame is scaled before its colours are converted.
    if (isYuv && !isAveraged && form.isStill) {
      this.#addStep({ format: AV_PIX_FMT_RGB48LE, ...UNSTATED, flags: 'bilinear' }, form);
      this.#addStep({ format: AV_PIX_FMT_RGB48LE, ...UNSTATED, flags });
    } else if (isYuv) this.#addStep({ format: isAveraged ? AV_PIX_FMT_YUV422P : AV_PIX_FMT_YUV422P16LE, colorSpace: form.colorSpace, colorRange: form.colorRange, flags });
    else if (!isAveraged && GREY.has(form.format)) {
      this.#addStep({ ...GREY_STEP, format: AV_PIX_FMT_GRAY16LE, flags });
      this.#addStep({ ...GREY_STEP, format: AV_PIX_FMT_GRAY8, flags: 'bilinear' }); // on its own: from 16-bit grey to RGB libav rounds half the values up
    } else if (!isAveraged) this.#addStep({ format: AV_PIX_FMT_RGB48LE, ...UNSTATED, flags });
    const last = this.#addStep({ format: OUTPUT[shape.channels], ...UNSTATED, ...(shape.channels === 'gray' ? { colorRange: AVCOL_RANGE_JPEG } : {}), flags: 'bilinear' });
    this.#plane = last.data?.[0] ?? Buffer.alloc(0);
    this.#stride = last.linesize[0] ?? 0;
  }

  #addStep({ format, colorSpace, colorRange, flags }: Step, size: { readonly width: number; readonly height: number } = this.#place): Frame {
    const context = new SoftwareScaleContext();
    context.allocContext();
    // libav goes through YUV even from RGB to RGB and halves the colours' resolution on the way unless told not to; a still is worth the time.
    context.setOption('sws_flags', this.form.isStill ? `${flags}+full_chroma_inp+full_chroma_int+accurate_rnd` : flags);
    const target = new Frame();
    target.alloc();
    target.width = size.width;
    target.height = size.height;
    target.format = format;
    target.colorSpace = colorSpace;
    target.colorRange = colorRange;
    this.#steps.push({ context, target });
    const allocated = target.getBuffer(1); // rows without padding between them: pixels leave in one copy
    if (allocated < 0) this.#refuse(allocated);
    return target;
  }

  #refuse(code: number): never {
    this.close();
    throw new PlatformError('MEDIA_UNSUPPORTED', `cannot scale pictures of ${this.form.width}x${this.form.height}, format ${this.form.format}: ${explain(code).toLowerCase()}`, { libav: code });
  }

  blank(): Uint8Array {
    const pixels = new Uint8Array(this.#shape.width * this.#shape.height * this.#channels);
    const isCovered = this.#place.width === this.#shape.width && this.#place.height === this.#shape.height;
    return isCovered || this.#shape.padValue === 0 ? pixels : pixels.fill(this.#shape.padValue);
  }

  convert(frame: Frame, pixels: Uint8Array): void {
    // libav would tone-map between named curves and primaries, through a table that takes 90 ms to build
    if (frame.colorTrc !== AVCOL_TRC_UNSPECIFIED) frame.colorTrc = AVCOL_TRC_UNSPECIFIED;
    if (frame.colorPrimaries !== AVCOL_PRI_UNSPECIFIED) frame.colorPrimaries = AVCOL_PRI_UNSPECIFIED;
    // libav takes grey for BT.601: without a stated matrix on either side it leaves the luma alone
    const isLuma = this.#shape.channels === 'gray' && YUV.has(this.form.format);
    if (isLuma) frame.colorSpace = AVCOL_SPC_UNSPECIFIED;
    try {
      this.#run(frame);
    } finally {
      if (isLuma) frame.colorSpace = this.form.colorSpace;
    }
    this.#copyInto(pixels);
  }

  #run(frame: Frame): void {
    let source = frame;
    for (const { context, target } of this.#steps) {
      const code = context.scaleFrameSync(target, source);
      if (code < 0) throw new PlatformError('MEDIA_CORRUPT', `cannot scale a picture: ${explain(code).toLowerCase()}`, { libav: code });
      source = target;
    }
  }

  #copyInto(pixels: Uint8Array): void {
    const row = this.#place.width * this.#channels;
    const stride = this.#shape.width * this.#channels;
    const start = this.#place.top * stride + this.#place.left * this.#channels;
    if (row === stride && row === this.#stride) {
      pixels.set(this.#plane.subarray(0, row * this.#place.height), start);
      return;
    }
    for (let y = 0; y < this.#place.height; y++) pixels.set(this.#plane.subarray(y * this.#stride, y * this.#stride + row), start + y * stride);
  }

  describe(pixels: Uint8Array): ModelFrame {
    const { form } = this;
    return {
      pixels, width: this.#shape.width, height: this.#shape.height,
      scaleX: this.#place.width / form.width, scaleY: this.#place.height / form.height, padX: this.#place.left, padY: this.#place.top,
      sourceWidth: form.width, sourceHeight: form.height,
    };
  }

  close(): void {
    for (const { context, target } of this.#steps.splice(0)) {
      context.freeContext();
      target.free();
    }
  }
}
