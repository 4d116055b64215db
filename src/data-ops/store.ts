import type { CameraId, EpochMicros } from '../engine/units.ts';
import type { DesiredCamera } from '../messages/desired-camera.ts';
import type { FeatureTensor } from '../messages/feature-tensor.ts';
import type { FrameId } from '../messages/frame-id.ts';
import type { PlatformEvent } from '../messages/platform-event.ts';
import type { DropReason, TerminalRecord } from '../messages/terminal-record.ts';

/** A run of frame numbers, both ends inclusive. */
export interface SeqRange { readonly from: number; readonly to: number }

/** A recorded chunk, as indexed. */
export interface ChunkRow {
  readonly camera: CameraId;
  readonly epoch: number;
  readonly chunkSeq: number;
  /** Relative to the archive folder, with `/`. */
  readonly path: string;
  readonly firstFrameSeq: number;
  /** Durable frames so far. */
  readonly frameCount: number;
  readonly startedAt: EpochMicros;
  /** Event time of the last durable frame. */
  readonly endedAt: EpochMicros;
  readonly sizeBytes: number;
  readonly isOpenGop: boolean;
  /** Hash over the NAL (OBU, packet) sequence, hex; null while the chunk is open. */
  readonly contentHash: string | null;
  readonly isClosed: boolean;
  /** The file was removed by retention; its frames stay counted. */
  readonly isExpired: boolean;
}

/** A camera as the user wants it. */
export type CameraRow = Omit<DesiredCamera, 'at'>;

/** A feature with its place in the order of the store. */
export interface StoredFeature { readonly id: number; readonly feature: FeatureTensor }

/** Which features of a camera. */
export interface FeatureQuery {
  readonly camera: CameraId;
  /** `name` or `name@version`. @default all */
  readonly encoder?: string;
  /** Captured from then on. */
  readonly from?: EpochMicros;
  /** Captured before. */
  readonly to?: EpochMicros;
  /** Those with a greater id, oldest first. @default the newest, oldest of them first */
  readonly after?: number;
  readonly max: number;
}

/** A terminal record with its place in the commit order. */
export interface CommittedRecord { readonly id: number; readonly record: TerminalRecord }

/** The ledger of one camera and epoch. `received = detected + dropped + pending` always; `pending` is 0 at rest. */
export interface Balance {
  readonly camera: CameraId;
  readonly epoch: number;
  readonly received: number;
  readonly detected: number;
  readonly dropped: Readonly<Partial<Record<DropReason, number>>>;
  readonly pending: number;
  /** Gap events that follow frames of this epoch. */
  readonly gaps: number;
  /** Frames of `detected` and `dropped` whose records were deleted by `pruneRecords`, or never kept, as those of `handed-over` frames. */
  readonly pruned?: number;
  /** On a camera node: the first frame behind the last one that is on Kafka; absent where none is. */
  readonly handedOver?: number;
}

/** An event with its place in the order it was told. */
export interface StoredEvent { readonly id: number; readonly event: PlatformEvent }

/** What waits to be handed over to Kafka. */
export interface Spool {
  /** Frames in chunk files without a terminal record. */
  readonly frames: number;
  /** Their share of the chunks they lie in. */
  readonly bytes: number;
  /** Cameras they are of. */
  readonly cameras: readonly CameraId[];
}

/** How far a partition of a topic was read. */
export interface LogOffset {
  readonly topic: string;
  readonly partition: number;
  /** The next offset to read. */
  readonly offset: number;
}

/** What was read from topics, and how far that is. */
export interface LogBatch {
  readonly records: readonly TerminalRecord[];
  readonly events: readonly PlatformEvent[];
  readonly features?: readonly FeatureTensor[];
  /** Room for all features. @default without limit */
  readonly featuresMaxBytes?: number;
  readonly offsets: readonly LogOffset[];
}

/**
 * Desired state, archive index, ledger and events. One writer process owns it; nothing is acknowledged before it is durable.
 * Implementations: `sqlite`. All calls may throw PlatformError STORE_FAILED.
 */
export interface Store {
  /** Appends what is new of `records` in one transaction; frames that already have a terminal record are left out and counted. */
  append(records: readonly TerminalRecord[]): { readonly committed: readonly CommittedRecord[]; readonly repeated: number };
  /** As `append`, `putFeatures` and `putEvents`, together with the offsets in one transaction: what is read again from there on is new. */
  appendFrom(batch: LogBatch): { readonly committed: readonly CommittedRecord[]; readonly repeated: number };
  /** The offsets that `appendFrom` was given last; partitions it was never given are absent. */
  logOffsets(): readonly LogOffset[];
  /** Records with id > `after`, oldest first, at most `max`; optionally of one camera. */
  recordsAfter(after: number, max: number, camera?: CameraId): readonly CommittedRecord[];
  lastRecordId(): number;
  /** Reserves the next epoch of a camera, durably: behind every one it had here, and behind `floor`. @param floor @default 0, so that the first is 1 */
  nextEpoch(camera: CameraId, at: EpochMicros, floor?: number): number;
  /** Inserts or updates chunks. */
  putChunks(rows: readonly ChunkRow[]): void;
  /** Chunks of a camera, oldest first. */
  chunks(query: { readonly camera?: CameraId; readonly onlyOpen?: boolean; readonly onlyOfEpoch?: number }): readonly ChunkRow[];
  /** Durable frames of the camera's epochs that have no terminal record, oldest first. */
  unaccounted(camera: CameraId): readonly { readonly epoch: number; readonly ranges: readonly SeqRange[] }[];
  /** True when the frame has a terminal record. */
  hasRecord(id: FrameId): boolean;
  /**
   * Keeps features, each once: of a frame and an encoder that it has already nothing changes. The oldest give way while all together exceed `maxBytes`.
   * Returns how many were new.
   */
  putFeatures(features: readonly FeatureTensor[], maxBytes: number): number;
  /** At most `max`, and no more than some 16 MB of them. */
  features(query: FeatureQuery): readonly StoredFeature[];
  putEvents(events: readonly PlatformEvent[]): void;
  /** The newest `max`, oldest of them first. */
  events(query: { readonly camera?: CameraId; readonly max: number }): readonly PlatformEvent[];
  /** The newest `camera-state` event of each camera that ever told one. */
  cameraStates(): readonly Extract<PlatformEvent, { type: 'camera-state' }>[];
  /** Events with id > `after`, oldest first, at most `max`; of all when no event has such an id: retention may have removed every one. */
  eventsAfter(after: number, max: number): readonly StoredEvent[];
  putCamera(row: CameraRow): void;
  deleteCamera(id: CameraId): boolean;
  cameras(): readonly CameraRow[];
  /** Every camera and epoch that has received a frame. */
  balances(): readonly Balance[];
  /** Closed chunks that were indexed first, as many as exceed `maxBytes` in total, marked expired; the caller deletes their files. */
  expireChunks(maxBytes: number): readonly ChunkRow[];
  /** Closed chunks whose frames all have a terminal record, marked expired; the caller deletes their files. */
  expireAccounted(): readonly ChunkRow[];
  spool(): Spool;
  /**
   * Deletes the oldest terminal records (and events, and features) from before a time, a bounded number a call, and returns how many records:
   * 0 means none is left. Their counts stay in the balances.
   */
  pruneRecords(before: EpochMicros): number;
  close(): void;
}
