import type { CameraId, EpochMicros } from '../engine/units.ts';

/** Body of topic `vto.events`. */
export type PlatformEvent =
  | { readonly type: 'camera-state'; readonly camera: CameraId; readonly at: EpochMicros; readonly state: 'connecting' | 'live' | 'retrying' | 'ended' | 'failed' | 'removed'; readonly code?: string; readonly message?: string; readonly retryInMs?: number }
  /** What was captured between `from` and `to` never became durable. */
  | { readonly type: 'gap'; readonly camera: CameraId; readonly at: EpochMicros; readonly from: EpochMicros; readonly to: EpochMicros; readonly reason: string }
  /** Bytes of an unfinished fragment were cut off a chunk at start. */
  | { readonly type: 'torn-tail'; readonly camera: CameraId; readonly at: EpochMicros; readonly file: string; readonly cutBytes: number }
  /** A node has made the frames 0 to `received - 1` of this session durable; a later event of the session replaces it. */
  | { readonly type: 'received'; readonly camera: CameraId; readonly at: EpochMicros; readonly epoch: number; readonly received: number; readonly node: string }
  | { readonly type: 'process'; readonly at: EpochMicros; readonly process: string; readonly state: 'started' | 'ready' | 'exited' | 'stopped' | 'escalated'; readonly generation: number; readonly message?: string };
