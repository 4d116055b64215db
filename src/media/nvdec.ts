import { AV_BUFFERSRC_FLAG_KEEP_REF, AV_HWDEVICE_TYPE_CUDA, AV_PIX_FMT_CUDA, AV_PIX_FMT_YUV420P, AVERROR_ENODEV, AVERROR_ENOMEM, AVERROR_EXTERNAL } from 'node-av/constants';
import { Codec as Decoders, Filter, FilterGraph, Frame, HardwareDeviceContext } from 'node-av/lib';
import type { CodecContext, FilterContext } from 'node-av/lib';
import { PlatformError } from '../engine/errors.ts';
import type { Codec } from '../messages/stream-parameters.ts';
import { CODEC_IDS, explain } from './libav.ts';
import type { DeviceProbe, DeviceStream, PictureSize, VideoDevice } from './video-device.ts';

/** Pictures of a stream that may be held here beyond those the decoder needs. */
const HELD_MAX = 8;

/** Stills are few and want exactness. */
const STILLS: readonly Codec[] = ['mjpeg', 'png', 'tiff'];

/**
 * Looks for NVIDIA's decoder: opens the first GPU that this process sees (`CUDA_VISIBLE_DEVICES`). Takes some 100 ms and 200 MB of the GPU where there is one.
 * The native decoders of libav drive it as hwaccel, so that order, errors and picture numbers are those of decoding on the processor.
 */
export function openNvdec(): DeviceProbe {
  const device = new HardwareDeviceContext();
  const code = device.create(AV_HWDEVICE_TYPE_CUDA, '0');
  if (code < 0) return { device: undefined, reason: `no CUDA device opens: ${explain(code).toLowerCase()}` };
  return { device: new Nvdec(device, Filter.getByName('scale_cuda') !== null) };
}

/** Lives as long as its process: freeing it while a decoder still holds pictures would have to wait for them. */
class Nvdec implements VideoDevice {
  readonly name = 'nvdec';
  readonly scales: boolean;
  readonly #device: HardwareDeviceContext;

  constructor(device: HardwareDeviceContext, scales: boolean) {
    this.#device = device;
    this.scales = scales;
  }

  decodes(codec: Codec): boolean {
    return codec !== 'fff' && !STILLS.includes(codec) && Decoders.findDecoder(CODEC_IDS[codec])?.isHardwareAcceleratedDecoder(AV_HWDEVICE_TYPE_CUDA) === true;
  }

  attach(context: CodecContext): DeviceStream {
    context.hwDeviceCtx = this.#device;
    context.extraHWFrames = HELD_MAX;
    context.setHardwarePixelFormat(AV_PIX_FMT_CUDA, AV_PIX_FMT_YUV420P);
    return new NvdecStream(this.scales);
  }
}

class NvdecStream implements DeviceStream {
  readonly #host = newFrame();
  readonly #small = newFrame();
  #scales: boolean;
  #graph: ScalingGraph | undefined;
  #isClosed = false;

  constructor(scales: boolean) {
    this.#scales = scales;
  }

  holds(frame: Frame): boolean {
    return frame.format === AV_PIX_FMT_CUDA;
  }

  fetch(frame: Frame, size?: PictureSize): Frame {
    const source = size !== undefined && this.#scales && (size.width < frame.width || size.height < frame.height) ? this.#scaled(frame, size) : frame;
    this.#host.unref();
    const code = source.hwframeTransferDataSync(this.#host);
    if (code < 0) throw new PlatformError('DEVICE_FAILED', `a picture cannot be fetched from the GPU: ${explain(code).toLowerCase()}`, { provider: 'nvdec', libav: code });
    this.#host.colorSpace = frame.colorSpace;
    this.#host.colorRange = frame.colorRange;
    return this.#host;
  }

  isFailure(code: number): boolean {
    return code === AVERROR_EXTERNAL || code === AVERROR_ENODEV || code === AVERROR_ENOMEM;
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#graph?.close();
    this.#host.free();
    this.#small.free();
  }

  /** The picture itself where the filter does not take it: whoever asked scales it. */
  #scaled(frame: Frame, size: PictureSize): Frame {
    if (this.#graph?.fits(frame, size) !== true) {
      this.#graph?.close();
      this.#graph = ScalingGraph.open(frame, size);
      this.#scales = this.#graph !== undefined;
    }
    this.#small.unref();
    return this.#graph?.run(frame, this.#small) === true ? this.#small : frame;
  }
}

/** libav's `scale_cuda` between a source and a sink, for pictures of one size. */
class ScalingGraph {
  readonly #graph: FilterGraph;
  readonly #source: FilterContext;
  readonly #sink: FilterContext;
  readonly #from: PictureSize;
  readonly #to: PictureSize;

  private constructor(graph: FilterGraph, ends: { readonly source: FilterContext; readonly sink: FilterContext }, from: PictureSize, to: PictureSize) {
    this.#graph = graph;
    this.#source = ends.source;
    this.#sink = ends.sink;
    this.#from = from;
    this.#to = to;
  }

  static open(frame: Frame, to: PictureSize): ScalingGraph | undefined {
    const graph = new FilterGraph();
    graph.alloc();
    const [buffer, scale, sink] = ['buffer', 'scale_cuda', 'buffersink'].map(name => Filter.getByName(name));
    const from = { width: frame.width, height: frame.height };
    const source = buffer && graph.allocFilter(buffer, 'in');
    const format = { ...from, format: AV_PIX_FMT_CUDA, timeBase: { num: 1, den: 1 }, colorRange: frame.colorRange, colorSpace: frame.colorSpace, hwFramesCtx: frame.hwFramesCtx };
    if (source && source.buffersrcParametersSet(format) >= 0 && source.init(null) >= 0) {
      const scaler = scale && graph.createFilter(scale, 'scale', `w=${to.width}:h=${to.height}:interp_algo=bilinear`);
      const end = sink && graph.createFilter(sink, 'out');
      if (scaler && end && source.link(0, scaler, 0) >= 0 && scaler.link(0, end, 0) >= 0 && graph.configSync() >= 0) return new ScalingGraph(graph, { source, sink: end }, from, to);
    }
    graph.free();
    return undefined;
  }

  fits(frame: Frame, to: PictureSize): boolean {
    return frame.width === this.#from.width && frame.height === this.#from.height && to.width === this.#to.width && to.height === this.#to.height;
  }

  /** True when `into` holds the smaller picture. */
  run(frame: Frame, into: Frame): boolean {
    return this.#source.buffersrcAddFrameSync(frame, AV_BUFFERSRC_FLAG_KEEP_REF) >= 0 && this.#sink.buffersinkGetFrameSync(into) >= 0;
  }

  close(): void {
    this.#graph.free();
  }
}

function newFrame(): Frame {
  const frame = new Frame();
  frame.alloc();
  return frame;
}
