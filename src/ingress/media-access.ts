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
  readonly frameRate: number;
  /** Ends after so many; endless when absent. */
  readonly frames?: number;
  readonly encoder: {
    readonly codec: 'h264';
    /** Cap, in bits a second. */
    readonly bitrate: number;
    /** A key unit every so many frames. */
    readonly gop: number;
    readonly preset: string;
    /** Further options of the encoder by libav's names. */
    readonly extra: Readonly<Record<string, string>>;
  };
}

/** What sources need of `src/media`, passed in so that tests can do without libav. */
export interface MediaAccess {
  /** @throws PlatformError SOURCE_UNREACHABLE, SOURCE_REFUSED, MEDIA_INVALID, MEDIA_UNSUPPORTED; the signal's reason */
  openReader(request: ReaderRequest): Promise<PacketReader>;
  /** Encodes the pictures of a filter graph. */
  openGeneratedReader(request: GeneratedReaderRequest): Promise<PacketReader>;
  /** The stream's new parameters when this key unit carries parameter sets other than `current` has; null when nothing changed. */
  changedParameters(unit: Uint8Array, current: StreamParameters): StreamParameters | null;
}
