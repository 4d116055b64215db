import { join } from 'node:path';
import { sourceOf, visionOf, type VisionRow } from '../../src/data-ops/camera-row.ts';
import type { CameraRow } from '../../src/data-ops/store.ts';
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
function chosenBy({ vision, ingress, tenants }: Config, cameras: Iterable<readonly [id: string, row: VisionRow]>): Pick<VisionSettings, 'batchMax' | 'batchWithinMs' | 'tenants' | 'maxFps' | 'cameras'> {
  const { batchMax, batchWithinMs } = vision;
  return {
    batchMax, batchWithinMs, tenants: Object.fromEntries(tenants.map(({ name, share }) => [name, share])), maxFps: ingress.maxFps || null,
    cameras: Object.fromEntries([...cameras].map(([id, row]) => [id, visionOf(row)])),
  };
}

/** Settings of a vision process. */
export function visionSettings(config: Config, paths: Paths, { socket, model, devices }: VisionPlace, cameras: Iterable<CameraRow>): VisionSettings {
  return {
    socket, storeSocket: join(paths.sockets, 'store.sock'),
    model: { ...model, providers: devices.providers }, decoder: devices.decoder, trackers: trackersOf(config), gate: gateSettings(config),
    ...chosenBy(config, [...cameras].map(row => [row.id, row])), hasFeatures: true, stalenessMs: config.vision.stalenessMs, catchUpMs: catchUpMs(config, CATCH_UP_MS), splitMaxFps: config.vision.splitMaxFps, maxMemoryBytes: config.vision.maxMemoryBytes,
  };
}

/** What an ingest process of a camera node knows of its cluster. */
export type ClusterIngest = Pick<IngestSettings, 'deskSocket' | 'kafka' | 'floors' | 'leftovers'>;

/** One vision process of a cluster node, and the host above it. */
export interface NodeVision extends VisionPlace { readonly duty: VisionDuty; readonly host: string }

/** Settings of a vision process of a cluster node. @param cameras of the cluster, by id */
export function nodeVisionSettings(config: Config, { duty, socket, host, model, devices }: NodeVision, cameras: ReadonlyMap<string, VisionRow>): VisionSettings {
  const { vision, recording, kafka } = config;
  // A part brings so much video at once, and a transaction so many features: the last of them have waited for the others, not for the machine.
  const burstMs = duty === 'detector' ? kafka.commitIntervalMs : recording.partMs;
  return {
    duty, socket, storeSocket: host, model: { ...model, providers: devices.providers }, decoder: devices.decoder, trackers: trackersOf(config), gate: gateSettings(config),
    ...chosenBy(config, cameras), stalenessMs: vision.stalenessMs + burstMs, catchUpMs: catchUpMs(config, kafka.chunksRetentionHours * HOUR_MS), splitMaxFps: vision.splitMaxFps,
    maxMemoryBytes: vision.maxMemoryBytes,
    hasFeatures: duty === 'fused', // where pictures cross Kafka, the topic of features is theirs alone
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
    ingress: config.ingress, webrtc: config.webrtc, recording: config.recording, maxRewindMs: config.vision.maxRewindMs,
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
