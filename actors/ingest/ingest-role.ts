import { reportError } from '../../src/engine/errors.ts';
import { untilAborted } from '../../src/engine/timers.ts';
import type { CameraId, EpochMicros } from '../../src/engine/units.ts';
import { gatherRows } from '../../src/data-ops/archive/gather-rows.ts';
import type { IndexSink } from '../../src/data-ops/archive/index-feed.ts';
import { Feeder } from '../../src/data-ops/feeder.ts';
import { lastElsewhere } from '../../src/data-ops/last-elsewhere.ts';
import { Recorder } from '../../src/data-ops/recorder.ts';
import { remoteStore, type RemoteStore } from '../../src/data-ops/remote-store.ts';
import type { SourceRow } from '../../src/data-ops/camera-row.ts';
import type { Ladder } from '../../src/ingress/ladder.ts';
import type { Source } from '../../src/ingress/source.ts';
import { createChunkWriter } from '../../src/media/index.ts';
import type { ChunkPart } from '../../src/messages/chunk-part.ts';
import { CAMERA_DEFAULTS } from '../../src/messages/desired-camera.ts';
import type { PlatformEvent } from '../../src/messages/platform-event.ts';
import { terminalRecordCodec } from '../../src/messages/terminal-record-codec.ts';
import type { DroppedRecord, TerminalRecord } from '../../src/messages/terminal-record.ts';
import { connectIpc } from '../../src/transports/ipc/connect-ipc.ts';
import type { LinkOutPort } from '../../src/transports/ipc-types.ts';
import { partitionOf } from '../../src/transports/kafka/murmur2.ts';
import type { Config } from '../../src/utility-ops/config/schema.ts';
import { lateOutput, openKafkaLink } from '../process/kafka-link.ts';
import { gaugeQueues } from '../process/queue-gauges.ts';
import type { RoleContext } from '../process/role-process.ts';
import { POLICIES, sessionPolicy } from '../tree.ts';
import type { Successors, SwitchMessage } from '../vision/switch-messages.ts';
import { VisionPorts } from '../vision/vision-ports.ts';
import { backfillOf } from './backfill-of.ts';
import { cameraSource } from './camera-source.ts';
import { CameraGroup } from './camera-group.ts';
import { cameraActor } from './camera.ts';
import { CameraRoutes, type CameraConsumer } from './camera-routes.ts';
import { ChunkLog } from './chunk-log.ts';
import { contentHashOf } from './chunk-tools.ts';
import { archiveHistory, onlyEpochs, recoverCamera } from './history.ts';
import { openDesk } from './desk.ts';
import { LiveTaps } from './live-taps.ts';
import { servePtz } from './ptz-desk.ts';
import { serveWhip, whipDoors } from './whip-desk.ts';
import { recordedOnly } from './recorded-only.ts';

/** Settings of an ingest process. */
export interface IngestSettings {
  readonly cameras: readonly SourceRow[];
  readonly archive: string;
  readonly storeSocket: string;
  /** Where the root asks of its cameras. */
  readonly deskSocket: string;
  readonly visionSockets: readonly string[];
  /** Which of them has which camera. */
  readonly places?: Readonly<Record<string, number>>;
  /** Vision processes that cameras are going over to. */
  readonly successors?: Successors | undefined;
  readonly ingress: Config['ingress'];
  readonly webrtc: Config['webrtc'];
  readonly recording: Config['recording'];
  readonly maxRewindMs: number;
  /** In a cluster: where chunks go instead of to vision processes. */
  readonly kafka?: Config['kafka'];
  /** In a cluster: the newest epoch that any node is known to have had of a camera. */
  readonly floors?: Readonly<Record<CameraId, number>>;
  /** In a cluster: cameras that are no longer this node's, and still have frames to hand over. */
  readonly leftovers?: readonly CameraId[];
}

/** The root's messages to an ingest process. In a cluster a camera that is removed leaves: the note says when it is gone. */
export type IngestMessage =
  | { readonly type: 'put'; readonly row: SourceRow; readonly floor?: number; readonly place?: number }
  /** Lets another vision process have the camera. */
  | { readonly type: 'move'; readonly id: CameraId; readonly place: number }
  | { readonly type: 'remove'; readonly id: CameraId }
  /** Hands over what is left of a camera that is not run here. */
  | { readonly type: 'hand-over'; readonly id: CameraId }
  /** Another node had a newer epoch of the camera: the session starts over with one behind it. */
  | { readonly type: 'renew'; readonly id: CameraId; readonly floor: number }
  | SwitchMessage;

