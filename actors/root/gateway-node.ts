import type { ActorReport } from '../../src/engine/actor.ts';
import type { Clock } from '../../src/engine/clock.ts';
import { PlatformError, reportError } from '../../src/engine/errors.ts';
import { every } from '../../src/engine/timers.ts';
import type { CameraId } from '../../src/engine/units.ts';
import { cameraRowOf, isSameSource, type CameraEdit } from '../../src/data-ops/camera-row.ts';
import { GROUPS } from '../../src/data-ops/audit-topics.ts';
import { DesiredCameras, type CameraChange } from '../../src/data-ops/desired-cameras.ts';
import { LagMeter, type GroupTopic, type PartitionLag } from '../../src/data-ops/group-lag.ts';
import type { RemoteStore } from '../../src/data-ops/remote-store.ts';
import type { CameraRow, CommittedRecord } from '../../src/data-ops/store.ts';
import { topicName, type RecordCodecs } from '../../src/messages/topics.ts';
import { isoTime } from '../../src/serving-ops/iso-time.ts';
import type { ActiveModelView, LinkView } from '../../src/serving-ops/service.ts';
import type { KafkaNode } from '../../src/transports/kafka-types.ts';
import type { Config } from '../../src/utility-ops/config/schema.ts';
import type { Logger } from '../../src/utility-ops/log.ts';
import type { Recorder } from '../../src/utility-ops/telemetry/recorder.ts';
import type { MetricsSnapshot } from '../../src/utility-ops/telemetry/snapshot.ts';
import type { BackendRoot, ClusterView, ModelAccess } from '../gateway/backend.ts';
import { NO_PICTURES, type PictureAccess } from '../gateway/live-access.ts';
import { CameraBoard } from './camera-board.ts';
import { clusterDesks, type DeskAccess } from './camera-desks.ts';
import { KafkaCameraDirectory } from './camera-directory.ts';
import type { IndexAccess } from './index-process.ts';
import { linkOf, linkText } from './kafka-link-view.ts';

/** What else runs on the node, and is shown with it. */
export interface NodePart {
  tree(): ActorReport;
  unready(): readonly string[];
  metrics(): Promise<readonly MetricsSnapshot[]>;
}

/** What a gateway node is made of. */
export interface GatewayNodeOptions {
  readonly config: Pick<Config, 'kafka' | 'vision' | 'cameras'>;
  readonly node: KafkaNode;
  readonly codecs: Pick<RecordCodecs, 'cameras'>;
  readonly index: IndexAccess;
  /** The models of the cluster. */
  readonly models: ModelAccess;
  /** The root's own tree, the processes in it. */
  readonly tree: () => ActorReport;
  /** Cameras and detectors, where this node has such roles too. */
  readonly local?: NodePart;
  /** Those of the cameras that this node runs, where it has such a role too. */
  readonly desks?: DeskAccess | undefined;
  /** Vision processes of this node. @default none */
  readonly pictures?: PictureAccess | undefined;
  readonly clock: Clock;
  readonly log: Logger;
  readonly telemetry: Recorder;
  /** Aborts when the platform stops. */
  readonly signal: AbortSignal;
}

const SAMPLE_EVERY_MS = 1_000;
const LAG_EVERY_MS = 5_000;
/** A change of the model that is further back among the events is not shown. */
const MODEL_EVENTS = 500;
/** An index that is this far behind what is written makes answers old. */
const LATE_SECONDS = 10;

/** What was told of a camera before it was wanted (again) speaks of an earlier one of its name; clocks of nodes may differ by so much. */
const STATE_SLACK_MICROS = 1_000_000;

/** What serves a cluster: its cameras by their topic, its records by the index of this node. Runs no camera and no detector itself. */
export class GatewayNode implements BackendRoot {
  readonly board: CameraBoard;
  readonly models: ModelAccess;
  readonly cluster: ClusterView;
  readonly desks: DeskAccess;
  readonly pictures: PictureAccess;
  readonly #options: GatewayNodeOptions;
  readonly #desired: DesiredCameras;
  readonly #directory: KafkaCameraDirectory;
  readonly #meter: LagMeter;
  /** Cameras of the board. */
  readonly #shown = new Map<CameraId, CameraRow>();
  #lag: readonly PartitionLag[] = [];
  /** It has answered rightly once: from then on requests may come, whatever becomes of the brokers. */
  #hasServed = false;

