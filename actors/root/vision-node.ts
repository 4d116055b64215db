import { mkdir, rm } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join, resolve } from 'node:path';
import type { ActorReport, Supervised } from '../../src/engine/actor.ts';
import { createActorSystem, type ActorSystem } from '../../src/engine/actor-system.ts';
import type { Clock } from '../../src/engine/clock.ts';
import { reportError } from '../../src/engine/errors.ts';
import type { Random } from '../../src/engine/random.ts';
import { visionOf, type VisionRow } from '../../src/data-ops/camera-row.ts';
import { DesiredCameras } from '../../src/data-ops/desired-cameras.ts';
import type { PlatformEvent } from '../../src/messages/platform-event.ts';
import type { RecordCodecs } from '../../src/messages/topics.ts';
import { topicName } from '../../src/messages/topics.ts';
import type { KafkaNode } from '../../src/transports/kafka-types.ts';
import type { NodePlan } from '../../src/utility-ops/config/node-roles.ts';
import type { Config } from '../../src/utility-ops/config/schema.ts';
import { visionProcesses } from '../../src/utility-ops/config/vision-processes.ts';
import type { Logger } from '../../src/utility-ops/log.ts';
import type { Recorder } from '../../src/utility-ops/telemetry/recorder.ts';
import type { MetricsSnapshot } from '../../src/utility-ops/telemetry/snapshot.ts';
import type { HostRoleSettings } from '../host/host-role.ts';
import { ProcessActor } from '../process/child-process.ts';
import { POLICIES } from '../tree.ts';
import type { VisionDuty } from '../vision/duties.ts';
import type { SwitchedNote } from '../vision/switch-messages.ts';
import type { NodePart } from './gateway-node.ts';
import { ModelKeeper, modelSettings } from './model-keeper.ts';
import { noteLifecycle } from './note-lifecycle.ts';
import { ProviderLadder } from './provider-ladder.ts';
import { hostSettings, nodeVisionSettings } from './settings.ts';
import { createSocketFolder } from './socket-folder.ts';
import { visionEnvironment } from './vision-environment.ts';
import type { VisionMessage } from '../vision/vision-role.ts';
import { VisionFleet } from './vision-fleet.ts';

/** What the vision part of a cluster node is made of. */
export interface VisionNodeOptions {
  readonly config: Config;
  readonly plan: NodePlan;
  readonly node: KafkaNode;
  readonly codecs: Promise<Pick<RecordCodecs, 'cameras'>>;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly telemetry: Recorder;
  /** Tells the cluster what became of a change of the model. */
  readonly report: (event: PlatformEvent) => void;
  /** A line of a child process. */
  readonly onLine: (process: string, line: string) => void;
}

/** A host ends what its vision processes have in hand; they end after it. */
const STOP_MS = { host: 1_700, vision: 400 } as const;

/**
 * The part of a cluster node that detects, or makes features: per duty a host, which stands between Kafka and its vision processes. Holds no
 * state of its own: what was not committed is done over by whoever owns the partition next.
 */
export class VisionNode implements NodePart {
  readonly #options: VisionNodeOptions;
  readonly #system: ActorSystem;
  readonly models: ModelKeeper;
  readonly #hosts: Running[] = [];
  readonly #fleets: VisionFleet[] = [];
  readonly #ending = new AbortController();
  readonly #ladder: ProviderLadder;
  readonly #cameras = new Map<string, VisionRow>();
  #sockets: string | undefined;

