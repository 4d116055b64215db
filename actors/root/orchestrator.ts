import { mkdir, rm } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join, resolve } from 'node:path';
import type { ActorReport, Supervised } from '../../src/engine/actor.ts';
import { createActorSystem, type ActorSystem } from '../../src/engine/actor-system.ts';
import type { Clock } from '../../src/engine/clock.ts';
import { PlatformError, reportError } from '../../src/engine/errors.ts';
import type { LifecycleEvent } from '../../src/engine/lifecycle.ts';
import type { Random } from '../../src/engine/random.ts';
import { every } from '../../src/engine/timers.ts';
import type { CameraId } from '../../src/engine/units.ts';
import { cameraRowOf, isSameRow, isSameSource, sourceOf, visionOf, type CameraEdit } from '../../src/data-ops/camera-row.ts';
import { checkEncoders } from '../../src/feature-ops/check-encoders.ts';
import { remoteStore, type RemoteStore } from '../../src/data-ops/remote-store.ts';
import type { Balance, CameraRow, CommittedRecord } from '../../src/data-ops/store.ts';
import { connectIpc } from '../../src/transports/ipc/connect-ipc.ts';
import type { IpcNode } from '../../src/transports/ipc-types.ts';
import { planNode, type NodePlan } from '../../src/utility-ops/config/node-roles.ts';
import type { Config } from '../../src/utility-ops/config/schema.ts';
import { visionProcesses } from '../../src/utility-ops/config/vision-processes.ts';
import type { Logger } from '../../src/utility-ops/log.ts';
import type { Recorder } from '../../src/utility-ops/telemetry/recorder.ts';
import type { MetricsSnapshot } from '../../src/utility-ops/telemetry/snapshot.ts';
import { visionPictures, type PictureAccess } from '../gateway/live-access.ts';
import type { SourcesNote } from '../ingest/camera-source.ts';
import type { IngestSettings, LeftNote } from '../ingest/ingest-role.ts';
import { ProcessActor, type ProcessOptions } from '../process/child-process.ts';
import type { Role } from '../process/protocol.ts';
import { openKafkaLink, type KafkaLink } from '../process/kafka-link.ts';
import type { VisionMessage } from '../vision/vision-role.ts';
import { POLICIES } from '../tree.ts';
import type { SwitchedNote } from '../vision/switch-messages.ts';
import { AliveMark } from './alive-mark.ts';
import { CameraBoard } from './camera-board.ts';
import { CameraDesks, deskSocket } from './camera-desks.ts';
import { CameraEdits } from './camera-edits.ts';
import { CameraNode } from './camera-node.ts';
import { followRecords } from './follow-records.ts';
import { nodeName } from './node-name.ts';
import { noteLifecycle } from './note-lifecycle.ts';
import { ProviderLadder } from './provider-ladder.ts';
import { createSocketFolder, takeOverSockets } from './socket-folder.ts';
import { ModelKeeper } from './model-keeper.ts';
import { ingestSettings, storeSettings, visionSettings, type Paths } from './settings.ts';
import { visionEnvironment } from './vision-environment.ts';
import { VisionFleet } from './vision-fleet.ts';
import { VisionPlaces, type Move } from './vision-places.ts';

/** What the root process is made of. */
export interface OrchestratorOptions {
  readonly config: Config;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly telemetry: Recorder;
  /** A line of a child process. */
  readonly onLine: (process: string, line: string) => void;
  /** Committed records, in order, each once. */
  readonly onRecords: (records: readonly CommittedRecord[]) => void;
}

const SAMPLE_EVERY_MS = 1_000;
const REACH_MS = 1_500;
/**
 * What each process may take to end in order, together less than the 3 s a stop may take. Whatever an ingest process received has a record when it
 * has ended, so that nothing depends on the others' last moments.
 */
const STOP_MS = { ingest: 1_900, vision: 400, store: 600, batch: 500, index: 600, host: 1_700, jsmpeg: 1_000 } as const satisfies Record<Role, number>;

interface Running { readonly actor: ProcessActor; readonly supervised: Supervised }

