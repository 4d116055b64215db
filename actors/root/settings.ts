import { join } from 'node:path';
import { sourceOf } from '../../src/data-ops/camera-row.ts';
import type { CameraRow } from '../../src/data-ops/store.ts';
import type { EncodingWish } from '../../src/messages/desired-camera.ts';
import type { Config } from '../../src/utility-ops/config/schema.ts';
import type { IndexSettings } from '../index/index-role.ts';
import type { IngestSettings } from '../ingest/ingest-role.ts';
import type { StoreSettings } from '../store/store-role.ts';
import type { HostRoleSettings } from '../host/host-role.ts';
import type { Devices } from './provider-ladder.ts';
import type { VisionDuty } from '../vision/duties.ts';
import type { GateSettings } from '../vision/gating.ts';
import type { VisionSettings } from '../vision/vision-role.ts';
import type { ModelSettings } from './vision-fleet.ts';

/** Where this run keeps its files. */
export interface Paths {
  readonly data: string;
  /** Short, because the path of a Unix socket is limited to about 100 bytes. */
  readonly sockets: string;
}

const HOUR_MS = 3_600_000;
/** On one machine a viewer waits: what was missed for longer is not worth the delay of what is live. */
const CATCH_UP_MS = 5_000;

/** Settings of the store process. */
export function storeSettings(config: Config, paths: Paths, isSpoolOnly = false): StoreSettings {
  return {
    file: join(paths.data, 'store.sqlite'), archive: join(paths.data, 'archive'), socket: join(paths.sockets, 'store.sock'),
    maxArchiveBytes: config.recording.maxBytes, retentionMs: config.store.retentionHours * HOUR_MS, featuresMaxBytes: config.store.featuresMaxBytes, isSpoolOnly,
  };
}

/** Settings of the index process. */
export function indexSettings(config: Config, paths: Paths): IndexSettings {
  return {
    file: join(paths.data, 'index.sqlite'), socket: join(paths.sockets, 'index.sock'), retentionMs: config.store.retentionHours * HOUR_MS, featuresMaxBytes: config.vision.isSplit ? undefined : config.store.featuresMaxBytes,
    topicPrefix: config.kafka.topicPrefix, kafka: config.kafka,
  };
}

/** Where a vision process is, what it is to load, and what it may use now. */
export interface VisionPlace { readonly socket: string; readonly model: ModelSettings; readonly devices: Devices }

/** How vision processes choose among cameras, and how many frames they take at once. */
function chosenBy({ vision, cameras }: Config): Pick<VisionSettings, 'batchMax' | 'batchWithinMs' | 'priorities'> {
  const { batchMax, batchWithinMs } = vision;
  return { batchMax, batchWithinMs, priorities: Object.fromEntries(cameras.flatMap(({ id, priority }) => (priority === undefined ? [] : [[id, priority]]))) };
}

/** Settings of a vision process. */
export function visionSettings(config: Config, paths: Paths, { socket, model, devices }: VisionPlace, cameras: Iterable<CameraRow>): VisionSettings {
  const rows = [...cameras];
  return {
    socket, storeSocket: join(paths.sockets, 'store.sock'),
    model: { ...model, providers: devices.providers }, decoder: devices.decoder, trackers: trackersOf(config), gate: gateSettings(config),
    ...chosenBy(config), stalenessMs: config.vision.stalenessMs, catchUpMs: catchUpMs(config, CATCH_UP_MS), splitMaxFps: config.vision.splitMaxFps, maxMemoryBytes: config.vision.maxMemoryBytes,
    maxFps: { '*': config.ingress.maxFps || null, ...Object.fromEntries(rows.filter(row => row.maxFps !== null).map(row => [row.id, row.maxFps || null])) },
    encoders: Object.fromEntries(rows.map(row => [row.id, row.encoders ?? []])),
  };
}

/** What an ingest process of a camera node knows of its cluster. */
export type ClusterIngest = Pick<IngestSettings, 'deskSocket' | 'kafka' | 'floors' | 'leftovers'>;

/** One vision process of a cluster node, and the host above it. */
export interface NodeVision extends VisionPlace { readonly duty: VisionDuty; readonly host: string }

/** What is known of the cameras of a cluster where they are detected on. */
export interface NodeCameras {
  /** Frames a second of cameras that have a limit of their own. */
  readonly limits: ReadonlyMap<string, number | null>;
  readonly encoders: ReadonlyMap<string, readonly EncodingWish[]>;
}

/** Settings of a vision process of a cluster node. */
export function nodeVisionSettings(config: Config, { duty, socket, host, model, devices }: NodeVision, { limits, encoders }: NodeCameras): VisionSettings {
  const { vision, ingress, recording, kafka } = config;
  // A part brings so much video at once, and a transaction so many features: the last of them have waited for the others, not for the machine.
  const burstMs = duty === 'detector' ? kafka.commitIntervalMs : recording.partMs;
  return {
    duty, socket, storeSocket: host, model: { ...model, providers: devices.providers }, decoder: devices.decoder, trackers: trackersOf(config), gate: gateSettings(config),
    ...chosenBy(config), stalenessMs: vision.stalenessMs + burstMs, catchUpMs: catchUpMs(config, kafka.chunksRetentionHours * HOUR_MS), splitMaxFps: vision.splitMaxFps,
    maxMemoryBytes: vision.maxMemoryBytes,
    maxFps: { '*': ingress.maxFps || null, ...Object.fromEntries([...limits].map(([camera, limit]) => [camera, limit || null])) },
    // Where pictures cross Kafka, the topic of features is theirs alone.
    ...duty === 'fused' && { encoders: Object.fromEntries(encoders) },
  };
}

/** Settings of the host above the vision processes of a duty. */
export function hostSettings(config: Config, duty: VisionDuty, sockets: Pick<HostRoleSettings, 'socket' | 'visionSockets' | 'successors'>): HostRoleSettings {
  return { ...sockets, duty, kafka: config.kafka, maxRewindMs: config.vision.maxRewindMs };
}

/** The vision processes that an ingest process feeds, and those that its cameras are going over to. */
export type VisionTargets = Pick<IngestSettings, 'deskSocket' | 'visionSockets' | 'successors' | 'places'>;

/** Settings of an ingest process with `cameras`. */
export function ingestSettings(config: Config, paths: Paths, cameras: readonly CameraRow[], targets: VisionTargets | ClusterIngest): IngestSettings {
  return {
    visionSockets: [], ...targets, cameras: cameras.map(sourceOf), archive: join(paths.data, 'archive'), storeSocket: join(paths.sockets, 'store.sock'),
    ingress: config.ingress, recording: config.recording, maxRewindMs: config.vision.maxRewindMs,
  };
}

/** By camera; `*` for those that say nothing. */
function trackersOf({ vision, cameras }: Config): Readonly<Record<string, string>> {
  return { '*': vision.tracker, ...Object.fromEntries(cameras.flatMap(({ id, tracker }) => (tracker === undefined ? [] : [[id, tracker]]))) };
}

function gateSettings({ vision, cameras }: Config): GateSettings {
  const own = cameras.flatMap(({ id, gate }) => (gate === undefined ? [] : [[id, gate] as const]));
  return { modes: { '*': vision.gate, ...Object.fromEntries(own) }, probeHz: vision.probeHz, holdMs: vision.gateHoldMs };
}

function catchUpMs({ vision }: Config, otherwise: number): number {
  return vision.catchUpMs < 0 ? otherwise : vision.catchUpMs;
}
