import type { ActorReport } from '../../src/engine/actor.ts';
import { PlatformError } from '../../src/engine/errors.ts';
import type { RemoteStore } from '../../src/data-ops/remote-store.ts';
import type { CameraRow, CommittedRecord } from '../../src/data-ops/store.ts';
import type { CameraId } from '../../src/engine/units.ts';
import type { BackendRoot, ClusterView, ModelAccess } from '../gateway/backend.ts';
import type { PictureAccess } from '../gateway/live-access.ts';
import type { MetricsSnapshot } from '../../src/utility-ops/telemetry/snapshot.ts';
import type { DeskAccess } from './camera-desks.ts';
import type { NodePart } from './gateway-node.ts';

/** The models of a node that does not detect. */
export const NO_MODELS: ModelAccess = {
  list: () => Promise.reject(absent('it does not detect')),
  view() { throw absent('it does not detect'); },
  want: () => Promise.reject(absent('it does not detect')),
};

/** What of a node can be asked. */
export interface NodeParts {
  readonly cameras: BackendRoot | undefined;
  /** Where the node detects. */
  readonly models: ModelAccess | undefined;
  readonly pictures: PictureAccess;
}

/** The desks of a node that runs no cameras: built with its API like any, they refuse when they are asked. */
const NO_DESKS: DeskAccess = {
  call: () => Promise.reject(absent('it runs no cameras')),
  socketOf() { throw absent('it runs no cameras'); },
  async *stream() { yield await Promise.reject<never>(absent('it runs no cameras')); },
};

/** What a node without role gateway serves: how it is, and the cameras that it runs itself. */
export class NodeBackend implements BackendRoot {
  readonly cluster: ClusterView;
  readonly #part: NodePart;
  readonly #cameras: BackendRoot | undefined;
  readonly #never = new AbortController();

  readonly models: ModelAccess;
  readonly pictures: PictureAccess;
  readonly desks: DeskAccess;

  constructor(part: NodePart, cluster: ClusterView, { cameras, models = NO_MODELS, pictures }: NodeParts) {
    this.desks = cameras?.desks ?? NO_DESKS;
    this.pictures = pictures;
    this.models = models;
    this.#part = part;
    this.cluster = cluster;
    this.#cameras = cameras;
  }

  get board(): BackendRoot['board'] { return this.#cameras?.board ?? { views: () => [], stateOf: () => undefined }; }
  get signal(): AbortSignal { return this.#cameras?.signal ?? this.#never.signal; }
  get store(): RemoteStore { return this.#local().store; }

  camera(id: CameraId): CameraRow | undefined { return this.#cameras?.camera(id); }
  cameraRows(): readonly CameraRow[] { return this.#cameras?.cameraRows() ?? []; }
  addCamera(): Promise<void> { return Promise.reject(absent('cameras of a cluster are added and removed there')); }
  changeCamera(): Promise<void> { return Promise.reject(absent('cameras of a cluster are changed there')); }
  removeCamera(): Promise<void> { return Promise.reject(absent('cameras of a cluster are added and removed there')); }
  records(after: number, camera: CameraId | undefined, signal: AbortSignal): AsyncIterable<readonly CommittedRecord[]> { return this.#local().records(after, camera, signal); }
  tree(): ActorReport { return this.#part.tree(); }
  unready(): readonly string[] { return this.#part.unready(); }
  metrics(): Promise<readonly MetricsSnapshot[]> { return this.#part.metrics(); }

  #local(): BackendRoot {
    if (!this.#cameras) throw absent('it serves its health and metrics only');
    return this.#cameras;
  }
}

function absent(why: string): PlatformError {
  return new PlatformError('ROLE_ABSENT', `this node of the cluster has no role gateway: ${why}`);
}