  constructor(options: GatewayNodeOptions) {
    const { node, codecs, clock, log, config, signal } = options;
    this.#options = options;
    this.models = { list: () => options.models.list(), want: reference => options.models.want(reference), view: () => this.#modelView() };
    this.board = new CameraBoard(() => clock.monotonicMs());
    const topic = topicName(config.kafka.topicPrefix, 'cameras');
    this.#desired = new DesiredCameras({
      node, topic, codec: codecs.cameras, clock, onChange: change => this.#follow(change),
      onInvalid: ({ partition, offset }, error) => log.warn({ topic, partition, offset, error: reportError(error) }, 'camera of the list cannot be read'),
    });
    this.#directory = new KafkaCameraDirectory({ node, topic, codec: codecs.cameras, desired: this.#desired, clock, signal });
    this.#meter = new LagMeter({ node, clock });
    this.pictures = options.pictures ?? NO_PICTURES;
    this.desks = clusterDesks(options.desks, id => this.camera(id) !== undefined);
    this.cluster = { links: () => this.#links(), degraded: () => this.#degraded(), lag: () => this.#lag };
  }

  get store(): RemoteStore { return this.#options.index.store; }
  get signal(): AbortSignal { return this.#options.signal; }
  /** The list of cameras as it is followed: supervised as an actor of the root. */
  get desired(): DesiredCameras { return this.#desired; }

  /** Starts to keep the board and the lag up to date; resolves when the platform stops. */
  async run(): Promise<void> {
    const { clock, signal } = this.#options;
    await Promise.all([
      every(SAMPLE_EVERY_MS, clock, signal, () => this.#sample()),
      this.#measure().then(() => every(LAG_EVERY_MS, clock, signal, () => this.#measure())),
      this.#addConfigured(),
    ]);
    await this.#directory.close();
  }

  camera(id: CameraId): CameraRow | undefined { return this.#directory.camera(id); }
  cameraRows(): readonly CameraRow[] { return this.#directory.cameraRows(); }

  async addCamera(row: CameraRow, isTemporary: boolean): Promise<void> {
    await this.#directory.addCamera(row, isTemporary);
    if (this.board.stateOf(row.id) === undefined) this.board.add(row, false); // the list follows a moment later
  }

  changeCamera(id: CameraId, edit: CameraEdit): Promise<void> { return this.#directory.changeCamera(id, edit); }

  removeCamera(id: CameraId): Promise<void> { return this.#directory.removeCamera(id); }

  records(after: number, camera: CameraId | undefined, signal: AbortSignal): AsyncIterable<readonly CommittedRecord[]> {
    return this.#options.index.records(after, camera, signal);
  }

  tree(): ActorReport {
    const own = this.#options.tree();
    const children = own.children.map(child => (child.name === 'index' ? { ...child, children: this.#options.index.tree()?.children ?? child.children } : child));
    return { ...own, children: [...children, ...this.#options.local?.tree().children ?? []] };
  }

  unready(): readonly string[] {
    const { index, local, node } = this.#options;
    const reasons = [...(index.isReady ? [] : ['process index is not ready']), ...local?.unready() ?? []];
    if (this.#hasServed) return reasons;
    if (!this.#desired.isKnown) reasons.push(`the cameras of the cluster are not known yet: ${linkText(node.state)}`);
    if (index.isReady && index.note?.isCaughtUp !== true) reasons.push(`the index is catching up: ${linkText(index.note?.kafka)}`);
    this.#hasServed = reasons.length === 0;
    return reasons;
  }

  async metrics(): Promise<readonly MetricsSnapshot[]> {
    const { index, local } = this.#options;
    return (await Promise.all([index.metrics(), local?.metrics() ?? []])).flat();
  }

  #follow(change: CameraChange): void {
    if (change.type === 'put') {
      const known = this.#shown.get(change.row.id);
      this.#shown.set(change.row.id, change.row);
      if (known && isSameSource(known, change.row)) this.board.change(change.row);
      else this.board.add(change.row, false);
      return;
    }
    this.#shown.delete(change.id);
    this.board.remove(change.id);
    this.#options.telemetry.forget('camera', change.id);
  }

  #links(): readonly LinkView[] {
    const { node, index } = this.#options;
    return [linkOf('kafka', node.state), ...(index.note === undefined ? [] : [linkOf('kafka (index)', index.note.kafka)])];
  }

  #degraded(): readonly string[] {
    const { node } = this.#options;
    const lateBy = Math.max(0, ...this.#lag.filter(({ group }) => group === this.#indexGroup).map(({ seconds }) => seconds ?? 0));
    return [
      ...(node.state.state === 'up' ? [] : [`${linkText(node.state)}: what is stored here is served, cameras cannot be added or removed`]),
      ...(lateBy > LATE_SECONDS ? [`records come ${Math.round(lateBy)} s late`] : []),
    ];
  }

  async #sample(): Promise<void> {
    const asked = await Promise.all([this.store.balances(), this.store.cameraStates()]).catch(() => undefined); // an index that is being replaced is asked again
    if (asked === undefined) return;
    const [balances, states] = asked;
    this.board.told(states.filter(({ camera, at }) => at + STATE_SLACK_MICROS >= (this.#desired.wantedAt(camera) ?? 0)));
    this.board.sample(balances, true);
    for (const { id, pending } of this.board.pending()) this.#options.telemetry.set('ledgerPending', { camera: id }, pending);
  }

  /** The wish of the cluster, and what its nodes made of it. */
  async #modelView(): Promise<ActiveModelView> {
    const events = await this.store.events({ max: MODEL_EVENTS });
    const told = events.flatMap(event => (event.type === 'model' && event.node !== undefined ? [{ ...event, node: event.node }] : []));
    const newest = [...new Map(told.map(event => [event.node, event])).values()];
    return { ...await this.#options.models.view(), nodes: newest.map(({ type: _, at, ...event }) => ({ ...event, at: isoTime(at) })) };
  }

  async #measure(): Promise<void> {
    const { node, signal, telemetry, log } = this.#options;
    if (node.state.state !== 'up') return;
    const measured: PartitionLag[] = [];
    for (const each of [...this.#groups(), ...this.#ofIndex()]) {
      try {
        measured.push(...await this.#meter.measure(each, signal));
      } catch (error) {
        if (signal.aborted) return;
        log.debug({ group: each.group, topic: each.topic, error: reportError(error) }, 'lag cannot be measured now'); // the last one stays
        measured.push(...this.#lag.filter(({ group, topic }) => group === each.group && topic === each.topic));
      }
    }
    this.#lag = measured;
    for (const { group, topic, partition, records, seconds } of measured) {
      const labels = { group, topic, partition: String(partition) };
      telemetry.set('consumerLagRecords', labels, records);
      if (seconds !== null) telemetry.set('consumerLagSeconds', labels, seconds);
    }
  }

  get #indexGroup(): string { return `${this.#options.config.kafka.topicPrefix}.index`; }

  /** The index keeps its offsets itself: it is asked where it is, and the brokers where the ends are. */
  #ofIndex(): readonly GroupTopic[] {
    const byTopic = Map.groupBy(this.#options.index.note?.lag ?? [], ({ topic }) => topic);
    return [...byTopic].map(([topic, lag]) => ({ group: this.#indexGroup, topic, offsets: new Map(lag.map(({ partition, offset }) => [partition, offset])) }));
  }

  #groups(): readonly GroupTopic[] {
    const { kafka: { topicPrefix }, vision } = this.#options.config;
    const groupOf = (name: keyof typeof GROUPS, topic: 'chunks' | 'features'): GroupTopic => ({ group: `${topicPrefix}.${GROUPS[name]}`, topic: topicName(topicPrefix, topic) });
    return vision.isSplit ? [groupOf('featurizer', 'chunks'), groupOf('detectorOnFeatures', 'features')] : [groupOf('detector', 'chunks')];
  }

  /** Cameras of this node's configuration are wanted in the cluster. */
  async #addConfigured(): Promise<void> {
    const { config, signal, clock } = this.#options;
    const rows = config.cameras.map(cameraRowOf);
    while (rows.length > 0 && !signal.aborted) {
      try {
        await this.#desired.untilKnown(signal);
        await this.#directory.ensure(rows);
        return;
      } catch (error) {
        if (signal.aborted) return;
        if (!(error instanceof PlatformError) || error.code !== 'KAFKA_UNAVAILABLE') throw error;
        await clock.sleep(SAMPLE_EVERY_MS, signal).catch(() => { /* stopping */ });
      }
    }
  }
}
