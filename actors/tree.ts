import type { RestartPolicy } from '../src/engine/actor.ts';
import { PlatformError } from '../src/engine/errors.ts';

/**
 * Who restarts whom, on one screen.
 *
 *   vto (root)                     supervises and serves; never decodes, never infers
 *   ├─ store                       process: SQLite, the one writer
 *   │  ├─ writer                   records → transactions
 *   │  └─ retention
 *   ├─ vision-0 … n                process: pixels never leave it
 *   │  ├─ intake                   deadlines, shares of the time, and staleness over cameras
 *   │  ├─ featurizer               decode → choose → scale
 *   │  └─ detector                 one ONNX session
 *   ├─ ingest-0 … n                process: a group of cameras
 *   │  └─ <camera>
 *   │     ├─ feeder                durable frames → vision, again after a crash
 *   │     ├─ backfill              the camera's own recording → what a gap lacks; backfill-feeder hands it to vision
 *   │     └─ session               one connection: fails → new generation, new epoch
 *   │        ├─ source
 *   │        ├─ chunker
 *   │        └─ recorder
 *   ├─ index                       process, on a gateway node of a cluster: SQLite, made from the topics
 *   │  ├─ detections               records at read_committed → transactions
 *   │  ├─ events
 *   │  └─ retention
 *   └─ gateway                     REST and streams
 *      └─ jsmpeg-n-<camera>        process, while somebody watches the camera with an old player
 *         └─ ffmpeg                node-rtsp-stream and its ffmpeg: one that ends or freezes is replaced
 *
 * A node of a cluster is the parts that its roles ask for, joined by Kafka:
 *
 *   camera      store, ingest-0 … n (their feeders hand over to Kafka), and in the root: membership, desired-cameras, epochs, outbox
 *   detector    host                process: consumer group, transactions; outlives vision-0 … n below it
 *   featurizer  featurizer-host     the same for the first half of split vision
 *   gateway     index               process: detections and events of the cluster → SQLite
 *   each        topics, gateway     makes missing topics; health, metrics, and the API as far as the roles go
 */
export const POLICIES = {
  /** A role process: back within a second, for ever; a machine that cannot run it shows it as backing off. */
  process: { maxRestarts: Number.POSITIVE_INFINITY, windowMs: 30_000, backoffMs: 50, backoffMaxMs: 5_000, jitter: 0.2, stallMs: 5_000, stopMs: 4_000 },
  /** A vision process never gives up: cameras are recorded all the same, and its model file may be put right. */
  vision: { maxRestarts: Number.POSITIVE_INFINITY, windowMs: 30_000, backoffMs: 50, backoffMaxMs: 5_000, jitter: 0.2, stallMs: 5_000, stopMs: 4_000, retriesStop: true },
  /** A long-lived part of a process: a few quick restarts, then the process itself is suspect. */
  worker: { maxRestarts: 5, windowMs: 30_000, backoffMs: 20, backoffMaxMs: 1_000, jitter: 0.2, stallMs: 0, stopMs: 2_000 },
  /** A camera as a whole never gives up. */
  camera: { maxRestarts: Number.POSITIVE_INFINITY, windowMs: 60_000, backoffMs: 200, backoffMaxMs: 5_000, jitter: 0.3, stallMs: 0, stopMs: 3_000 },
  /** Feeding never gives up: a camera whose frames reach no detector is recorded all the same. */
  feeder: { maxRestarts: Number.POSITIVE_INFINITY, windowMs: 30_000, backoffMs: 20, backoffMaxMs: 5_000, jitter: 0.2, stallMs: 0, stopMs: 2_000 },
  /** What joins a node to its cluster never gives up: brokers come and go. */
  cluster: { maxRestarts: Number.POSITIVE_INFINITY, windowMs: 60_000, backoffMs: 200, backoffMaxMs: 5_000, jitter: 0.3, stallMs: 0, stopMs: 3_000 },
  /** An ffmpeg never is given up: it may be installed yet. */
  ffmpeg: { maxRestarts: Number.POSITIVE_INFINITY, windowMs: 10_000, backoffMs: 50, backoffMaxMs: 1_000, jitter: 0.2, stallMs: 0, stopMs: 1_000, retriesStop: true },
  /** One link of a session's chain: its failure is the session's, which starts over with a new epoch. */
  link: { maxRestarts: 0, windowMs: 1_000, backoffMs: 10, backoffMaxMs: 10, jitter: 0, stallMs: 0, stopMs: 2_000 },
} as const satisfies Record<string, RestartPolicy>;

/** After the loss of a source its ladder is asked for the next at once: how long to wait for each of its sources is the ladder's to know. */
const LOST_WAIT_MS = 10;

/** How a camera's sessions are tried again. */
export function sessionPolicy(ingress: { readonly reconnectBackoffMs: number; readonly reconnectBackoffMaxMs: number }): RestartPolicy {
  return {
    maxRestarts: Number.POSITIVE_INFINITY, windowMs: 60_000, backoffMs: ingress.reconnectBackoffMs, backoffMaxMs: ingress.reconnectBackoffMaxMs,
    jitter: 0.3, stallMs: 0, stopMs: 2_500,
    ownWaitMs: error => (error instanceof PlatformError && error.code.startsWith('SOURCE_') ? LOST_WAIT_MS : undefined),
  };
}
