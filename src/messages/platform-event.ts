import type { CameraId, EpochMicros } from '../engine/units.ts';

/** Body of topic `vto.events`. `node`: name of the node it happened on; absent on one machine. */
export type PlatformEvent = { readonly node?: string } & (
  | { readonly type: 'camera-state'; readonly camera: CameraId; readonly at: EpochMicros; readonly state: 'connecting' | 'waiting' | 'live' | 'retrying' | 'ended' | 'failed' | 'removed'; readonly code?: string; readonly message?: string; readonly retryInMs?: number }
  /** What was captured between `from` and `to` never became durable. */
  | { readonly type: 'gap'; readonly camera: CameraId; readonly at: EpochMicros; readonly from: EpochMicros; readonly to: EpochMicros; readonly reason: string }
  /** Of a gap, what was captured between `from` and `to` became durable after all, from the camera's own recording: so many frames. */
  | { readonly type: 'backfilled'; readonly camera: CameraId; readonly at: EpochMicros; readonly from: EpochMicros; readonly to: EpochMicros; readonly frames: number }
  /** Another source of the camera is recorded from now on, because the one before failed; `reason` is its error code. Labels of sources hold no credentials. */
  | { readonly type: 'failed-over'; readonly camera: CameraId; readonly at: EpochMicros; readonly fromSource: string; readonly toSource: string; readonly reason: string }
  /** A better source of the camera is recorded again. */
  | { readonly type: 'restored'; readonly camera: CameraId; readonly at: EpochMicros; readonly fromSource: string; readonly toSource: string }
  /** Bytes of an unfinished fragment were cut off a chunk at start. */
  | { readonly type: 'torn-tail'; readonly camera: CameraId; readonly at: EpochMicros; readonly file: string; readonly cutBytes: number }
  | { readonly type: 'process'; readonly at: EpochMicros; readonly process: string; readonly state: 'started' | 'ready' | 'exited' | 'stopped' | 'escalated'; readonly generation: number; readonly message?: string }
  /** The model of a node was changed; or was not, and the one before goes on. `model`: `name@version`. */
  | { readonly type: 'model'; readonly at: EpochMicros; readonly model: string; readonly state: 'active' | 'refused'; readonly code?: string; readonly message?: string }
  /** On a camera node: how many frames of the session, from 0 on, were handed to Kafka so far. */
  | { readonly type: 'received'; readonly camera: CameraId; readonly at: EpochMicros; readonly epoch: number; readonly received: number; readonly node: string });
