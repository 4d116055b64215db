import type { ActorContext } from '../../src/engine/actor.ts';
import type { ActorSystem } from '../../src/engine/actor-system.ts';
import type { Clock } from '../../src/engine/clock.ts';
import { fateOf, reportError } from '../../src/engine/errors.ts';
import { untilAborted } from '../../src/engine/timers.ts';
import type { CameraId } from '../../src/engine/units.ts';
import { DesiredCameras } from '../../src/data-ops/desired-cameras.ts';
import { EventOutbox } from '../../src/data-ops/event-outbox.ts';
import type { RemoteStore } from '../../src/data-ops/remote-store.ts';
import type { Balance, CameraRow, Spool } from '../../src/data-ops/store.ts';
import type { PlatformEvent } from '../../src/messages/platform-event.ts';
import { topicName, type RecordCodecs } from '../../src/messages/topics.ts';
import type { KafkaNode } from '../../src/transports/kafka-types.ts';
import type { Config } from '../../src/utility-ops/config/schema.ts';
import type { Logger } from '../../src/utility-ops/log.ts';
import type { Recorder } from '../../src/utility-ops/telemetry/recorder.ts';
import { POLICIES } from '../tree.ts';
import type { AliveMark } from './alive-mark.ts';
import { KafkaCameraDirectory } from './camera-directory.ts';
import { EpochWatch } from './epoch-watch.ts';
import { linkText } from './kafka-link-view.ts';
import { Placement, type PlacementOptions } from './placement.ts';

/** What the camera side of a node's root is made of. */
export interface CameraNodeOptions {
  readonly kafkaSettings: Config['kafka'];
  readonly kafka: KafkaNode;
  readonly codecs: Pick<RecordCodecs, 'cameras' | 'events'>;
  /** Of this node: its cameras, archive index, ledger and events. */
  readonly store: RemoteStore;
  /** Name of this node. */
  readonly name: string;
  readonly clock: Clock;
  readonly log: Logger;
  readonly telemetry: Pick<Recorder, 'set'>;
  readonly mark: AliveMark;
  /** Aborts when the platform stops. */
  readonly signal: AbortSignal;
  /** Runs a camera, or runs it otherwise than before. */
  readonly place: (row: CameraRow, floor: number) => void;
  /** Ends a camera; it hands over what it recorded first. */
  readonly displace: (id: CameraId) => void;
  /** Begins a new session of a camera, with an epoch behind `floor`. */
  readonly renew: (id: CameraId, floor: number) => void;
  /** Hands over what is left of cameras that are not run here. */
  readonly handOver: (ids: readonly CameraId[]) => void;
}

/** What a node knows of its cameras by itself. */
export interface KnownCameras {
  /** Those that ran here last. */
  readonly remembered: readonly CameraRow[];
  /** Those of its own settings. */
  readonly configured: readonly CameraRow[];
  /** Those it runs already. */
  readonly placed: readonly CameraRow[];
  /** Milliseconds since the node died at work; infinity when it ended in order. */
  readonly diedMsAgo: number;
}

/** Without a broker for so long after the start, the node goes on with the cameras it had. */
const ALONE_MS = 1_500;
/** As above where brokers answer: the first assignment of a group may take its time. */
const UNASSIGNED_MS = 6_000;
const LOOK_EVERY_MS = 100;
const LAST_WORDS_MS = 500;
const OUTBOX_BOUNDS = { maxItems: 1_024, maxBytes: 4 << 20, batchBytes: 1 << 20, lingerMs: 0 } as const;

/** Makes a node with cameras part of its cluster: which cameras it runs, in which epochs, and what it tells the others. */
export class CameraNode {
  readonly #options: CameraNodeOptions;
  readonly #desired: DesiredCameras;
  readonly #directory: KafkaCameraDirectory;
  readonly #epochs: EpochWatch;
  readonly #placement: Placement;
  /** Newest epoch of each camera here. */
  readonly #ownEpochs = new Map<CameraId, number>();
  readonly #events: ReturnType<typeof openEvents>;
  readonly #outbox: EventOutbox;
  /** The node's own cameras are wanted in the cluster, so that its list may be acted on. */
  #isConfigured = false;
  #isClosing = false;
  #spool: Spool = { frames: 0, bytes: 0, cameras: [] };

