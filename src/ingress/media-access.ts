import type { PacketReader } from '../media/types.ts';
import type { StreamParameters } from '../messages/stream-parameters.ts';

/** How a reader is opened. */
export interface ReaderRequest {
  /** Absolute path or URI, with credentials. */
  readonly uri: string;
  /** Options of the libav demuxer and protocol, by their own names. */
  readonly libavOptions: Readonly<Record<string, string>>;
  /** Name of the libav demuxer; absent: told from the content. */
  readonly format?: string;
  /** Opens without reading ahead: for cameras, whose session description already says what comes. */
  readonly skipProbe: boolean;
  /** An open that takes longer fails with SOURCE_UNREACHABLE. */
  readonly openTimeoutMs: number;
  readonly signal: AbortSignal;
}

/** How a picture-making filter graph is opened. */
export interface GeneratedReaderRequest {
  /** libav filter graph text with one open video output. */
  readonly graph: string;
  readonly width: number;
  readonly height: number;
  readonly frameRate: number;
  /** A key unit every so many frames. */
  readonly gop: number;
  /** Constant rate factor of x264: 0 best to 51 worst. */
  readonly quality: number;
}

/** What sources need of `src/media`, passed in so that tests can do without libav. */
export interface MediaAccess {
  /** @throws PlatformError SOURCE_UNREACHABLE, SOURCE_REFUSED, MEDIA_INVALID, MEDIA_UNSUPPORTED; the signal's reason */
  openReader(request: ReaderRequest): Promise<PacketReader>;
  /** Encodes the pictures of a filter graph to H.264, without limit unless the graph ends. */
  openGeneratedReader(request: GeneratedReaderRequest): Promise<PacketReader>;
  /** The stream's new parameters when this key unit carries parameter sets other than `current` has; null when nothing changed. */
  changedParameters(unit: Uint8Array, current: StreamParameters): StreamParameters | null;
}
