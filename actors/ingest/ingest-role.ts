import type { Supervised } from '../../src/engine/actor.ts';
import { untilAborted } from '../../src/engine/timers.ts';
import type { CameraId } from '../../src/engine/units.ts';
import { Feeder } from '../../src/data-ops/feeder.ts';
import { Recorder } from '../../src/data-ops/recorder.ts';
import { remoteStore, type RemoteStore } from '../../src/data-ops/remote-store.ts';
import type { CameraRow } from '../../src/data-ops/store.ts';
import { createSource } from '../../src/ingress/index.ts';
import { libavAccess } from '../../src/ingress/libav-access.ts';
import type { Source } from '../../src/ingress/source.ts';
import { createChunkWriter } from '../../src/media/index.ts';
import { chunkPartCodec } from '../../src/messages/chunk-part-codec.ts';
import type { ChunkPart } from '../../src/messages/chunk-part.ts';
import type { PlatformEvent } from '../../src/messages/platform-event.ts';
import { terminalRecordCodec } from '../../src/messages/terminal-record-codec.ts';
import type { DroppedRecord, TerminalRecord } from '../../src/messages/terminal-record.ts';
import { connectIpc } from '../../src/transports/ipc/connect-ipc.ts';
import type { LinkOutPort } from '../../src/transports/ipc-types.ts';
import type { Config } from '../../src/utility-ops/config/schema.ts';
import { gaugeQueues } from '../process/queue-gauges.ts';
import type { RoleContext } from '../process/role-process.ts';
import { POLICIES, sessionPolicy } from '../tree.ts';
import { cameraActor, FINISH } from './camera.ts';
import { contentHashOf } from './chunk-tools.ts';
import { archiveHistory, recoverCamera } from './history.ts';
import { recordedOnly } from './recorded-only.ts';

/** Settings of an ingest process. */
export interface IngestSettings {
  readonly cameras: readonly CameraRow[];
  readonly archive: string;
  readonly storeSocket: string;
  readonly visionSockets: readonly string[];
  readonly ingress: Config['ingress'];
  readonly recording: Config['recording'];
  readonly maxRewindMs: number;
}

/** The root's messages to an ingest process. */
export type IngestMessage = { readonly type: 'put'; readonly row: CameraRow } | { readonly type: 'remove'; readonly id: CameraId };

interface Links {
  readonly store: RemoteStore;
  readonly records: LinkOutPort<TerminalRecord>;
  readonly visions: readonly LinkOutPort<ChunkPart>[];
  /** Aborts when the links close. */
  readonly signal: AbortSignal;
}

/** Cameras, chunkers and recorders: whatever happens to vision, footage is safe. */
export async function ingestRole(settings: unknown, ctx: RoleContext): Promise<void> {
  const options = settings as IngestSettings; // sent by the root of the same version
  const closing = new AbortController();
  const link = { clock: ctx.clock, random: ctx.random, backoffMs: 10, backoffMaxMs: 200 };
  const storeNode = connectIpc({ ...link, path: options.storeSocket });
  const visionNodes = options.visionSockets.map(path => connectIpc({ ...link, path }));
  const links: Links = {
    store: remoteStore(storeNode, ctx.clock, closing.signal),
    records: storeNode.output('vto.detections', terminalRecordCodec, { maxItems: 1024, maxBytes: 8 << 20 }),
    visions: visionNodes.map(node => node.output('vto.chunks', chunkPartCodec, { maxItems: 4096, maxBytes: 32 << 20 })),
    signal: closing.signal,
  };
  gaugeQueues({ records: links.records, ...Object.fromEntries(links.visions.map((port, index) => [`vision-${index}`, port])) }, ctx);
  // A new consumer gets everything without a record from the feeders, in order: what the old one was sent would come in mid-GOP before it.
  for (const vision of links.visions) vision.onAttach(() => vision.discard());
  const cameras = new Map<CameraId, Supervised>();
  const rows = new Map<CameraId, string>();
  const put = async (row: CameraRow): Promise<void> => {
    const text = JSON.stringify(row);
    if (rows.get(row.id) === text) return; // it was among the settings already
    rows.set(row.id, text);
    await finished(cameras.get(row.id));
    cameras.set(row.id, ctx.system.supervise(await createCamera(row, options, links, ctx), POLICIES.camera));
  };
  const remove = async (id: CameraId): Promise<void> => {
    rows.delete(id);
    await finished(cameras.get(id));
    cameras.delete(id);
    ctx.telemetry.forget('camera', id);
  };
  const changes = new Map<CameraId, Promise<void>>();
  for (const row of options.cameras) await put(row);
  ctx.onMessage(received => {
    const message = received as IngestMessage; // sent by the root of the same version
    const id = message.type === 'put' ? message.row.id : message.id;
    // One after the other for a camera: an addition must not overtake the removal before it.
    const change = (changes.get(id) ?? Promise.resolve()).then(() => (message.type === 'put' ? put(message.row) : remove(id)));
    changes.set(id, change);
    void change.finally(() => { if (changes.get(id) === change) changes.delete(id); });
  });
  ctx.ready();
  await untilAborted(ctx.signal);
  await Promise.all([...cameras.values()].map(finished));
  await ctx.system.stop();
  closing.abort();
  await Promise.all([storeNode, ...visionNodes].map(node => node.close()));
}