/** A camera that was removed has nothing left to hand over. */
export interface LeftNote { readonly type: 'left'; readonly id: CameraId }

interface Links {
  readonly store: RemoteStore;
  /** Index rows of all recorders. */
  readonly index: IndexSink;
  readonly records: LinkOutPort<TerminalRecord>;
  readonly routes: CameraRoutes;
  /** In a cluster: instead of the vision processes. */
  readonly chunkLog: ChunkLog | undefined;
  /** In a cluster: event time of the last frame of a camera on Kafka of sessions before `epoch`. */
  readonly endedBefore: ((camera: CameraId, epoch: number) => Promise<EpochMicros | undefined>) | undefined;
  /** Aborts when the links close. */
  readonly signal: AbortSignal;
  readonly live: LiveTaps;
}

/** Cameras, chunkers and recorders: whatever happens to vision, footage is safe. */
export async function ingestRole(settings: unknown, ctx: RoleContext): Promise<void> {
  const options = settings as IngestSettings; // sent by the root of the same version
  const closing = new AbortController();
  const link = { clock: ctx.clock, random: ctx.random, backoffMs: 10, backoffMaxMs: 200 };
  const storeNode = connectIpc({ ...link, path: options.storeSocket });
  const kafka = options.kafka === undefined ? undefined : openChunkLog(options.kafka, options.recording.partMs, ctx, closing.signal);
  const store = remoteStore(storeNode, ctx.clock, closing.signal);
  const visions = new VisionPorts({
    sockets: options.kafka === undefined ? options.visionSockets : [], bounds: { maxItems: 4096, maxBytes: 32 << 20 },
    gopOf: ({ camera, epoch, before, signal }) => archiveHistory(camera, options.archive, store).read({ epoch, from: before, startsAtKey: true, signal, onLost: () => { /* of what is decoded for reference */ } }),
  }, ctx);
  const links: Links = {
    store, index: gatherRows(rows => store.putChunks(rows)),
    records: storeNode.output('vto.detections', terminalRecordCodec, { maxItems: 1024, maxBytes: 8 << 20 }),
    routes: new CameraRoutes(visions.ports),
    chunkLog: kafka?.chunkLog, endedBefore: kafka?.endedBefore, signal: closing.signal, live: new LiveTaps(),
  };
  gaugeQueues({ records: links.records, ...Object.fromEntries(visions.ports.map((port, index) => [`vision-${index}`, port])) }, ctx);
  // A new consumer gets everything without a record from the feeders, in order: what the old one was sent would come in mid-GOP before it.
  for (const vision of visions.ports) vision.onAttach(() => vision.discard());
  const doors = whipDoors(options.webrtc, ctx);
  const ladders = new Map<CameraId, Ladder>();
  const cameras = new CameraGroup({
    supervise: actor => ctx.system.supervise(actor, POLICIES.camera),
    create: async (row, floor) => {
      const source = await cameraSource(row, { ingress: options.ingress, doors, times: ladders.get(row.id)?.times, report: event => report(event, links, ctx) }, ctx);
      ladders.set(row.id, source);
      return createCamera({ row, floor, source }, options, links, ctx);
    },
    createLeftover: async id => createCamera({ row: { id, uri: '', isDetecting: true, isLooping: false }, floor: 0, source: undefined }, options, links, ctx),
    isSpooling: options.kafka !== undefined,
    onGone: id => {
      ladders.delete(id);
      ctx.telemetry.forget('camera', id);
      for (const port of visions.ports) port.leave(id);
      links.chunkLog?.forget(id);
      links.routes.forget(id);
      links.live.forget(id);
      doors.close(id);
      if (options.kafka) ctx.note({ type: 'left', id } satisfies LeftNote);
    },
  });
  const desk = await openDesk({ socket: options.deskSocket, hasCamera: id => cameras.has(id), clock: ctx.clock, random: ctx.random, onError: error => ctx.log.warn({ error: reportError(error) }, 'a link to the desk was lost') });
  links.live.serve(desk, { historyOf: id => archiveHistory(id, options.archive, store), clock: ctx.clock });
  servePtz(desk, { clock: ctx.clock, urisOf: id => urisOf(cameras.rowOf(id)) });
  serveWhip(desk, doors);
  for (const [id, place] of Object.entries(options.places ?? {})) links.routes.send(id as CameraId, place); // keys are those of rows
  for (const row of options.cameras) await cameras.put(row, options.floors?.[row.id]);
  for (const id of options.leftovers ?? []) void cameras.handOver(id);
  ctx.onMessage(received => receive(received as IngestMessage, { cameras, visions, ladders, routes: links.routes })); // sent by the root of the same version
  if (options.successors) visions.receive({ type: 'switch', ...options.successors });
  ctx.ready();
  await untilAborted(ctx.signal);
  await cameras.finishAll();
  await doors.closeAll();
  await ctx.system.stop();
  closing.abort(new Error('the process is stopping'));
  await kafka?.close();
  await Promise.all([storeNode, visions, desk].map(each => each.close()));
}

