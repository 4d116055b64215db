import type { ActorReport } from '../engine/actor.ts';
import type { CameraId, EpochMicros } from '../engine/units.ts';
import type { CameraEdit } from '../data-ops/camera-row.ts';
import type { PartitionLag } from '../data-ops/group-lag.ts';
import type { Balance, CameraRow, ChunkRow, CommittedRecord, FeatureQuery, StoredFeature } from '../data-ops/store.ts';
import type { PtzCommand, PtzView } from '../ingress/onvif/ptz.ts';
import type { PictureSettings } from '../messages/desired-camera.ts';
import type { LiveItem } from '../messages/live-item.ts';
import type { PlatformEvent } from '../messages/platform-event.ts';
import type { DropReason } from '../messages/terminal-record.ts';
import type { WhipAccess } from './whip-access.ts';

/** State of a camera as its last `camera-state` event says. */
export type CameraState = Extract<PlatformEvent, { type: 'camera-state' }>['state'];

/** A camera as clients see it. Holds no credentials. */
export interface CameraView {
  readonly id: CameraId;
  /** The URI without credentials (`Source.label`). */
  readonly label: string;
  readonly state: CameraState;
  /** Opened by a reader of an allowed URL; goes when its last reader leaves. */
  readonly isTemporary: boolean;
  /** Of the current session; 0 before the first. */
  readonly epoch: number;
  /** Frames received per second, over the last seconds. */
  readonly fps: number;
  readonly maxFps: number | null;
  readonly isDetecting: boolean;
  readonly isLooping: boolean;
  /** Further sources in order of preference, without credentials. */
  readonly fallbacks: readonly string[];
  readonly standby: 'cold' | 'warm';
  readonly restoreAfterMs: number;
  readonly tenant: string;
  readonly priority: number;
  /** How its pictures are played and understood; absent: as its source says. */
  readonly pictures?: PictureSettings;
  /** Features computed of its frames: names of encoders, their options beside. */
  readonly encoders: readonly (Readonly<Record<string, unknown>> & { readonly name: string })[];
  /** Of all epochs. */
  readonly counts: { readonly received: number; readonly detected: number; readonly dropped: Readonly<Partial<Record<DropReason, number>>>; readonly gaps: number };
  readonly lastError?: { readonly code: string; readonly message: string };
  /** Activity gate; absent where every frame is decoded. */
  readonly gate?: GateView;
  /** In order of preference, where the camera has several; absent until its process told of them. */
  readonly sources?: readonly SourceView[];
}

/** How one of several sources of a camera is. Holds no credentials. */
export interface SourceView {
  readonly label: string;
  /** `active`: recorded. `standby`: connected. `trying`: being opened. `away`: tried again. `failed`: for good. `idle`: not wanted now. */
  readonly state: 'active' | 'standby' | 'trying' | 'away' | 'failed' | 'idle';
  /** Why it is away, or failed. */
  readonly code?: string;
  readonly message?: string;
}

/** What the activity gate of a camera does. */
export interface GateView {
  /** `quiet`: only key frames are decoded. `probing`: packet sizes are not relied on, so frames are looked at at `vision.probeHz`. */
  readonly state: 'active' | 'quiet' | 'probing';
  /** Why packet sizes are not relied on. */
  readonly reason?: 'learning' | 'no-signal' | 'missed' | 'long-gop';
  /** How well something that moves would show in the packet sizes: from 1 on they are relied on. */
  readonly score: number;
}

/** A model that detection can be switched to. */
export interface ModelView {
  /** `name@version`. */
  readonly model: string;
  readonly name: string;
  readonly version: string;
  readonly family: string;
  readonly source: 'built-in' | 'settings' | 'folder';
  readonly isActive: boolean;
}

/** Which model detects, and how a change of it goes. */
export interface ActiveModelView {
  /** `name@version`. */
  readonly active: string;
  /** What was asked for last; differs from `active` while it is being changed. */
  readonly wanted: string;
  readonly state: 'steady' | 'changing';
  /** Vision processes of this node: those that serve, then those that are about to. What they say of their model is null until it is loaded. */
  readonly processes: readonly { readonly name: string; readonly isReady: boolean; readonly model: string | null; readonly digest: string | null; readonly provider: string | null }[];
  /** Changes of this run. */
  readonly counts: { readonly done: number; readonly refused: number };
  /** Why the last change was refused. */
  readonly lastError?: { readonly model: string; readonly code: string; readonly message: string };
  /** On a gateway of a cluster: what each node that detects told last. */
  readonly nodes?: readonly { readonly node: string; readonly model: string; readonly state: 'active' | 'refused'; readonly at: string; readonly code?: string; readonly message?: string }[];
}

/** A link of this node to the rest of a cluster. */
export interface LinkView {
  readonly name: string;
  readonly state: 'connecting' | 'up' | 'down';
  /** Since when it is in this state. */
  readonly since: EpochMicros;
  readonly message?: string;
}

/** Whether requests should come here. */
export interface Readiness {
  readonly ready: boolean;
  /** Why it is not ready. */
  readonly reasons: readonly string[];
  /** What works less well than it should, without being a reason to send requests elsewhere. */
  readonly degraded?: readonly string[];
  /** Absent on a machine without a cluster. */
  readonly links?: readonly LinkView[];
}

/** A still picture of a camera. */
export interface Snapshot {
  readonly jpeg: Uint8Array;
  readonly width: number;
  readonly height: number;
  readonly epoch: number;
  readonly frameSeq: number;
  readonly capturedAt: EpochMicros;
}

