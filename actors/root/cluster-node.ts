import { mkdir } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { ActorContext, ActorReport } from '../../src/engine/actor.ts';
import { createActorSystem, type ActorSystem } from '../../src/engine/actor-system.ts';
import { untilAborted } from '../../src/engine/timers.ts';
import type { Balance } from '../../src/data-ops/store.ts';
import { topicSpecs } from '../../src/messages/topic-specs.ts';
import { planNode } from '../../src/utility-ops/config/node-roles.ts';
import type { BackendRoot } from '../gateway/backend.ts';
import { visionPictures, type PictureAccess } from '../gateway/live-access.ts';
import { openKafkaLink, type KafkaLink } from '../process/kafka-link.ts';
import { POLICIES } from '../tree.ts';
import type { CameraView } from './camera-tally.ts';
import { ClusterModels } from './cluster-models.ts';
import type { NodePart } from './gateway-node.ts';
import { linkOf, linkText } from './kafka-link-view.ts';
import { NodeBackend } from './node-backend.ts';
import { nodeName } from './node-name.ts';
import { noteLifecycle } from './note-lifecycle.ts';
import { Orchestrator, type OrchestratorOptions } from './orchestrator.ts';
import type { Platform } from './platform.ts';
import { startGatewayNode, type GatewayRoot } from './start-gateway-node.ts';
import { VisionNode } from './vision-node.ts';

/** What a node of a cluster is started with. */
export type ClusterNodeOptions = OrchestratorOptions;

/** A node of a cluster: the parts that its roles ask for, beside each other; Kafka joins them to those of other nodes, and to each other. */
export class ClusterNode implements Platform {
  readonly system: ActorSystem;
  readonly backend: BackendRoot;
  readonly #link: KafkaLink;
  readonly #parts: Parts;

  private constructor(system: ActorSystem, link: KafkaLink, parts: Parts, backend: BackendRoot) {
    this.system = system;
    this.#link = link;
    this.#parts = parts;
    this.backend = backend;
  }

  /** Starts every part. Brokers that are away are waited for by whoever needs them; a gateway waits here for the schema registry, if one is named. */
  static async start(options: ClusterNodeOptions): Promise<ClusterNode> {
    const { config, clock, random, log, telemetry, onLine } = options;
    const plan = planNode(config);
    const link = openKafkaLink({ kafka: config.kafka, name: 'root', clock, random, log });
    const system = createActorSystem({
      name: 'vto', clock, random, onEvent: event => { noteLifecycle(event, { log, clock, telemetry, isProcess: () => false }); },
    });
    await mkdir(resolve(config.data), { recursive: true, mode: 0o700 });
    const models = new ClusterModels({ config, link, node: await nodeName(resolve(config.data), random), clock, log });
    const topics = new Topics(link, options);
    system.supervise({ name: 'topics', run: ctx => topics.run(ctx) }, POLICIES.cluster);
    const parts: Parts = { models };
    try {
      if (plan.hasCameras) {
        parts.cameras = new Orchestrator(options);
        await parts.cameras.start();
      }
      if (plan.detects || plan.makesFeatures) {
        parts.vision = new VisionNode({ config, plan, node: link.node, codecs: link.codecs, clock, random, log, telemetry, onLine, report: event => models.report(event) });
        await parts.vision.start();
        models.keeper = parts.vision.models;
      }
      system.supervise({ name: 'model', run: ctx => models.run(ctx) }, POLICIES.cluster);
      const pictures = visionPictures({ socketOf: () => parts.vision?.pictureSocket, clock, random });
      const local = joined([ownPart(system, topics), ...[parts.cameras, parts.vision].filter(part => part !== undefined)]);
      if (plan.serves) parts.gateway = await startGatewayNode({ config, clock, random, log, telemetry, onLine, node: link.node, codecs: await link.codecs, models, local, desks: parts.cameras?.desks, pictures });
      return new ClusterNode(system, link, parts, backendOf({ parts, local, link, pictures }));
    } catch (error) {
      await stopParts(parts, system, link);
      throw error;
    }
  }