interface Receivers { readonly cameras: CameraGroup; readonly visions: VisionPorts; readonly ladders: ReadonlyMap<CameraId, Ladder>; readonly routes: CameraRoutes }

function receive(message: IngestMessage, { cameras, visions, ladders, routes }: Receivers): void {
  switch (message.type) {
    case 'put':
      if (message.place !== undefined) routes.send(message.row.id, message.place);
      ladders.get(message.row.id)?.restoreAfter(message.row.restoreAfterMs ?? CAMERA_DEFAULTS.restoreAfterMs); // which cuts no session
      void cameras.put(message.row, message.floor);
      return;
    case 'move': routes.send(message.id, message.place); return;
    case 'hand-over': void cameras.handOver(message.id); return;
    case 'remove': void cameras.remove(message.id); return;
    case 'renew': void cameras.renew(message.id, message.floor); return;
    case 'switch': case 'settle': visions.receive(message);
  }
}

/** What leads to the chunks topic. */
interface ClusterLog { readonly chunkLog: ChunkLog; readonly endedBefore: NonNullable<Links['endedBefore']>; close(): Promise<void> }

/** A node that loses a camera hands over its last frames within this time after another has begun. */
const HAND_OVER_MS = 2_000;

/** The way to the chunks topic, and its end. Waits for nobody: cameras are recorded until brokers and schemas are there. */
function openChunkLog(kafka: Config['kafka'], partMs: number, ctx: RoleContext, closing: AbortSignal): ClusterLog {
  const { clock, random, log, telemetry } = ctx;
  const bounds = { maxItems: 4096, maxBytes: Math.max(32 << 20, 2 * kafka.maxPartBytes), batchBytes: kafka.maxPartBytes, lingerMs: 0 };
  const link = openKafkaLink({ kafka, name: ctx.name, clock, random, log });
  const output = link.codecs.then(codecs => link.node.output(link.topic('chunks'), codecs.chunks, bounds));
  output.then(port => gaugeQueues({ chunks: port }, ctx), (error: unknown) => {
    if (!closing.aborted) log.error({ error: reportError(error) }, 'no way to the chunks topic: cameras are only recorded');
  });
  const chunkLog = new ChunkLog({ output: lateOutput(output), partMs, maxPartBytes: kafka.maxPartBytes, createHash: contentHashOf, clock, log, telemetry });
  void chunkLog.gauge(ctx.signal);
  const topic = link.topic('chunks');
  return {
    chunkLog, close: () => link.close(),
    async endedBefore(camera, epoch) {
      await clock.sleep(HAND_OVER_MS, closing);
      return lastElsewhere({ node: link.node, topic, codec: (await link.codecs).chunks, clock, signal: closing, partitionOf }, camera, epoch);
    },
  };
}

/** A camera that is to be made; without a source it only hands over what is left of it. */
interface Wanted { readonly row: SourceRow; readonly floor: number; readonly source: Source | undefined }

