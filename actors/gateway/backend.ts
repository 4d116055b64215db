import { createHash } from 'node:crypto';
import { PlatformError } from '../../src/engine/errors.ts';
import { isCameraId, type CameraId } from '../../src/engine/units.ts';
import type { CameraRow, CommittedRecord } from '../../src/data-ops/store.ts';
import type { ServingBackend } from '../../src/serving-ops/service.ts';
import { parseStreamUri, STREAM_SCHEMES } from '../../src/serving-ops/stream-uri.ts';
import { METRICS_CONTENT_TYPE, renderMetrics, type MetricsSnapshot } from '../../src/utility-ops/telemetry/snapshot.ts';
import type { Orchestrator } from '../root/orchestrator.ts';

/** How long a temporary camera outlives its last reader, so that a reconnecting client finds it warm. */
const LINGER_MS = 5_000;

/** What the gateway asks of the platform, answered by the root. */
export function createBackend(root: Orchestrator, options: { readonly ownMetrics: () => Promise<MetricsSnapshot>; readonly sleep: (ms: number) => Promise<void> }): ServingBackend {
  const readers = new Map<CameraId, number>();
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
    removeCamera: id => root.removeCamera(id),
    openStream: async (uri, signal) => {
      const id = temporaryId(uri);
      const after = await root.store.lastRecordId();
      if (!root.camera(id)) await root.addCamera(temporaryRow(id, uri), true);
      readers.set(id, (readers.get(id) ?? 0) + 1);
      const gone = (): void => { void leave(root, readers, id, options.sleep); };
      if (signal.aborted) gone(); // it left while the camera was being added
      else signal.addEventListener('abort', gone, { once: true });
      return { camera: id, after };
    },
    async *records({ camera, after, signal }): AsyncGenerator<CommittedRecord> {
      if (!root.camera(camera)) throw unknown(camera);
      const from = after ?? await root.store.lastRecordId();
      for await (const batch of root.records(from, camera, signal)) yield* batch;
    },
    recordsAfter: ({ after, max, camera }) => root.store.recordsAfter(after, max, camera),
    events: ({ camera, max }) => root.store.events({ max, ...(camera === undefined ? {} : { camera }) }),
    chunks: async ({ camera, from, to, max }) => {
      const rows = await root.store.chunks(camera === undefined ? {} : { camera });
      return rows.filter(row => (from === undefined || row.endedAt >= from) && (to === undefined || row.startedAt < to)).slice(0, max);
    },
    balances: () => root.store.balances(),
    tree: () => root.tree(),
    isReady: () => { const reasons = root.unready(); return { ready: reasons.length === 0, reasons }; },
    metrics: async () => ({ contentType: METRICS_CONTENT_TYPE, body: await renderMetrics([await options.ownMetrics(), ...await root.metrics()]) }),
  };
}

async function leave(root: Orchestrator, readers: Map<CameraId, number>, id: CameraId, sleep: (ms: number) => Promise<void>): Promise<void> {
  readers.set(id, (readers.get(id) ?? 1) - 1);
  if ((readers.get(id) ?? 0) > 0) return;
  await sleep(LINGER_MS);
  if ((readers.get(id) ?? 0) > 0 || !root.camera(id)) return;
  readers.delete(id);
  await root.removeCamera(id).catch(() => { /* the platform is stopping: the camera goes with it */ });
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
