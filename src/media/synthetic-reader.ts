import { AV_PICTURE_TYPE_NONE, AV_PIX_FMT_YUV420P, FF_ENCODER_LIBX264, FF_ENCODER_LIBX265 } from 'node-av/constants';
import { Codec, CodecContext, type FilterContext, FilterGraph, Frame, Packet, Rational } from 'node-av/lib';
import { PlatformError } from '../engine/errors.ts';
import type { StreamParameters } from '../messages/stream-parameters.ts';
import { AGAIN, END, explain, timestampOf } from './libav.ts';
import { inBandParameterSets, joinParameterSets } from './nal.ts';
import type { MediaPacket, PacketReader } from './types.ts';

/** How the generated pictures are encoded. */
export interface GeneratedEncoding {
  readonly codec: 'h264' | 'hevc';
  /** Bits a second, capped and buffered over two seconds. */
  readonly bitrate: number;
  /** Frames from one key frame to the next. */
  readonly gop: number;
  /** @default 0 */
  readonly bFrames?: number;
  /** Of x264 and x265. @default 'veryfast' */
  readonly preset?: string;
  /** Further options of the encoder by libav's names. */
  readonly extra?: Readonly<Record<string, string>>;
}

/** A source made by libav instead of a camera. */
export interface GeneratedOptions {
  /** Text of a filter graph with sources of its own (`filter_complex` syntax) that ends in one video, labelled or not. */
  readonly graph: string;
  readonly encoder: GeneratedEncoding;
  /** Frames a second that the graph produces. */
  readonly frameRate: number;
  /** Ends after so many frames; endless when absent and the graph is. */
  readonly frames?: number;
}

const ENCODERS = { h264: FF_ENCODER_LIBX264, hevc: FF_ENCODER_LIBX265 } as const;
/** The clock of RTP video (RFC 6184, 8.2.1), as a camera's. */
const TIME_BASE = { num: 1, den: 90_000 } as const;

/**
 * Opens a generated camera: a filter graph, encoded as Annex B with parameter sets in band, as RTSP cameras send. It does not pace: each
 * `read` makes the next frame (the encoder holds no more than it needs to reorder), on libav's threads, so the caller's loop stays free.
 * @throws PlatformError CONFIG_INVALID when libav refuses the graph or the encoder's options
 */
export async function openGeneratedReader(options: GeneratedOptions): Promise<PacketReader> {
  const reader = new GeneratedReader(options);
  try {
    await reader.start();
    return reader;
  } catch (error) {
    await reader.close();
    throw error;
  }
}

class GeneratedReader implements PacketReader {
  readonly durationSeconds: number | null;
  readonly #options: GeneratedOptions;
  readonly #graph = new FilterGraph();
  readonly #context = new CodecContext();
  readonly #frame = new Frame();
  readonly #packet = new Packet();
  #sink: FilterContext | undefined;
  #parameters: StreamParameters | undefined;
  #first: MediaPacket | undefined;
  #made = 0;
  #isDraining = false;
  #reading: Promise<unknown> = Promise.resolve();
  #closing: Promise<void> | undefined;

  constructor(options: GeneratedOptions) {
    this.#options = options;
    this.durationSeconds = options.frames === undefined ? null : options.frames / options.frameRate;
    this.#graph.alloc();
    this.#frame.alloc();
    this.#packet.alloc();
  }