  constructor(options: VisionNodeOptions) {
    const { config, clock, random, log, telemetry, report } = options;
    this.#options = options;
    this.#ladder = new ProviderLadder(options);
    this.models = new ModelKeeper({ config, clock, log, telemetry, report, signal: this.#ending.signal });
    this.#system = createActorSystem({
      name: 'vto', clock, random,
      onEvent: event => { noteLifecycle(event, { log, clock, telemetry, isProcess: name => name !== 'cameras' }); this.#ladder.note(event); },
    });
  }

  /** Starts every process. What they need, brokers among it, they wait for themselves. */
  async start(): Promise<void> {
    const { config, plan } = this.#options;
    await mkdir(resolve(config.data), { recursive: true, mode: 0o700 });
    const sockets = await createSocketFolder();
    this.#sockets = sockets;
    for (const duty of dutiesOf(plan, config.vision.isSplit)) await this.#startDuty(duty, sockets);
    this.#system.supervise({ name: 'cameras', run: ctx => this.#followCameras(ctx) }, POLICIES.worker);
  }

  /** Where still pictures are decoded. */
  get pictureSocket(): string | undefined { return this.#fleets[0]?.sockets[0]; }

  tree(): ActorReport {
    const root = this.#system.report();
    const trees = new Map(this.#actors().map(actor => [actor.name, actor.tree]));
    return { ...root, children: root.children.map(child => ({ ...child, children: trees.get(child.name)?.children ?? child.children })) };
  }

  unready(): readonly string[] {
    return [...this.#hosts, ...this.#fleets.flatMap(({ unready }) => unready)].filter(({ actor }) => !actor.isReady).map(({ actor }) => `process ${actor.name} is not ready`);
  }

  async metrics(): Promise<readonly MetricsSnapshot[]> {
    const all = await Promise.all(this.#actors().map(actor => actor.metrics()));
    return all.filter(snapshot => snapshot !== undefined) as unknown as readonly MetricsSnapshot[]; // made by the recorder of the same version
  }

  /** Process ids by name, for tests and chaos. */
  pids(): Readonly<Record<string, number>> {
    return Object.fromEntries(this.#actors().flatMap(({ name, pid }) => (pid === undefined ? [] : [[name, pid]])));
  }

  async stop(): Promise<void> {
    await Promise.all(this.#hosts.map(({ supervised }) => supervised.stop()));
    await Promise.all(this.#fleets.map(fleet => fleet.stop()));
    this.#ending.abort(new Error('the platform is stopping'));
    await this.#system.stop();
    if (this.#sockets) await rm(this.#sockets, { recursive: true, force: true });
  }

  /** Every process. */
  #actors(): readonly ProcessActor[] { return [...this.#hosts, ...this.#fleets.flatMap(({ processes }) => processes)].map(({ actor }) => actor); }

  async #startDuty(duty: VisionDuty, sockets: string): Promise<void> {
    const { config, clock, onLine } = this.#options;
    const stem = duty === 'fused' ? 'vision' : duty;
    const host = duty === 'fused' ? 'host' : `${duty}-host`;
    const hostSocket = join(sockets, `${stem}-host.sock`);
    const fleet = new VisionFleet({
      count: visionProcesses(config, { cores: availableParallelism(), cameras: Number.POSITIVE_INFINITY }), stem, system: this.#system, clock, onLine, stopMs: STOP_MS.vision, socketOf: name => join(sockets, `${name}.sock`),
      settings: ({ name, socket }, model) => nodeVisionSettings(config, { socket, model, devices: this.#ladder.devicesOf(name), duty, host: hostSocket }, this.#cameras),
      env: index => visionEnvironment(config, index, process.env),
      feeders: () => [host], tell: (_, message) => running.supervised.tell(message),
    });
    this.#fleets.push(fleet);
    // Where pictures cross Kafka, both halves would have to change at the same frame: such a node keeps the model of its settings.
    if (duty === 'fused') await this.models.start(fleet);
    else fleet.start(modelSettings(this.models.catalogue.configured));
    const running = this.#startHost(host, () => hostSettings(config, duty, { socket: hostSocket, visionSockets: fleet.sockets, successors: fleet.successorsFor(host) }), note => fleet.noted(host, note));
    this.#hosts.push(running);
  }

  #startHost(name: string, settings: () => HostRoleSettings, onSwitched: (note: SwitchedNote) => void): Running {
    const { clock, onLine } = this.#options;
    const onNote = (note: unknown): void => onSwitched(note as SwitchedNote); // all that a host of the same version tells
    const actor = new ProcessActor({ name, role: 'host', settings, threadPoolSize: 4, clock, onLine, onNote, stopMs: STOP_MS.host });
    return { actor, supervised: this.#system.supervise(actor, POLICIES.process) };
  }

  /** What is wanted of each camera, its limit and its share, is part of the cluster's list of cameras. */
  async #followCameras(ctx: Parameters<DesiredCameras['run']>[0]): Promise<void> {
    const { node, codecs, clock, config, log } = this.#options;
    const topic = topicName(config.kafka.topicPrefix, 'cameras');
    const desired = new DesiredCameras({
      node, topic, codec: (await codecs).cameras, clock,
      onChange: change => {
        const camera = change.type === 'put' ? change.row.id : change.id;
        const row = change.type === 'put' ? visionOf(change.row) : null;
        if (row?.encoders !== undefined && config.vision.isSplit) log.warn({ camera }, 'split vision computes no features: its cameras have encoders in vain');
        if (row === null) this.#cameras.delete(camera);
        else this.#cameras.set(camera, row);
        for (const fleet of this.#fleets) fleet.tell({ camera, row } satisfies VisionMessage);
      },
      onInvalid: ({ partition, offset }, error) => log.warn({ topic, partition, offset, error: reportError(error) }, 'camera of the list cannot be read'),
    });
    await desired.run(ctx);
  }
}

interface Running { readonly actor: ProcessActor; readonly supervised: Supervised }

function dutiesOf(plan: NodePlan, isSplit: boolean): readonly VisionDuty[] {
  if (!isSplit) return plan.detects ? ['fused'] : [];
  return [...(plan.makesFeatures ? ['featurizer' as const] : []), ...(plan.detects ? ['detector' as const] : [])];
}
