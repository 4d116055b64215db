import { reportError } from '../../src/engine/errors.ts';
import type { Clock } from '../../src/engine/clock.ts';
import { withTimeout } from '../../src/engine/timers.ts';
import { PlatformError } from '../../src/engine/errors.ts';
import type { CameraId } from '../../src/engine/units.ts';
import { DesiredModelLog } from '../../src/data-ops/desired-model.ts';
import type { PlatformEvent } from '../../src/messages/platform-event.ts';
import { ModelCatalogue, modelReference } from '../../src/model-ops/catalogue.ts';
import type { ActiveModelView, ModelView } from '../../src/serving-ops/service.ts';
import type { Config } from '../../src/utility-ops/config/schema.ts';
import type { Logger } from '../../src/utility-ops/log.ts';
import type { ModelAccess } from '../gateway/backend.ts';
import type { KafkaLink } from '../process/kafka-link.ts';
import type { ModelKeeper } from './model-keeper.ts';

/** What joins the models of nodes. */
export interface ClusterModelsOptions {
  readonly config: Pick<Config, 'models' | 'modelOps' | 'data'>;
  readonly link: KafkaLink;
  /** Name of this node. */
  readonly node: string;
  readonly clock: Clock;
  readonly log: Logger;
}

const REPORT_MS = 10_000;

/** The model of a cluster: asked for on any node with an API, followed by every node that detects. */
export class ClusterModels implements ModelAccess {
  readonly #options: ClusterModelsOptions;
  readonly #catalogue: ModelCatalogue;
  readonly #wishes: DesiredModelLog;
  /** That of this node, where it detects. */
  keeper: ModelKeeper | undefined;

  constructor(options: ClusterModelsOptions) {
    const { link, clock, log, config } = options;
    this.#options = options;
    this.#catalogue = new ModelCatalogue(config);
    const topic = link.topic('models');
    const codec = link.codecs.then(codecs => codecs.models);
    codec.catch(() => { /* told to whoever awaits it */ });
    this.#wishes = new DesiredModelLog({
      node: link.node, topic, codec, clock,
      onWanted: ({ model }) => { void this.keeper?.want(model).catch((error: unknown) => this.keeper?.refuse(model, error)); },
      onInvalid: ({ partition, offset }, error) => log.warn({ topic, partition, offset, error: reportError(error) }, 'wish for a model cannot be read'),
    });
  }

  /** Follows what is wanted; supervised as an actor of the root. */
  run(ctx: Parameters<DesiredModelLog['run']>[0]): Promise<void> { return this.#wishes.run(ctx); }

  async list(): Promise<readonly ModelView[]> {
    const active = this.view().active;
    return this.keeper ? this.keeper.list() : (await this.#catalogue.list()).map(({ name, version, family, source }) => {
      const model = modelReference({ name, version });
      return { model, name, version, family, source, isActive: model === active };
    });
  }

  view(): ActiveModelView {
    if (this.keeper) return this.keeper.view();
    const model = this.#wishes.wanted?.model ?? modelReference(this.#catalogue.configured);
    return { active: model, wanted: model, state: 'steady', processes: [], counts: { done: 0, refused: 0 } };
  }

  async want(reference: string): Promise<void> {
    await this.#wishes.want(modelReference(await this.#catalogue.find(reference)));
  }

  /** Tells the cluster what became of a change on this node, as far as brokers are there. */
  report(event: PlatformEvent): void {
    const { link, node, clock, log } = this.#options;
    const send = async (): Promise<void> => {
      const body = { ...event, node };
      const { events } = await link.codecs;
      const producer = await link.node.producer();
      try {
        await producer.send([{ topic: link.topic('events'), key: node, value: events.encode(body), headers: events.headers(body, node as CameraId) }]); // events of nodes are kept in order per node
      } finally {
        await producer.close();
      }
    };
    withTimeout(send(), REPORT_MS, clock, new PlatformError('KAFKA_UNAVAILABLE', 'the brokers did not take the event')).catch((error: unknown) => log.warn({ error: reportError(error) }, 'change of the model was not told to the cluster'));
  }

  async close(): Promise<void> { await this.#wishes.close(); }
}