  get parameters(): StreamParameters {
    if (this.#parameters === undefined) throw new Error('the reader has not started'); // openGeneratedReader always starts it
    return this.#parameters;
  }

  async start(): Promise<void> {
    this.#graph.nbThreads = 1;
    const video = /\[[^\]]+\]\s*$/.exec(this.#options.graph)?.[0] ?? '';
    const chain = this.#options.graph.slice(0, this.#options.graph.length - video.length);
    check(this.#graph.parsePtr(`${chain}${video === '' ? ',' : `${video};${video}`}format=yuv420p,buffersink@out`), 'filter graph');
    check(await this.#graph.config(), 'filter graph');
    const sink = this.#graph.getFilter('buffersink@out');
    if (sink === null) throw new PlatformError('CONFIG_INVALID', 'the filter graph has no output');
    this.#sink = sink;
    const { width, height } = await this.#openEncoder(sink);
    const first = await this.#encodeNext();
    if (first === undefined) throw new PlatformError('CONFIG_INVALID', 'the filter graph produced no frame');
    const { encoder, frameRate } = this.#options;
    const layout = { codec: encoder.codec, framing: 'annexb', extradata: new Uint8Array(0) } as const;
    this.#first = first;
    this.#parameters = { ...layout, width, height, timeBase: TIME_BASE, frameRate, extradata: joinParameterSets(encoder.codec, inBandParameterSets(first.data, layout)) };
  }

  async #openEncoder(sink: FilterContext): Promise<{ width: number; height: number }> {
    const { encoder, frameRate } = this.#options;
    const codec = Codec.findEncoderByName(ENCODERS[encoder.codec]);
    if (codec === null) throw new PlatformError('CONFIG_INVALID', `this libav has no encoder ${ENCODERS[encoder.codec]}`);
    const context = this.#context;
    context.allocContext3(codec);
    const width = sink.buffersinkGetWidth();
    const height = sink.buffersinkGetHeight();
    context.width = width;
    context.height = height;
    context.pixelFormat = AV_PIX_FMT_YUV420P;
    context.timeBase = new Rational(TIME_BASE.num, TIME_BASE.den);
    context.framerate = new Rational(Math.round(frameRate * 1000), 1000);
    context.bitRate = BigInt(encoder.bitrate);
    context.rcMaxRate = BigInt(encoder.bitrate);
    context.rcBufferSize = encoder.bitrate * 2;
    context.gopSize = encoder.gop;
    context.maxBFrames = encoder.bFrames ?? 0;
    context.threadCount = 1;
    const named = { preset: encoder.preset ?? 'veryfast', ...steadyGop(encoder), ...encoder.extra };
    for (const [name, value] of Object.entries(named)) check(context.setOption(name, value), `encoder option ${name}=${value}`);
    check(await context.open2(codec, null), 'encoder');
    return { width, height };
  }

  read(): Promise<MediaPacket | undefined> {
    const result = this.#reading.then(async () => {
      const first = this.#first;
      this.#first = undefined;
      return first ?? await this.#encodeNext();
    });
    this.#reading = result.catch(() => undefined);
    return result;
  }

  async #encodeNext(): Promise<MediaPacket | undefined> {
    for (;;) {
      if (this.#closing !== undefined) return undefined;
      const code = await this.#context.receivePacket(this.#packet);
      if (code === END) return undefined;
      if (code >= 0) return this.#takePacket();
      if (code !== AGAIN) check(code, 'encoder');
      await this.#feedEncoder();
    }
  }

  #takePacket(): MediaPacket {
    const packet = this.#packet;
    const taken = {
      data: packet.data ?? new Uint8Array(0), pts: timestampOf(packet.pts), dts: timestampOf(packet.dts), duration: Math.round(TIME_BASE.den / this.#options.frameRate),
      isKey: packet.isKeyframe, isCorrupt: false, cameraClockMicros: null,
    };
    packet.unref();
    return taken;
  }

  async #feedEncoder(): Promise<void> {
    const isDone = this.#options.frames !== undefined && this.#made >= this.#options.frames;
    const code = isDone || this.#sink === undefined ? END : await this.#sink.buffersinkGetFrame(this.#frame);
    if (code < 0 && code !== END) check(code, 'filter graph');
    if (code === END) {
      if (this.#isDraining) return;
      this.#isDraining = true;
      check(await this.#context.sendFrame(null), 'encoder');
      return;
    }
    this.#frame.pts = BigInt(Math.round(this.#made * TIME_BASE.den / this.#options.frameRate));
    this.#frame.pictType = AV_PICTURE_TYPE_NONE; // else the encoder copies a filter's idea of the picture type
    this.#made++;
    const sent = await this.#context.sendFrame(this.#frame);
    this.#frame.unref();
    check(sent, 'encoder');
  }

  /** The next frame is milliseconds away: nothing to interrupt. */
  interrupt(): void {}

  close(): Promise<void> {
    this.#closing ??= this.#reading.then(() => {
      this.#packet.free();
      this.#frame.free();
      this.#context.freeContext();
      this.#graph.free();
    });
    return this.#closing;
  }
}

/** Key frames where asked for, nowhere else, and closed GOPs, so that tests can count on them. */
function steadyGop(encoder: GeneratedEncoding): Record<string, string> {
  if (encoder.codec === 'hevc') return { 'x265-params': `log-level=none:pools=none:frame-threads=1:open-gop=0:scenecut=0:keyint=${encoder.gop}:min-keyint=${encoder.gop}` };
  return { keyint_min: String(encoder.gop), sc_threshold: '0' };
}

function check(code: number, what: string): void {
  if (code < 0) throw new PlatformError('CONFIG_INVALID', `libav refused the ${what}: ${explain(code).toLowerCase()}`, { libav: code });
}
