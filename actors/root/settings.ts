import { join } from 'node:path';
import type { CameraRow } from '../../src/data-ops/store.ts';
import type { Config } from '../../src/utility-ops/config/schema.ts';
import type { IndexSettings } from '../index/index-role.ts';
import type { IngestSettings } from '../ingest/ingest-role.ts';
import type { StoreSettings } from '../store/store-role.ts';
import type { HostRoleSettings } from '../host/host-role.ts';
import type { VisionDuty } from '../vision/duties.ts';
import type { GateSettings } from '../vision/gating.ts';
import type { VisionSettings } from '../vision/vision-role.ts';

/** Where this run keeps its files. */
export interface Paths {
  readonly data: string;
  /** Short, because the path of a Unix socket is limited to about 100 bytes. */
  readonly sockets: string;
}

const HOUR_MS = 3_600_000;

/** Settings of the store process. */
export function storeSettings(config: Config, paths: Paths, isSpoolOnly = false): StoreSettings {
  return {
    file: join(paths.data, 'store.sqlite'), archive: join(paths.data, 'archive'), socket: join(paths.sockets, 'store.sock'),
    maxArchiveBytes: config.recording.maxBytes, retentionMs: config.store.retentionHours * HOUR_MS, isSpoolOnly,
  };
}

/** Settings of the index process. */
export function indexSettings(config: Config, paths: Paths): IndexSettings {
  return {
    file: join(paths.data, 'index.sqlite'), socket: join(paths.sockets, 'index.sock'), retentionMs: config.store.retentionHours * HOUR_MS,
    topicPrefix: config.kafka.topicPrefix, kafka: config.kafka,
  };
}

/** Settings of vision process `index`. */
export function visionSettings(config: Config, paths: Paths, index: number, rows: Iterable<CameraRow>): VisionSettings {
  return {
    socket: visionSocket(paths, index), storeSocket: join(paths.sockets, 'store.sock'),
    model: detectorOptions(config, index),
    stalenessMs: config.vision.stalenessMs, catchUpMs: config.vision.catchUpMs, splitMaxFps: config.vision.splitMaxFps,
    gate: gateSettings(config),
    maxFps: { '*': config.ingress.maxFps || null, ...Object.fromEntries([...rows].filter(row => row.maxFps !== null).map(row => [row.id, row.maxFps || null])) },
  };
}

/** What an ingest process of a camera node knows of its cluster. */
export type ClusterIngest = Pick<IngestSettings, 'kafka' | 'floors' | 'leftovers'>;

/** One vision process of a cluster node, and the host above it. */
export interface NodeVision { readonly duty: VisionDuty; readonly socket: string; readonly host: string; readonly index: number }

/** Settings of a vision process of a cluster node. `limits`: frames a second of cameras that have a limit of their own. */
export function nodeVisionSettings(config: Config, { duty, socket, host, index }: NodeVision, limits: ReadonlyMap<string, number | null>): VisionSettings {
  const { vision, ingress, recording, kafka } = config;
  // A part brings so much video at once, and a transaction so many features: the last of them have waited for the others, not for the machine.
  const burstMs = duty === 'detector' ? kafka.commitIntervalMs : recording.partMs;
  return {
    duty, socket, storeSocket: host, model: detectorOptions(config, index), stalenessMs: vision.stalenessMs + burstMs, catchUpMs: vision.catchUpMs, splitMaxFps: vision.splitMaxFps,
    gate: gateSettings(config),
    maxFps: { '*': ingress.maxFps || null, ...Object.fromEntries([...limits].map(([camera, limit]) => [camera, limit || null])) },
  };
}

/** Settings of the host above the vision processes of a duty. */
export function hostSettings(config: Config, duty: VisionDuty, sockets: { readonly socket: string; readonly visions: readonly string[] }): HostRoleSettings {
  return { duty, socket: sockets.socket, visionSockets: sockets.visions, kafka: config.kafka, maxRewindMs: config.vision.maxRewindMs };
}

/** Settings of an ingest process with `cameras`. */
export function ingestSettings(config: Config, paths: Paths, cameras: readonly CameraRow[], cluster: ClusterIngest = {}): IngestSettings {
  return {
    ...cluster, cameras, archive: join(paths.data, 'archive'), storeSocket: join(paths.sockets, 'store.sock'),
    visionSockets: Array.from({ length: config.vision.processes }, (_, index) => visionSocket(paths, index)),
    ingress: config.ingress, recording: config.recording, maxRewindMs: config.vision.maxRewindMs,
  };
}

function gateSettings({ vision, cameras }: Config): GateSettings {
  const own = cameras.flatMap(({ id, gate }) => (gate === undefined ? [] : [[id, gate] as const]));
  return { modes: { '*': vision.gate, ...Object.fromEntries(own) }, probeHz: vision.probeHz, holdMs: vision.gateHoldMs };
}

function detectorOptions(config: Config, index: number): VisionSettings['model'] {
  const { model, family, labels, scoreMin, iouMax, providers, gpuPool } = config.modelOps;
  return { model, family, labels, scoreMin, iouMax, providers, device: gpuPool > 0 ? index % gpuPool : 0 };
}

function visionSocket(paths: Paths, index: number): string {
  return join(paths.sockets, `vision-${index}.sock`);
}
