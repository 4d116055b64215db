import {
  AV_DISPOSITION_ATTACHED_PIC, AV_DISPOSITION_DEFAULT, AV_NOPTS_VALUE, AV_PKT_DATA_PRFT, AV_PKT_FLAG_CORRUPT, AVDISCARD_ALL, AVMEDIA_TYPE_VIDEO,
} from 'node-av/constants';
import { avGetCodecName, Dictionary, FormatContext, InputFormat, Packet, type Stream } from 'node-av/lib';
import { PlatformError } from '../engine/errors.ts';
import type { StreamParameters } from '../messages/stream-parameters.ts';
import { AGAIN, codecOf, END, timestampOf } from './libav.ts';
import { framingOf } from './nal.ts';
import { isNetworkUri, readerError, scrubUri } from './reader-errors.ts';
import type { MediaPacket, PacketReader } from './types.ts';

/** What to open and how patiently. */
export interface ReaderOptions {
  /** Path or URI that libav understands; may hold credentials. */
  readonly uri: string;
  /** Options of libav's demuxer and protocol, such as `rtsp_transport`. */
  readonly libavOptions?: Readonly<Record<string, string>>;
  /** Short name of libav's demuxer; told from the content when absent. */
  readonly format?: string;
  /** Takes the parameters as the container or session description names them, without reading ahead. For cameras: seconds less to the first packet. @default false */
  readonly skipProbe?: boolean;
  /** Bound of opening, and of the silence libav accepts from a network peer afterwards. It may take twice as long to act. */
  readonly openTimeoutMs: number;
  /** Interrupts opening. */
  readonly signal?: AbortSignal;
}

/** libav's option names for the silence that a protocol accepts, in microseconds. */
const TIMEOUT_OPTION: Readonly<Record<string, string>> = {
  rtsp: 'timeout', rtsps: 'timeout', tcp: 'timeout', udp: 'timeout', http: 'rw_timeout', https: 'rw_timeout', rtmp: 'rw_timeout', srt: 'timeout', tls: 'timeout',
};

/**
 * Opens a file, picture, stream or camera and finds its first video stream: the one marked as default, else the first. Time stamps are the
 * source's own. Close the reader when done.
 * @throws PlatformError SOURCE_NOT_FOUND, SOURCE_UNREACHABLE, SOURCE_REFUSED, MEDIA_INVALID (undecipherable, or no video), MEDIA_UNSUPPORTED (codec, format
 * or protocol not ours)
 */
export async function openReader(options: ReaderOptions): Promise<PacketReader> {
  const context = new FormatContext();
  const limit = AbortSignal.timeout(options.openTimeoutMs);
  const signal = options.signal === undefined ? limit : AbortSignal.any([limit, options.signal]);
  const interrupt = (): void => { context.interrupt(); };
  const dictionary = Dictionary.fromObject(withTimeout(options));
  context.allocContext();
  signal.addEventListener('abort', interrupt, { once: true });
  try {
    options.signal?.throwIfAborted();
    await openInput(context, options, dictionary);
    const video = pickVideo(context, options.uri);
    return new LibavReader(context, video, options.uri);
  } catch (error) {
    await context.closeInput();
    options.signal?.throwIfAborted();
    if (limit.aborted) throw new PlatformError('SOURCE_UNREACHABLE', `${scrubUri(options.uri)} did not open within ${options.openTimeoutMs} ms`, { timeoutMs: options.openTimeoutMs }, error);
    throw error;
  } finally {
    signal.removeEventListener('abort', interrupt);
    dictionary.free();
  }
}