/** The pictures of cameras, as they come. */
export interface LiveAccess {
  /**
   * What viewers of a camera get, from its newest key frame on; goes on over losses of the camera, until the signal aborts.
   * @throws PlatformError CAMERA_UNKNOWN; CAMERA_ELSEWHERE, ROLE_ABSENT on a node of a cluster that does not run it; PORT_CLOSED when the process that does was replaced: to be watched again
   */
  watch(camera: CameraId, signal: AbortSignal): AsyncIterable<LiveItem>;
  /**
   * Its newest key frame as JPEG, `width` pixels wide or as it is.
   * @throws PlatformError as `watch`; SOURCE_UNREACHABLE while the camera sends nothing; ROLE_ABSENT where no vision process can decode it; MEDIA_UNSUPPORTED, MEDIA_CORRUPT
   */
  snapshot(camera: CameraId, width: number | undefined, signal: AbortSignal): Promise<Snapshot>;
}

/** Where a stream of records starts and ends. */
export interface RecordQuery {
  readonly camera: CameraId;
  /** Records with a greater id, oldest first; undefined: only what is committed from now on. */
  readonly after?: number;
  /** Aborts when the reader has left. */
  readonly signal: AbortSignal;
}

/** Turns cameras. */
export interface PtzAccess {
  /** @throws PlatformError PTZ_UNSUPPORTED, CAMERA_ELSEWHERE; SOURCE_UNREACHABLE, SOURCE_REFUSED and others of what the camera answers */
  view(camera: CameraId): Promise<PtzView>;
  /** Resolves when the camera has taken it. @throws as `view` */
  command(camera: CameraId, command: PtzCommand): Promise<void>;
}

/** A temporary camera, opened for one reader. */
export interface OpenedStream {
  readonly camera: CameraId;
  /** Id before the stream's first record, so that its first frame is not missed. */
  readonly after: number;
}

/** Pictures of cameras for players that decode nothing but MPEG-1. */
export interface JsmpegAccess {
  /**
   * MPEG transport stream of MPEG-1 video, from now on, until the signal aborts.
   * @throws PlatformError CAMERA_UNKNOWN, CAMERA_ELSEWHERE, ROLE_ABSENT; FFMPEG_MISSING; OVERLOADED; TIMED_OUT
   */
  watch(camera: CameraId, signal: AbortSignal): AsyncIterable<Uint8Array>;
}

/**
 * What the HTTP (and any other) face needs of the platform. The root process implements it; a test needs an object literal.
 * Calls may reject with any PlatformError: the face turns its code into the status of the error table.
 */
export interface ServingBackend {
  cameras(): readonly CameraView[];
  /** The registered camera whose URI is `uri`, credentials and spelling of the host aside. */
  cameraOf(uri: string): CameraId | undefined;
  /** @throws PlatformError CAMERA_EXISTS, REQUEST_INVALID (the URI), PLUGIN_UNKNOWN, STORE_FAILED */
  addCamera(request: CameraRow): Promise<CameraView>;
  /**
   * Changes a camera while it runs; its session goes on unless what it is made of changes. The edit is given what is wanted now, credentials included.
   * @throws PlatformError CAMERA_UNKNOWN, STORE_FAILED; what the edit throws
   */
  changeCamera(id: CameraId, edit: CameraEdit): Promise<CameraView>;
  /** @throws PlatformError CAMERA_UNKNOWN, STORE_FAILED */
  removeCamera(id: CameraId): Promise<void>;
  /**
   * Opens a temporary camera for a URL that was found to be allowed. It lives until `signal` aborts; readers of one URL may share one.
   * @throws PlatformError SOURCE_UNREACHABLE, SOURCE_REFUSED, OVERLOADED
   */
  openStream(uri: string, signal: AbortSignal): Promise<OpenedStream>;
  /**
   * Records as they are committed: durable, in the order of their ids, each once. Pulled: while nobody asks for the next one,
   * no more than a bounded page is held; what was missed is read from the store. Ends when the camera is removed, or is a finite
   * source that ended and every record of it was given.
   * @throws PlatformError CAMERA_UNKNOWN, STORE_FAILED
   */
  records(query: RecordQuery): AsyncIterable<CommittedRecord>;
  /** Records with id > `after`, oldest first, at most `max`. */
  recordsAfter(query: { readonly after: number; readonly max: number; readonly camera?: CameraId }): Promise<readonly CommittedRecord[]>;
  /** Newest last, at most `max`; with `after` those that follow it. @throws PlatformError CAMERA_UNKNOWN */
  features(query: FeatureQuery): Promise<readonly StoredFeature[]>;
  /** Newest last, at most `max`. */
  events(query: { readonly camera?: CameraId; readonly max: number }): Promise<readonly PlatformEvent[]>;
  /** Recorded chunks that overlap [from, to), oldest first, at most `max`. */
  chunks(query: { readonly camera?: CameraId; readonly from?: EpochMicros; readonly to?: EpochMicros; readonly max: number }): Promise<readonly ChunkRow[]>;
  balances(): Promise<readonly Balance[]>;
  models(): Promise<readonly ModelView[]>;
  activeModel(): Promise<ActiveModelView>;
  /**
   * Asks for another model, by `name@version`: vision processes are replaced while they work. Resolves when the wish is durable, or known to the node.
   * @throws PlatformError MODEL_UNKNOWN, ROLE_ABSENT, KAFKA_UNAVAILABLE
   */
  useModel(reference: string): Promise<ActiveModelView>;
  readonly live: LiveAccess;
  readonly ptz: PtzAccess;
  readonly whip: WhipAccess;
  tree(): ActorReport;
  isReady(): Readiness;
  /** How far consumer groups of the cluster are behind, as last measured; empty without a cluster. */
  lag(): readonly PartitionLag[];
  /** The metrics page (Prometheus text or OpenMetrics). */
  metrics(): Promise<{ readonly contentType: string; readonly body: string }>;
}
