import { createHash } from 'node:crypto';
import type { ActorReport } from '../../src/engine/actor.ts';
import { PlatformError } from '../../src/engine/errors.ts';
import { isCameraId, type CameraId } from '../../src/engine/units.ts';
import type { PartitionLag } from '../../src/data-ops/group-lag.ts';
import type { RemoteStore } from '../../src/data-ops/remote-store.ts';
import type { CameraRow, CommittedRecord } from '../../src/data-ops/store.ts';
import type { PtzView } from '../../src/ingress/onvif/ptz.ts';
import type { ActiveModelView, LinkView, ModelView, ServingBackend } from '../../src/serving-ops/service.ts';
import { parseStreamUri, STREAM_SCHEMES } from '../../src/serving-ops/stream-uri.ts';
import { METRICS_CONTENT_TYPE, renderMetrics, type MetricsSnapshot } from '../../src/utility-ops/telemetry/snapshot.ts';
import { createLiveAccess, type PictureAccess } from './live-access.ts';
import type { CameraBoard } from '../root/camera-board.ts';
import type { DeskAccess } from '../root/camera-desks.ts';
import type { GrantedSession, IceChange } from '../../src/ingress/webrtc/whip-doors.ts';
import type { WhipAccess } from '../../src/serving-ops/whip-access.ts';
import type { CameraDirectory } from '../root/camera-directory.ts';

/** How long a temporary camera outlives its last reader, so that a reconnecting client finds it warm. */
const LINGER_MS = 5_000;

/** How often it is looked whether a camera that is being read is still there. */
const WATCH_MS = 250;

const PAGE = 256;

/** The part of the root that the gateway needs: the orchestrator of a machine, or the gateway node of a cluster. */
export interface BackendRoot extends CameraDirectory {
  readonly store: RemoteStore;
  /** Aborts when the platform stops. */
  readonly signal: AbortSignal;
  readonly board: Pick<CameraBoard, 'views' | 'stateOf'>;
  /** Committed records in order, each once, until the signal aborts. */
  records(after: number, camera: CameraId | undefined, signal: AbortSignal): AsyncIterable<readonly CommittedRecord[]>;
  tree(): ActorReport;
  /** Why requests should not come here; empty when they should. */
  unready(): readonly string[];
  metrics(): Promise<readonly MetricsSnapshot[]>;
  readonly models: ModelAccess;
  /** Asks the process that runs a camera. */
  readonly desks: DeskAccess;
  /** Decodes a picture that was asked for. */
  readonly pictures: PictureAccess;
  /** What a node of a cluster knows besides: its links, what works less well than it should, and how far groups are behind. */
  readonly cluster?: ClusterView;
}

/** The models of a node, or of its cluster. */
export interface ModelAccess {
  list(): Promise<readonly ModelView[]>;
  view(): ActiveModelView | Promise<ActiveModelView>;
  /** @throws PlatformError MODEL_UNKNOWN */
  want(reference: string): Promise<void>;
}

/** What a node of a cluster tells of it. */
export interface ClusterView {
  links(): readonly LinkView[];
  degraded(): readonly string[];
  lag(): readonly PartitionLag[];
}

/** Options of the backend. */
export interface BackendOptions {
  readonly ownMetrics: () => Promise<MetricsSnapshot>;
  /** Rejects when the signal aborts. */
  readonly sleep: (ms: number, signal: AbortSignal) => Promise<void>;
}

/** What the gateway asks of the platform, answered by the root. */
export function createBackend(root: BackendRoot, options: BackendOptions): ServingBackend {
  const readers = new Map<CameraId, Readers>();
  const viewOf = (id: CameraId): ReturnType<ServingBackend['cameras']>[number] => {
    const view = root.board.views().find(candidate => candidate.id === id);
    if (!view) throw unknown(id);
    return view;
  };
  return {
    cameras: () => root.board.views(),
    cameraOf: uri => {
      const wanted = canonical(uri);
      return root.cameraRows().find(row => canonical(row.uri) === wanted)?.id;
    },
    addCamera: async row => {
      await root.addCamera(row, false);
      return viewOf(row.id);
    },
    changeCamera: async (id, edit) => {
      await root.changeCamera(id, edit);
      return viewOf(id);
    },
    removeCamera: id => root.removeCamera(id),
    openStream: async (uri, signal) => {
      const id = temporaryId(uri);
      const after = await root.store.lastRecordId();
      if (!root.camera(id)) await root.addCamera(temporaryRow(id, uri), true);
      const reading = readers.get(id) ?? { count: 0, visits: 0 };
      readers.set(id, reading);
      reading.count += 1;
      reading.visits += 1;
      const gone = (): void => { void leave(root, readers, id, options.sleep); };
      if (signal.aborted) gone(); // it left while the camera was being added
      else signal.addEventListener('abort', gone, { once: true });
      return { camera: id, after };
    },
    async *records({ camera, after, signal }): AsyncGenerator<CommittedRecord> {
      if (!root.camera(camera)) throw unknown(camera);
      yield* readRecords(root, { camera, signal, after: after ?? await root.store.lastRecordId() }, options.sleep);
    },
    ...historyOf(root),
    ...modelAnswers(root.models),
    live: createLiveAccess(() => root.desks, () => root.pictures),
    ptz: ptzOf(root),
    whip: whipAccess(root.desks),
    tree: () => root.tree(),
    isReady: () => {
      const reasons = root.unready();
      return { ready: reasons.length === 0, reasons, ...(root.cluster === undefined ? {} : { degraded: root.cluster.degraded(), links: root.cluster.links() }) };
    },
    lag: () => root.cluster?.lag() ?? [],
    metrics: async () => ({ contentType: METRICS_CONTENT_TYPE, body: await renderMetrics([await options.ownMetrics(), ...await root.metrics()]) }),
  };
}