function createCamera({ row, floor, source }: Wanted, options: IngestSettings, links: Links, ctx: RoleContext): ReturnType<typeof cameraActor> {
  const { store, index, signal, chunkLog, endedBefore } = links;
  const host = { clock: ctx.clock, random: ctx.random, observer: ctx.telemetry };
  const publish = (records: readonly DroppedRecord[]): Promise<void> =>
    links.records.push(records.map(body => ({ body, key: row.id, capturedAt: body.capturedAt, trace: '' })), signal);
  const consumer = consumerOf(row.id, links, publish);
  const live = new Set<number>();
  /** Epochs of this process that were back-filled: they are fed by themselves. */
  const filled = new Set<number>();
  const history = archiveHistory(row.id, options.archive, store);
  const feeder = new Feeder({
    camera: row.id, out: consumer.out, publish, clock: ctx.clock, maxItems: 1024, maxBytes: 16 << 20,
    // The archive's quota, not a time, bounds what waits for Kafka.
    ...chunkLog ? { isLog: true, maxRewindMs: Number.POSITIVE_INFINITY } : { maxRewindMs: options.maxRewindMs },
    history: onlyEpochs(history, epoch => !filled.has(epoch)),
  });
  const createRecorder = (epoch: number): Recorder => {
    live.add(epoch);
    return new Recorder({ folder: options.archive, createWriter: createChunkWriter, createHash: contentHashOf, index, partMs: options.recording.partMs });
  };
  const shared = {
    report: (event: PlatformEvent): void => report(event, links, ctx),
    onDurable: (part: ChunkPart): void => countDurable(part, ctx),
  };
  const ended = (): ReturnType<typeof recordedOnly> | undefined => (row.isDetecting ? undefined : recordedOnly(row.id, ctx.clock, publish));
  const backfill = chunkLog || source === undefined ? undefined : backfillOf({
    ...shared, row, ingress: options.ingress, consumer, recordedOnly: ended(),
    session: { host, chunkSeconds: options.recording.chunkSeconds, createRecorder: epoch => { filled.add(epoch); return createRecorder(epoch); } },
    feeding: { history: onlyEpochs(history, epoch => filled.has(epoch)), publish },
  }, ctx);
  return cameraActor({
    ...shared, backfill, recordedOnly: ended(),
    row, feeder, onConsumer: consumer.onAttach, sessionPolicy: sessionPolicy(options.ingress), isSpooling: chunkLog !== undefined, isLeftover: source === undefined,
    session: {
      host, tap: links.live.of(row.id), chunkSeconds: options.recording.chunkSeconds, onClockStep: () => noteClockStep(row.id, ctx), source: source ?? { label: row.id, open: () => Promise.reject(new Error('this camera is elsewhere')) },
      nextEpoch: (behind = 0) => store.nextEpoch(row.id, ctx.clock.now(), chunkLog ? Math.max(floor, Math.floor(ctx.clock.now() / 1000) - 1) : behind),
      createRecorder,
    },
    recover: () => recoverCamera({ camera: row.id, folder: options.archive, store, isLive: epoch => live.has(epoch) }, ctx),
    endedElsewhere: async after => (floor > after ? endedBefore?.(row.id, Math.max(...live)) : undefined),
  });
}

/** Who takes the durable parts of a camera, and how its feeder hears of a new one: Kafka never is. */
function consumerOf(camera: CameraId, { routes, chunkLog }: Links, publish: (records: readonly DroppedRecord[]) => Promise<void>): CameraConsumer {
  return chunkLog ? { out: chunkLog.open(camera, publish), onAttach: () => () => {} } : routes.consumerOf(camera);
}

function urisOf(row: SourceRow | undefined): readonly string[] | undefined {
  return row && [row.uri, ...row.fallbacks ?? []];
}

function countDurable(part: ChunkPart, ctx: RoleContext): void {
  const { camera, units } = part;
  if (units.length === 0) return;
  ctx.telemetry.count('framesReceived', { camera }, units.length);
  ctx.telemetry.count('chunkBytes', { camera }, units.reduce((bytes, unit) => bytes + unit.data.byteLength, 0));
}

function noteClockStep(camera: CameraId, ctx: RoleContext): void {
  ctx.telemetry.count('clockSteps', { camera });
  ctx.log.warn({ camera }, 'clock or time stamps of the camera jumped; event time was set anew');
}

function report(event: PlatformEvent, { store }: Links, ctx: RoleContext): void {
  note(event, ctx);
  store.putEvents([event]).catch(() => { /* the process is closing */ });
}

/** The last failure of each camera that was logged: one that repeats is not news. */
const saidOf = new Map<CameraId, string>();

function note(event: PlatformEvent, ctx: RoleContext): void {
  if (event.type === 'gap') ctx.telemetry.count('gaps', { camera: event.camera });
  if (event.type === 'backfilled') ctx.telemetry.count('backfilled', { camera: event.camera }, event.frames);
  if (event.type === 'failed-over' || event.type === 'restored') noteSwitch(event, ctx);
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

function noteSwitch(event: Extract<PlatformEvent, { type: 'failed-over' | 'restored' }>, { log, telemetry }: RoleContext): void {
  const { camera, fromSource: from, toSource: to } = event;
  if (event.type === 'restored') {
    log.info({ camera, from, to }, 'camera is back on a better source');
    return;
  }
  telemetry.count('failovers', { camera, reason: event.reason });
  log.warn({ camera, from, to, reason: event.reason }, 'camera failed over to another source');
}