function withTimeout(options: ReaderOptions): Record<string, string> {
  const name = TIMEOUT_OPTION[/^([a-z]+):\/\//i.exec(options.uri)?.[1]?.toLowerCase() ?? ''];
  return { ...(name === undefined ? {} : { [name]: String(Math.round(options.openTimeoutMs * 1000)) }), ...options.libavOptions };
}

async function openInput(context: FormatContext, options: ReaderOptions, dictionary: Dictionary): Promise<void> {
  const format = options.format === undefined ? null : InputFormat.findInputFormat(options.format);
  if (format === null && options.format !== undefined) throw new PlatformError('MEDIA_UNSUPPORTED', `this libav has no demuxer '${options.format}'`, { format: options.format });
  const opened = await context.openInput(options.uri, format, dictionary);
  if (opened < 0) throw readerError(opened, options.uri, 'open');
  if (options.skipProbe === true) {
    for (const stream of context.streams) stream.codecpar.parseExtradata();
    return;
  }
  const probed = await context.findStreamInfo();
  if (probed < 0) throw readerError(probed, options.uri, 'open');
}

function pickVideo(context: FormatContext, uri: string): Stream {
  const videos = context.streams.filter((stream) => stream.codecpar.codecType === AVMEDIA_TYPE_VIDEO && !stream.hasDisposition(AV_DISPOSITION_ATTACHED_PIC));
  const video = videos.find((stream) => stream.hasDisposition(AV_DISPOSITION_DEFAULT)) ?? videos[0];
  if (video === undefined) throw new PlatformError('MEDIA_INVALID', `no video stream in ${scrubUri(uri)}`, { streams: context.nbStreams });
  for (const stream of context.streams) if (stream.index !== video.index) stream.discard = AVDISCARD_ALL;
  return video;
}

function parametersOf(stream: Stream, uri: string): StreamParameters {
  const { codecpar, timeBase, avgFrameRate, rFrameRate } = stream;
  const codec = codecOf(codecpar.codecId);
  if (codec === undefined) {
    const name = avGetCodecName(codecpar.codecId) ?? 'unknown';
    throw new PlatformError('MEDIA_UNSUPPORTED', `codec ${name} of ${scrubUri(uri)} is not one that we record`, { codec: name });
  }
  const extradata = new Uint8Array(codecpar.extradata ?? []);
  const rate = avgFrameRate.num > 0 && avgFrameRate.den > 0 ? avgFrameRate : rFrameRate;
  return {
    codec, extradata, width: codecpar.width, height: codecpar.height,
    timeBase: { num: timeBase.num, den: timeBase.den },
    framing: framingOf(codec, extradata),
    frameRate: rate.num > 0 && rate.den > 0 ? rate.num / rate.den : 0,
  };
}

class LibavReader implements PacketReader {
  readonly parameters: StreamParameters;
  readonly durationSeconds: number | null;
  readonly #context: FormatContext;
  readonly #packet = new Packet();
  readonly #streamIndex: number;
  readonly #uri: string;
  #reading: Promise<unknown> = Promise.resolve();
  #closing: Promise<void> | undefined;
  #isInterrupted = false;
  #isFreed = false;

  constructor(context: FormatContext, stream: Stream, uri: string) {
    this.parameters = parametersOf(stream, uri);
    this.durationSeconds = context.duration === AV_NOPTS_VALUE || context.duration <= 0n ? null : Number(context.duration) / 1e6;
    this.#context = context;
    this.#streamIndex = stream.index;
    this.#uri = uri;
    this.#packet.alloc();
  }

  read(): Promise<MediaPacket | undefined> {
    const result = this.#reading.then(() => this.#readOne());
    this.#reading = result.catch(() => undefined);
    return result;
  }

  async #readOne(): Promise<MediaPacket | undefined> {
    for (;;) {
      if (this.#closing !== undefined) throw new PlatformError('SOURCE_UNREACHABLE', `${scrubUri(this.#uri)} was closed`);
      const code = await this.#context.readFrame(this.#packet);
      if (code === AGAIN) continue;
      if (code < 0 && this.#isInterrupted) throw new PlatformError('SOURCE_STALLED', `reading ${scrubUri(this.#uri)} was interrupted`);
      if (code === END) return this.#endOfStream();
      if (code < 0) throw readerError(code, this.#uri, 'read');
      try {
        if (this.#packet.streamIndex === this.#streamIndex && this.#packet.size > 0) return copyPacket(this.#packet);
      } finally {
        this.#packet.unref();
      }
    }
  }

  /** A camera has no end: libav says end of file when the peer hangs up. */
  #endOfStream(): undefined {
    const failure = this.#context.pb?.error ?? 0;
    if (failure < 0 && failure !== END) throw readerError(failure, this.#uri, 'read');
    if (isNetworkUri(this.#uri) && this.durationSeconds === null) throw new PlatformError('SOURCE_UNREACHABLE', `${scrubUri(this.#uri)} ended the session`);
    return undefined;
  }

  interrupt(): void {
    if (this.#isFreed) return;
    this.#isInterrupted = true;
    this.#context.interrupt();
  }

  close(): Promise<void> {
    this.#closing ??= this.#free();
    return this.#closing;
  }

  async #free(): Promise<void> {
    this.interrupt();
    await this.#reading;
    this.#isFreed = true;
    this.#packet.free();
    await this.#context.closeInput();
  }
}

function copyPacket(packet: Packet): MediaPacket {
  const clock = packet.getSideData(AV_PKT_DATA_PRFT);
  return {
    data: packet.data ?? new Uint8Array(0),
    pts: timestampOf(packet.pts),
    dts: timestampOf(packet.dts),
    duration: Number(packet.duration),
    isKey: packet.isKeyframe,
    isCorrupt: packet.hasFlags(AV_PKT_FLAG_CORRUPT),
    cameraClockMicros: clock === null || clock.length < 8 ? null : Number(clock.readBigInt64LE(0)),
  };
}