/** Cameras are turned by the process that runs them. */
function ptzOf({ desks, signal }: BackendRoot): ServingBackend['ptz'] {
  return {
    view: async camera => await desks.call(camera, 'ptz.view', null, signal) as PtzView, // of the same version
    command: async (camera, command) => { await desks.call(camera, 'ptz.command', command, signal); },
  };
}

/** Publishers, let in by the process that runs the camera. Its answers are of this version. */
function whipAccess(desks: DeskAccess): WhipAccess {
  return {
    publish: async (camera, request, signal) => await desks.call(camera, 'whip.publish', request, signal) as GrantedSession,
    trickle: async (camera, request, signal) => await desks.call(camera, 'whip.trickle', request, signal) as IceChange,
    end: async (camera, request, signal) => { await desks.call(camera, 'whip.end', request, signal); },
  };
}

/** What has happened, as the store has it. */
function historyOf(root: BackendRoot): Pick<ServingBackend, 'recordsAfter' | 'features' | 'events' | 'chunks' | 'balances'> {
  return {
    recordsAfter: ({ after, max, camera }) => root.store.recordsAfter(after, max, camera),
    features: async query => {
      if (!root.camera(query.camera)) throw unknown(query.camera);
      return root.store.features(query);
    },
    events: ({ camera, max }) => root.store.events({ max, ...(camera === undefined ? {} : { camera }) }),
    chunks: async ({ camera, from, to, max }) => {
      const rows = await root.store.chunks(camera === undefined ? {} : { camera });
      return rows.filter(row => (from === undefined || row.endedAt >= from) && (to === undefined || row.startedAt < to)).slice(0, max);
    },
    balances: () => root.store.balances(),
  };
}

function modelAnswers(models: ModelAccess): Pick<ServingBackend, 'models' | 'activeModel' | 'useModel'> {
  return {
    models: () => models.list(),
    activeModel: async () => models.view(),
    useModel: async reference => {
      await models.want(reference);
      return models.view();
    },
  };
}

/** Readers of a temporary camera: how many there are, and how many have come so far. */
interface Readers { count: number; visits: number }

async function leave(root: BackendRoot, readers: Map<CameraId, Readers>, id: CameraId, sleep: BackendOptions['sleep']): Promise<void> {
  const reading = readers.get(id);
  if (!reading) return;
  reading.count -= 1;
  if (reading.count > 0) return;
  const { visits } = reading;
  await sleep(LINGER_MS, root.signal).catch(() => { /* the platform is stopping */ });
  if (reading.visits !== visits || readers.get(id) !== reading) return; // somebody came meanwhile: their leaving counts
  readers.delete(id);
  if (root.camera(id)) await root.removeCamera(id).catch(() => { /* the platform is stopping: the camera goes with it */ });
}

interface Reading { readonly camera: CameraId; readonly after: number; readonly signal: AbortSignal }

/** Follows the commits until the camera gives no more, then gives what was committed of it by then. */
async function* readRecords(root: BackendRoot, { camera, after, signal }: Reading, sleep: BackendOptions['sleep']): AsyncGenerator<CommittedRecord> {
  const over = new AbortController();
  const both = AbortSignal.any([signal, over.signal, root.signal]);
  const watched = untilOver(root, camera, both, sleep).then(() => over.abort());
  watched.catch(() => { /* awaited below */ });
  let cursor = after;
  try {
    for await (const batch of root.records(after, camera, both)) {
      for (const committed of batch) {
        cursor = committed.id;
        yield committed;
      }
    }
    if (!over.signal.aborted) return;
    for (let page = await root.store.recordsAfter(cursor, PAGE, camera); page.length > 0 && !signal.aborted; page = await root.store.recordsAfter(cursor, PAGE, camera)) {
      cursor = page.at(-1)?.id ?? cursor;
      yield* page;
    }
  } finally {
    over.abort();
    await watched;
  }
}

/** Resolves when the camera was removed, or its source has ended and every frame of it has a record, or the signal aborts. */
async function untilOver(root: BackendRoot, camera: CameraId, signal: AbortSignal, sleep: BackendOptions['sleep']): Promise<void> {
  while (!signal.aborted && root.camera(camera) !== undefined) {
    // A session ends after its frames are indexed: from then on the balance counts all of them.
    if (root.board.stateOf(camera) === 'ended' && await isAccounted(root, camera)) return;
    await sleep(WATCH_MS, signal).catch(() => { /* the loop sees why */ });
  }
}

async function isAccounted(root: BackendRoot, camera: CameraId): Promise<boolean> {
  const balances = await root.store.balances().catch(() => undefined); // a store that is being replaced is asked again
  return balances?.every(balance => balance.camera !== camera || balance.pending === 0) ?? false;
}

/** Spelling of host and port, and credentials, do not tell URIs apart. */
function canonical(uri: string): string {
  try {
    return JSON.stringify(parseStreamUri(uri, STREAM_SCHEMES));
  } catch {
    return uri; // a camera of the configuration may use a form that callers may not
  }
}

/** Named after the URL, so that readers of one URL share one camera and its history. */
function temporaryId(uri: string): CameraId {
  const id = `url-${createHash('sha256').update(canonical(uri)).digest('hex').slice(0, 12)}`;
  if (!isCameraId(id)) throw new Error(`not a camera id: ${id}`);
  return id;
}

function temporaryRow(id: CameraId, uri: string): CameraRow {
  return { id, uri, maxFps: null, isDetecting: true, isLooping: false };
}

function unknown(id: CameraId): PlatformError {
  return new PlatformError('CAMERA_UNKNOWN', `camera '${id}' is unknown`, { camera: id });
}