  tallies(): readonly CameraView[] {
    return (this.#parts.gateway?.gateway.board ?? this.#parts.cameras?.board)?.tallies() ?? [];
  }

  stop(): Promise<readonly Balance[]> { return stopParts(this.#parts, this.system, this.#link); }
}

interface Parts { readonly models: ClusterModels; cameras?: Orchestrator; vision?: VisionNode; gateway?: GatewayRoot }

/** Cameras first, so that what they recorded is handed over; the gateway last, so that it can be asked how it goes. */
async function stopParts({ models, cameras, vision, gateway }: Parts, system: ActorSystem, link: KafkaLink): Promise<readonly Balance[]> {
  const [balances] = await Promise.all([cameras?.stop() ?? [], vision?.stop()]);
  await gateway?.stop();
  await system.stop();
  await models.close();
  await link.close();
  return balances;
}

function backendOf({ parts: { models, cameras, vision, gateway }, local, link, pictures }: { readonly parts: Parts; readonly local: NodePart; readonly link: KafkaLink; readonly pictures: PictureAccess }): BackendRoot {
  if (gateway) return gateway.gateway;
  const links = (): ReturnType<NonNullable<BackendRoot['cluster']>['links']> => [linkOf('kafka', link.node.state)];
  const degraded = (): readonly string[] => cameras?.degraded() ?? (link.node.state.state === 'up' ? [] : [linkText(link.node.state)]);
  return new NodeBackend(local, { links, degraded, lag: () => [] }, { cameras, models: vision && models, pictures });
}

/** Several parts of a node shown as one. */
function joined(parts: readonly NodePart[]): NodePart {
  return {
    tree(): ActorReport {
      const [first, ...others] = parts.map(part => part.tree());
      if (!first) throw new Error('a node has parts');
      return { ...first, children: [...first.children, ...others.flatMap(({ children }) => children)] };
    },
    unready: () => parts.flatMap(part => part.unready()),
    metrics: async () => (await Promise.all(parts.map(part => part.metrics()))).flat(),
  };
}

function ownPart(system: ActorSystem, topics: Topics): NodePart {
  return { tree: () => system.report(), unready: () => topics.unready(), metrics: () => Promise.resolve([]) };
}

const TOPICS_RETRY_MS = 5_000;

/** Makes what is missing of the topics once the brokers are there. Where they forbid it, somebody else has to: it is looked again. */
class Topics {
  readonly #link: KafkaLink;
  readonly #options: Pick<ClusterNodeOptions, 'config' | 'clock' | 'log'>;
  #problem: string | undefined = 'the topics are not known yet';

  constructor(link: KafkaLink, options: Pick<ClusterNodeOptions, 'config' | 'clock' | 'log'>) {
    this.#link = link;
    this.#options = options;
  }

  /** Why the node cannot work yet. Brokers that are away are no reason: they are told of as a link. */
  unready(): readonly string[] {
    return this.#problem === undefined || this.#link.node.state.state !== 'up' ? [] : [this.#problem];
  }

  async run(ctx: ActorContext): Promise<void> {
    const { config, clock, log } = this.#options;
    while (!ctx.signal.aborted) {
      try {
        await this.#link.node.ensureTopics(topicSpecs(config.kafka));
        this.#problem = undefined;
        ctx.status('made');
        await untilAborted(ctx.signal);
      } catch (error) {
        const message = error instanceof Error ? error.message : String(error);
        if (message !== this.#problem && !ctx.signal.aborted) log.error({ reason: message }, 'topics cannot be made');
        this.#problem = message;
        ctx.status(message);
        await clock.sleep(TOPICS_RETRY_MS, ctx.signal).catch(() => { /* stopping */ });
      }
    }
  }
}
