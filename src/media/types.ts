import type { EpochMicros } from '../engine/units.ts';
import type { ModelFrame } from '../messages/model-frame.ts';
import type { StreamParameters } from '../messages/stream-parameters.ts';

/** One demuxed packet of the first video stream, copied out of native memory. */
export interface MediaPacket {
  readonly data: Uint8Array;
  readonly pts: number | null;
  readonly dts: number | null;
  readonly duration: number;
  readonly isKey: boolean;
  readonly isCorrupt: boolean;
  /** Camera wall clock in microseconds since the Unix epoch (AV_PKT_DATA_PRFT, from RTCP sender reports); null when unknown. */
  readonly cameraClockMicros: number | null;
}

/** Reads the packets of one file, stream or filter graph. */
export interface PacketReader {
  readonly parameters: StreamParameters;
  readonly durationSeconds: number | null;
  /**
   * The next packet, `undefined` at the end of a file.
   * @throws PlatformError SOURCE_UNREACHABLE when the connection ends, SOURCE_STALLED when it fell silent or was interrupted, MEDIA_CORRUPT for one
   * unreadable packet of a file (reading may go on)
   */
  read(): Promise<MediaPacket | undefined>;
  /** Makes a blocked `read` or open fail soon. */
  interrupt(): void;
  /** Idempotent; frees everything native. */
  close(): Promise<void>;
}

/** A decoded picture in native memory. Borrowed until `free`. */
export interface Picture {
  /** Of the access unit it was decoded from. */
  readonly frameSeq: number;
  /** Pixels, before any rotation. */
  readonly width: number;
  readonly height: number;
  free(): void;
}

/** Decodes one stream. All calls are synchronous and belong into a vision process. */
export interface FrameDecoder {
  /**
   * Feeds one access unit and returns the pictures that are complete now, in presentation order.
   * @throws PlatformError MEDIA_CORRUPT when the decoder refuses the unit; decoding may go on with the next
   */
  decode(unit: { readonly frameSeq: number; readonly data: Uint8Array; readonly isKey: boolean }): readonly Picture[];
  /** The pictures still held back; the decoder then waits for a key frame. */
  flush(): readonly Picture[];
  close(): void;
}

/** Brings decoded pictures to a model's shape, inside libav. Synchronous. Follows changes of the picture size. */
export interface Scaler {
  scale(picture: Picture): ModelFrame;
  close(): void;
}

/** Writes one chunk as fragmented MP4. */
export interface ChunkWriter {
  readonly path: string;
  /** Bytes given to the operating system so far. */
  readonly sizeBytes: number;
  /**
   * Resolves when the unit is a complete fragment in the file: it survives kill -9 of this process.
   * `capturedAt`, when given, is stored beside the unit and comes back as `cameraClockMicros`.
   * @throws PlatformError RECORDING_FAILED; the file then ends after the unit before
   */
  write(unit: {
    readonly data: Uint8Array; readonly pts: number | null; readonly dts: number | null; readonly duration: number; readonly isKey: boolean;
    readonly capturedAt?: EpochMicros;
  }): Promise<void>;
  /** fdatasync: what was written survives a power cut. */
  sync(): Promise<void>;
  /** Idempotent. */
  close(): Promise<void>;
}