/** The root: starts and watches the role processes, places cameras, and knows how everything is. */
export class Orchestrator {
  readonly board: CameraBoard;
  readonly models: ModelKeeper;
  readonly desks: CameraDesks;
  readonly pictures: PictureAccess;
  readonly #options: OrchestratorOptions;
  readonly #system: ActorSystem;
  readonly #ending = new AbortController();
  readonly #processes = new Map<string, Running>();
  /** Cameras of each ingest process. */
  readonly #groups: Set<CameraId>[] = [];
  readonly #rows = new Map<CameraId, CameraRow>();
  readonly #adding = new Set<CameraId>();
  readonly #edits = new CameraEdits();
  readonly #plan: NodePlan;
  readonly #ladder: ProviderLadder;
  /** In a cluster: cameras that are no longer this node's, by the ingest process that hands over what they recorded. */
  readonly #leaving = new Map<CameraId, number>();
  #cluster: CameraNode | undefined;
  #kafka: KafkaLink | undefined;
  #paths: Paths | undefined;
  #fleet: VisionFleet | undefined;
  #places: VisionPlaces | undefined;
  #link: IpcNode | undefined;
  #store: RemoteStore | undefined;

  constructor(options: OrchestratorOptions) {
    this.#options = options;
    this.#plan = planNode(options.config);
    this.#ladder = new ProviderLadder(options);
    this.board = new CameraBoard(() => options.clock.monotonicMs());
    const { config, clock, log, telemetry } = options;
    this.models = new ModelKeeper({ config, clock, log, telemetry, signal: this.#ending.signal, report: event => { void this.#store?.putEvents([event]).catch(() => {}); } });
    this.desks = new CameraDesks({ processOf: id => this.#ingestOf(id), sockets: () => this.#paths?.sockets ?? '', clock, random: options.random });
    this.pictures = visionPictures({ socketOf: id => this.#fleet?.sockets[this.#places?.get(id) ?? 0], clock, random: options.random });
    this.#system = createActorSystem({ name: 'vto', clock: options.clock, random: options.random, onEvent: event => this.#note(event) });
  }

  get store(): RemoteStore {
    if (!this.#store) throw new PlatformError('STORE_FAILED', 'the store is not up yet');
    return this.#store;
  }

  get system(): ActorSystem { return this.#system; }
  get signal(): AbortSignal { return this.#ending.signal; }

  /** Starts every process and the cameras of the configuration and of the store. Resolves when the store serves; the rest comes up by itself. */
  async start(): Promise<void> {
    const { config, clock, random } = this.#options;
    for (const { id, encoders = [], pictures } of this.#configured()) await checkEncoders(encoders, pictures?.modality ?? null, `camera '${id}': `);
    const folder = resolve(config.data);
    await mkdir(folder, { recursive: true, mode: 0o700 });
    this.#paths = { data: folder, sockets: await createSocketFolder() };
    const paths = this.#paths;
    const store = this.#startProcess('store', 'store', () => 8, { settings: () => storeSettings(config, paths, !this.#plan.keepsRecordings) });
    await Promise.race([store.actor.untilReady(), this.#failureOf(store)]);
    await takeOverSockets(folder, paths.sockets); // the store owns the folder now: no other run does
    const link = connectIpc({ path: join(paths.sockets, 'store.sock'), clock, random, backoffMs: 10, backoffMaxMs: 200 });
    this.#link = link;
    this.#store = remoteStore(link, clock, this.signal);
    if (!this.#plan.isCluster) {
      const rows = await this.#wantedCameras();
      this.#fleet = this.#createFleet(paths, rows.filter(({ isDetecting }) => isDetecting).length);
      await this.models.start(this.#fleet);
      for (const row of rows) this.#place(row, false);
    } else if (this.#plan.hasCameras) void this.#joinCluster(folder).catch((error: unknown) => this.#options.log.error({ error: reportError(error) }, 'this node cannot join its cluster'));
    void this.#follow();
    void every(SAMPLE_EVERY_MS, clock, this.signal, () => this.#sample());
  }

  /** Adds a camera, durably unless it is temporary. @throws PlatformError CAMERA_EXISTS */
  async addCamera(row: CameraRow, isTemporary: boolean): Promise<void> {
    if (this.#rows.has(row.id) || this.#adding.has(row.id)) throw new PlatformError('CAMERA_EXISTS', `camera '${row.id}' exists`, { camera: row.id });
    this.#adding.add(row.id); // until the store has it, a second one of this name must not come between
    try {
      if (!isTemporary) await this.store.putCamera(row);
      this.#place(row, isTemporary);
    } finally {
      this.#adding.delete(row.id);
    }
  }

  /** @throws PlatformError CAMERA_UNKNOWN */
  async removeCamera(id: CameraId): Promise<void> {
    if (!this.#rows.has(id)) throw new PlatformError('CAMERA_UNKNOWN', `camera '${id}' is unknown`, { camera: id });
    this.#displace(id);
    await this.store.deleteCamera(id);
  }

  /** Changes a camera, durably unless it is temporary; its session goes on unless what it is made of changes. @throws PlatformError CAMERA_UNKNOWN; what the edit throws */
  async changeCamera(id: CameraId, edit: CameraEdit): Promise<void> {
    const keep = async (row: CameraRow): Promise<void> => {
      const isTemporary = this.board.isTemporary(id);
      if (!isTemporary) await this.store.putCamera(row);
      this.#place(row, isTemporary);
    };
    await this.#edits.apply(id, edit, { rowOf: () => this.#rows.get(id), keep });
  }

  camera(id: CameraId): CameraRow | undefined { return this.#rows.get(id); }
  cameraRows(): readonly CameraRow[] { return [...this.#rows.values()]; }

  /** Committed records after `after`, in batches, until the signal aborts; goes on by itself when the store process is replaced. */
  async *records(after: number, camera: CameraId | undefined, signal: AbortSignal): AsyncGenerator<readonly CommittedRecord[]> {
    if (this.#link) yield* followRecords(this.#link, { after, camera, signal: AbortSignal.any([signal, this.signal]), clock: this.#options.clock });
  }

  /** The supervision tree over all processes. */
  tree(): ActorReport {
    const root = this.#system.report();
    return { ...root, children: root.children.map(child => ({ ...child, children: this.#actors().find(({ name }) => name === child.name)?.tree?.children ?? child.children })) };
  }

  /** Why the platform is not ready; empty when it is. */
  unready(): readonly string[] {
    return [...this.#processes.values(), ...this.#fleet?.unready ?? []].filter(({ actor }) => !actor.isReady).map(({ actor }) => `process ${actor.name} is not ready`);
  }

  /** What works less well than it should while the brokers are away. */
  degraded(): readonly string[] { return this.#cluster?.degraded() ?? []; }

  /** Process ids by name, for tests and doctor. */
  pids(): Readonly<Record<string, number>> {
    return Object.fromEntries(this.#actors().flatMap(({ name, pid }) => (pid === undefined ? [] : [[name, pid]])));
  }

  /** Metrics of every process that answers. */
  async metrics(): Promise<readonly MetricsSnapshot[]> {
    const all = await Promise.all(this.#actors().map(actor => actor.metrics()));
    return all.filter(snapshot => snapshot !== undefined) as unknown as readonly MetricsSnapshot[]; // made by the recorder of the same version
  }

  /** Drains from the cameras on: what was received is recorded, detected and stored. Returns the balances at rest. */
  async stop(): Promise<readonly Balance[]> {
    await Promise.all([...this.#processes].filter(([name]) => name.startsWith('ingest-')).map(([, { supervised }]) => supervised.stop()));
    await this.#fleet?.stop();
    await this.#cluster?.close();
    const balances = this.#store ? await this.#store.balances().catch(() => []) : [];
    this.#ending.abort();
    await Promise.all([this.#link?.close(), this.desks.close()]);
    await this.#system.stop();
    await this.#kafka?.close();
    if (this.#paths) await rm(this.#paths.sockets, { recursive: true, force: true });
    return balances;
  }

  /** Every process. */
  #actors(): readonly ProcessActor[] { return [...this.#processes.values(), ...this.#fleet?.processes ?? []].map(({ actor }) => actor); }

  #createFleet(paths: Paths, cameras: number): VisionFleet {
    const { config, clock, onLine } = this.#options;
    const count = visionProcesses(config, { cores: availableParallelism(), cameras });
    const places = new VisionPlaces(count);
    this.#places = places;
    return new VisionFleet({
      count, stem: 'vision', system: this.#system, clock, onLine, stopMs: STOP_MS.vision,
      socketOf: name => join(paths.sockets, `${name}.sock`),
      settings: ({ name, socket }, model) => visionSettings(config, paths, { socket, model, devices: this.#ladder.devicesOf(name) }, this.#rows.values()),
      env: index => visionEnvironment(config, index, process.env),
      onGate: ({ camera, status }) => this.board.gated(camera, status),
      feeders: () => [...this.#processes.keys()].filter(name => name.startsWith('ingest-')),
      tell: (feeder, message) => this.#processes.get(feeder)?.supervised.tell(message),
      onSpent: (index, { cameras: spent, periodMs }) => {
        places.observe(index, spent, periodMs);
        const move = places.move(clock.monotonicMs());
        if (move) this.#moveCamera(move);
      },
    });
  }

  #moveCamera({ camera, place }: Move): void {
    this.#options.log.info({ camera, place }, 'camera goes to a vision process with more time');
    this.#processOf(camera)?.tell({ type: 'move', id: camera, place });
  }

  /** Cameras of the settings. */
  #configured(): readonly CameraRow[] {
    return this.#options.config.cameras.map(cameraRowOf);
  }

  async #wantedCameras(): Promise<readonly CameraRow[]> {
    return [...new Map([...await this.store.cameras(), ...this.#configured()].map(row => [row.id, row])).values()];
  }

  /** Takes part in the cluster; until there is one, the node runs the cameras it had. */
  async #joinCluster(folder: string): Promise<void> {
    const { config, clock, random, log, telemetry } = this.#options;
    const { signal, store } = this;
    const mark = new AliveMark(folder, clock);
    const [name, remembered, diedMsAgo] = [await nodeName(folder, random), await store.cameras(), await mark.diedMsAgo()];
    this.#kafka = openKafkaLink({ kafka: config.kafka, name: 'root', clock, random, log });
    const { node: kafka } = this.#kafka;
    const codecs = await reachedWithin(this.#kafka.codecs, clock, () => { for (const row of remembered) this.#place(row, false); });
    const placed = [...this.#rows.values()];
    const keep = (change: Promise<unknown>): void => { change.catch(() => { /* stopping: the cluster's word is asked for at the next start */ }); };
    this.#cluster = new CameraNode({
      kafka, codecs, kafkaSettings: config.kafka, store, name, clock, log, telemetry, signal, mark,
      place: (row, floor) => { this.#place(row, false, floor); keep(store.putCamera(row)); },
      displace: id => { this.#displace(id); keep(store.deleteCamera(id)); },
      renew: (id, floor) => this.#processOf(id)?.tell({ type: 'renew', id, floor }),
      handOver: ids => this.#handOver(ids),
    });
    this.#cluster.start(this.#system, { remembered, configured: this.#configured(), placed, diedMsAgo });
  }

  #ingestOf(id: CameraId): string | undefined {
    const index = this.#groups.findIndex(group => group.has(id));
    return index < 0 ? undefined : `ingest-${index}`;
  }

  #processOf(id: CameraId): Supervised | undefined { return this.#processes.get(this.#ingestOf(id) ?? '')?.supervised; }

  #displace(id: CameraId): void {
    const index = this.#groups.findIndex(group => group.has(id));
    this.#groups[index]?.delete(id);
    this.#rows.delete(id);
    this.#places?.remove(id);
    this.board.remove(id);
    this.#options.telemetry.forget('camera', id);
    this.#fleet?.tell({ camera: id, row: null } satisfies VisionMessage);
    if (this.#plan.isCluster) this.#leaving.set(id, index);
    this.#processes.get(`ingest-${index}`)?.supervised.tell({ type: 'remove', id });
  }

  /** Lets the first ingest process hand over what cameras that are not run here left behind. */
  #handOver(ids: readonly CameraId[]): void {
    const fresh = ids.filter(id => !this.#leaving.has(id) && !this.#rows.has(id));
    for (const id of fresh) this.#leaving.set(id, 0);
    if (fresh.length === 0) return;
    if (this.#groups.length === 0) this.#startIngest(this.#groups.push(new Set()) - 1);
    else for (const id of fresh) this.#processes.get('ingest-0')?.supervised.tell({ type: 'hand-over', id });
  }

  #place(row: CameraRow, isTemporary: boolean, floor = 0): void {
    const { config } = this.#options;
    const known = this.#rows.get(row.id);
    if (known && isSameRow(known, row)) return;
    this.#rows.set(row.id, row);
    if (known && isSameSource(known, row)) this.board.change(row);
    else this.board.add(row, isTemporary);
    this.#fleet?.tell({ camera: row.id, row: visionOf(row) } satisfies VisionMessage);
    const place = this.#places && { place: row.isDetecting ? this.#places.place(row.id) : 0 };
    // One process at a time has a camera: the one that has it, or hands over what is left of it.
    const held = known ? this.#groups.findIndex(group => group.has(row.id)) : this.#leaving.get(row.id) ?? -1;
    this.#leaving.delete(row.id);
    let index = held >= 0 ? held : this.#groups.findIndex(group => group.size < config.ingress.camerasPerProcess);
    if (index >= 0) {
      this.#groups[index]?.add(row.id);
      this.#processes.get(`ingest-${index}`)?.supervised.tell({ type: 'put', row: sourceOf(row), floor, ...place }); // the same as before: its session goes on
      return;
    }
    index = this.#groups.push(new Set([row.id])) - 1;
    this.#startIngest(index);
  }

  #startIngest(index: number): void {
    const { config } = this.#options;
    const paths = this.#paths;
    if (!paths) return;
    const name = `ingest-${index}`;
    const threads = (): number => { // when it is started: by then all cameras of the settings have their place
      const further = [...this.#groups[index] ?? []].reduce((sum, id) => sum + (this.#rows.get(id)?.fallbacks?.length ?? 0), 0); // each may be connected too
      return config.ingress.threadPoolSize || 2 * (config.ingress.camerasPerProcess + further) + 4;
    };
    const settings = (): IngestSettings => {
      const rows = [...this.#groups[index] ?? []].map(id => this.#rows.get(id)).filter(row => row !== undefined);
      if (this.#fleet) return ingestSettings(config, paths, rows, { deskSocket: deskSocket(paths.sockets, name), visionSockets: this.#fleet.sockets, successors: this.#fleet.successorsFor(name), places: Object.fromEntries(rows.map(({ id }) => [id, this.#places?.get(id) ?? 0])) });
      const leftovers = [...this.#leaving].flatMap(([id, at]) => (at === index ? [id] : []));
      return ingestSettings(config, paths, rows, { deskSocket: deskSocket(paths.sockets, name), kafka: config.kafka, leftovers, floors: Object.fromEntries(rows.map(({ id }) => [id, this.#cluster?.floorOf(id) ?? 0])) });
    };
    const onNote = (note: unknown): void => {
      const told = note as LeftNote | SourcesNote | SwitchedNote; // by the ingest role of the same version
      if (told.type === 'switched') this.#fleet?.noted(name, told);
      else if (told.type === 'sources') this.board.sourced(told.camera, told.sources);
      else if (this.#leaving.get(told.id) === index) this.#leaving.delete(told.id);
    };
    this.#startProcess(name, 'ingest', threads, { settings, onNote });
  }

  #startProcess(name: string, role: Role, threads: () => number, { settings, onNote = () => {} }: Pick<ProcessOptions, 'settings' | 'onNote'>): Running {
    const { clock, onLine } = this.#options;
    const actor = new ProcessActor({ name, role, settings, get threadPoolSize() { return threads(); }, clock, onLine, onNote, stopMs: STOP_MS[role] });
    const running: Running = { actor, supervised: this.#system.supervise(actor, POLICIES.process) };
    this.#processes.set(name, running);
    return running;
  }

  async #failureOf({ supervised }: Running): Promise<never> {
    const exit = await supervised.exit;
    throw exit.reason === 'escalated' ? exit.error : new PlatformError('PROCESS_EXITED', `process ${supervised.name} ended before it was ready`);
  }

  async #follow(): Promise<void> {
    const after = await this.store.lastRecordId();
    for await (const records of this.records(after, undefined, this.signal)) {
      this.board.take(records);
      this.#options.onRecords(records);
    }
  }

  async #sample(): Promise<void> {
    this.board.observe([...this.#processes].filter(([name]) => name.startsWith('ingest-')).map(([, { actor }]) => actor.tree));
    const balances = await this.store.balances().catch(() => undefined);
    if (!balances) return;
    this.board.sample(balances);
    await this.#cluster?.sample(balances).catch(() => { /* asked again in a second */ });
    for (const { id, pending } of this.board.pending()) this.#options.telemetry.set('ledgerPending', { camera: id }, pending);
  }

  #note(event: LifecycleEvent): void {
    const { log, clock, telemetry } = this.#options;
    const noted = noteLifecycle(event, { log, clock, telemetry, isProcess: name => this.#actors().some(actor => actor.name === name) });
    this.#ladder.note(event);
    void this.#store?.putEvents([noted]).catch(() => {});
  }
}

/** A schema registry that is away must not keep cameras from being recorded. */
async function reachedWithin<Value>(reached: Promise<Value>, clock: Clock, onLate: () => void): Promise<Value> {
  const over = new AbortController();
  void clock.sleep(REACH_MS, over.signal).then(onLate, () => { /* reached in time */ });
  try { return await reached; } finally { over.abort(); }
}