  constructor(options: CameraNodeOptions) {
    const { kafka, codecs, clock, log, signal } = options;
    this.#options = options;
    const topic = this.#topic('cameras');
    this.#events = openEvents(options);
    this.#outbox = new EventOutbox({ store: options.store, output: this.#events, node: options.name, clock });
    this.#desired = new DesiredCameras({
      node: kafka, topic, codec: codecs.cameras, clock, onChange: () => this.#placement.settle(),
      onInvalid: ({ partition, offset }, error) => log.warn({ topic, partition, offset, error: reportError(error) }, 'camera of the list cannot be read'),
    });
    this.#directory = new KafkaCameraDirectory({ node: kafka, topic, codec: codecs.cameras, desired: this.#desired, clock, signal });
    this.#epochs = new EpochWatch({
      node: kafka, topic: this.#topic('events'), codec: codecs.events, self: options.name, clock,
      onReady: () => this.#placement.settle(), onEpoch: (camera, epoch) => this.#meet(camera, epoch),
    });
    this.#placement = new Placement({
      desired: this.#list(), epochs: this.#epochs, place: (row, floor) => options.place(row, floor), displace: id => options.displace(id), onDecided: () => this.#handOverRest(),
    });
  }

  /** What waits to be handed over, as last asked. */
  get spool(): Spool { return this.#spool; }
  get isDecided(): boolean { return this.#placement.isDecided; }

  /** An epoch that the next sessions of a camera must lie behind. */
  floorOf(camera: CameraId): number { return this.#epochs.epochOf(camera); }

  /** Takes part in the cluster as soon as there are brokers. */
  start(system: ActorSystem, { remembered, configured, placed, diedMsAgo }: KnownCameras): void {
    this.#placement.assume(placed);
    // Others take cameras over when the session of a dead node has timed out, not before: until then they are still this node's.
    if (diedMsAgo < this.#options.kafkaSettings.sessionTimeoutMs / 2) this.#placement.assume(remembered);
    system.supervise({ name: 'desired-cameras', run: ctx => this.#follow(ctx) }, POLICIES.cluster);
    system.supervise({ name: 'membership', run: ctx => this.#takePart(ctx) }, POLICIES.cluster);
    system.supervise({ name: 'epochs', run: ctx => this.#epochs.run(ctx) }, POLICIES.cluster);
    system.supervise({ name: 'outbox', run: ctx => this.#outbox.run(ctx.signal) }, POLICIES.cluster);
    system.supervise({ name: 'configured-cameras', run: ctx => this.#configure(configured, ctx) }, POLICIES.cluster);
    // A node that never was part of the cluster has its own settings to go by.
    system.supervise({ name: 'alone', run: ctx => this.#goOnAlone(remembered.length > 0 ? remembered : configured, ctx) }, POLICIES.cluster);
  }

  /** Takes the ledger's balances, once a second or so. */
  async sample(balances: readonly Balance[]): Promise<void> {
    const { store, telemetry, mark } = this.#options;
    if (!this.#isClosing) await mark.touch();
    for (const { camera, epoch } of balances) this.#ownEpochs.set(camera, Math.max(epoch, this.#ownEpochs.get(camera) ?? 0));
    this.#spool = await store.spool();
    telemetry.set('spoolFrames', {}, this.#spool.frames);
    telemetry.set('spoolBytes', {}, this.#spool.bytes);
  }

  /** What a reader of /readyz should know: it is no reason to be not ready, for cameras are recorded all the same. */
  degraded(): readonly string[] {
    const link = this.#options.kafka.state;
    if (link.state === 'up') return [];
    const { frames, bytes } = this.#spool;
    return [`${linkText(link)}: cameras are recorded, ${frames} frames (${Math.ceil(bytes / 2 ** 20)} MiB) wait to be handed over`];
  }

  /**
   * Tells the cluster how the cameras ended; what brokers do not take in time is told after the next start. The group is left by the end of
   * the actors: to be done when the cameras have ended, or another node would begin before this one is done.
   */
  async close(): Promise<void> {
    const { clock } = this.#options;
    this.#isClosing = true;
    const over = new AbortController();
    const limit = clock.sleep(LAST_WORDS_MS, over.signal).catch(() => { /* done in time */ });
    await Promise.race([this.#outbox.flush(over.signal).catch(() => { /* told after the next start */ }), limit]);
    over.abort(new Error('the node is stopping'));
    await Promise.all([this.#events.close(), this.#directory.close(), this.#options.mark.remove()]);
  }

  /** The list of cameras, once it can be acted on. */
  #list(): PlacementOptions['desired'] {
    const isKnown = (): boolean => this.#desired.isKnown && this.#isConfigured;
    return { get isKnown() { return isKnown(); }, entries: () => this.#desired.entries() };
  }

  #topic(name: 'cameras' | 'events'): string { return topicName(this.#options.kafkaSettings.topicPrefix, name); }

  async #follow(ctx: ActorContext): Promise<void> {
    const known = this.#desired.untilKnown(ctx.signal).then(() => this.#placement.settle(), () => { /* stopped before */ });
    await Promise.all([this.#desired.run(ctx), known]);
  }

  async #takePart(ctx: ActorContext): Promise<void> {
    const { kafka, kafkaSettings } = this.#options;
    const topic = this.#topic('cameras');
    ctx.status('joining');
    const member = await kafka.join({
      group: topic, topics: [topic], sessionTimeoutMs: kafkaSettings.sessionTimeoutMs,
      onAssigned: ({ generation, partitions }) => {
        const owned = partitions.get(topic) ?? [];
        ctx.status(`generation ${generation}, ${owned.length} partitions`);
        this.#placement.assign(owned);
      },
    });
    try { await untilAborted(ctx.signal); } finally { await member.close(); }
  }

  async #configure(rows: readonly CameraRow[], ctx: ActorContext): Promise<void> {
    await this.#desired.untilKnown(ctx.signal);
    await this.#directory.ensure(rows);
    this.#isConfigured = true;
    this.#placement.settle();
  }

  async #goOnAlone(rows: readonly CameraRow[], ctx: ActorContext): Promise<void> {
    const { clock, kafka, log } = this.#options;
    const since = clock.monotonicMs();
    while (!this.#placement.isDecided && clock.monotonicMs() - since < (kafka.state.state === 'up' ? UNASSIGNED_MS : ALONE_MS)) await clock.sleep(LOOK_EVERY_MS, ctx.signal);
    if (this.#placement.isDecided || ctx.signal.aborted) return;
    const waiting = rows.filter(({ id }) => !this.#placement.isPlaced(id));
    if (waiting.length > 0) log.warn({ cameras: waiting.length, kafka: kafka.state.state }, 'no word of the cluster: going on with the cameras of this node');
    this.#placement.assume(rows);
    this.#handOverRest();
  }

  /** Another node had an epoch that this one did not know: what is recorded in an older one would be refused. */
  #meet(camera: CameraId, epoch: number): void {
    if (!this.#placement.isPlaced(camera) || epoch <= (this.#ownEpochs.get(camera) ?? 0)) return;
    this.#options.log.warn({ camera, epoch }, 'another node had a newer session of this camera: a new one begins');
    this.#ownEpochs.set(camera, epoch);
    this.#options.renew(camera, epoch);
  }

  #handOverRest(): void {
    const { store, handOver, log, signal } = this.#options;
    store.spool().then(({ cameras }) => handOver(cameras.filter(id => !this.#placement.isPlaced(id))), (error: unknown) => {
      if (!signal.aborted && fateOf(error) !== 'stop') log.error({ error: reportError(error) }, 'what is left of earlier cameras is not known');
    });
  }
}

function openEvents({ kafka, kafkaSettings, codecs }: CameraNodeOptions): ReturnType<typeof kafka.output<PlatformEvent>> {
  return kafka.output(topicName(kafkaSettings.topicPrefix, 'events'), codecs.events, OUTBOX_BOUNDS);
}