/** Ends a camera in order. The process as a whole has a limit for it. */
async function finished(camera: Supervised | undefined): Promise<void> {
  camera?.tell(FINISH);
  await camera?.exit;
}

async function createCamera(row: CameraRow, options: IngestSettings, links: Links, ctx: RoleContext): Promise<ReturnType<typeof cameraActor>> {
  const { store, signal } = links;
  const host = { clock: ctx.clock, random: ctx.random, observer: ctx.telemetry };
  const vision = links.visions[placeOf(row.id, links.visions.length)];
  if (!vision) throw new Error('an ingest process needs a vision process');
  const publish = (records: readonly DroppedRecord[]): Promise<void> =>
    links.records.push(records.map(body => ({ body, key: row.id, capturedAt: body.capturedAt, trace: '' })), signal);
  const live = new Set<number>();
  const feeder = new Feeder({
    camera: row.id, out: vision, publish, clock: ctx.clock, maxRewindMs: options.maxRewindMs, maxItems: 1024, maxBytes: 16 << 20,
    history: archiveHistory(row.id, options.archive, store),
  });
  return cameraActor({
    row, feeder, onConsumer: listener => vision.onAttach(listener), sessionPolicy: sessionPolicy(options.ingress),
    session: {
      host, chunkSeconds: options.recording.chunkSeconds, source: await openable(row, options, ctx),
      nextEpoch: () => store.nextEpoch(row.id, ctx.clock.now()),
      createRecorder: epoch => {
        live.add(epoch);
        return new Recorder({
          folder: options.archive, createWriter: createChunkWriter, createHash: contentHashOf, index: rows => store.putChunks(rows), partMs: options.recording.partMs,
        });
      },
    },
    recover: () => recoverCamera({ camera: row.id, folder: options.archive, store, isLive: epoch => live.has(epoch) }, ctx),
    report: event => { note(event, ctx); store.putEvents([event]).catch(() => { /* the process is closing */ }); },
    onDurable: part => countDurable(part, ctx),
    recordedOnly: row.isDetecting ? undefined : recordedOnly(row.id, ctx.clock, publish),
  });
}

/** A camera whose URI no source can open is a camera that failed, not a process that fails. */
async function openable(row: CameraRow, options: IngestSettings, ctx: RoleContext): Promise<Source> {
  const { stallMs, connectTimeoutMs } = options.ingress;
  try {
    return await createSource({
      uri: row.uri, options: sourceOptions(row, { stallMs, openTimeoutMs: connectTimeoutMs }), ctx: { clock: ctx.clock, random: ctx.random }, media: libavAccess,
    });
  } catch (error) {
    return { label: row.id, open: () => Promise.reject(error) };
  }
}

function sourceOptions(row: CameraRow, rtsp: { readonly stallMs: number; readonly openTimeoutMs: number }): Record<string, unknown> {
  if (/^rtsps?:/i.test(row.uri)) return { ...rtsp };
  return /^synthetic:/i.test(row.uri) ? {} : { isLooping: row.isLooping };
}

/** The vision process of a camera: the same one in every generation, so that its order is kept. */
function placeOf(camera: CameraId, count: number): number {
  let sum = 0;
  for (const character of camera) sum = (sum * 31 + character.charCodeAt(0)) >>> 0;
  return sum % count;
}

function countDurable(part: ChunkPart, ctx: RoleContext): void {
  const { camera, units } = part;
  if (units.length === 0) return;
  ctx.telemetry.count('framesReceived', { camera }, units.length);
  ctx.telemetry.count('chunkBytes', { camera }, units.reduce((bytes, unit) => bytes + unit.data.byteLength, 0));
}

/** The last failure of each camera that was logged: one that repeats is not news. */
const saidOf = new Map<CameraId, string>();

function note(event: PlatformEvent, ctx: RoleContext): void {
  if (event.type === 'gap') ctx.telemetry.count('gaps', { camera: event.camera });
  if (event.type !== 'camera-state') return;
  const { camera, state, code, message } = event;
  ctx.telemetry.set('cameraLive', { camera }, state === 'live' ? 1 : 0);
  if (state === 'retrying') ctx.telemetry.count('reconnects', { camera, reason: code ?? 'UNEXPECTED' });
  const fields = { camera, ...(code === undefined ? {} : { code, reason: message }) };
  if (state === 'failed') ctx.log.error(fields, 'camera failed for good');
  else if (state === 'retrying') ctx.log[saidOf.get(camera) === code ? 'debug' : 'warn'](fields, 'camera lost; trying again');
  else ctx.log.info({ ...fields, state }, 'camera state');
  saidOf.set(camera, state === 'retrying' ? code ?? state : state);
}
