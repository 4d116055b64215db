import type { ActorContext } from '../engine/actor.ts';
import type { Clock } from '../engine/clock.ts';
import { PlatformError } from '../engine/errors.ts';
import { withTimeout } from '../engine/timers.ts';
import type { CameraId } from '../engine/units.ts';
import type { DesiredModel } from '../messages/desired-model.ts';
import type { KafkaNode, KafkaProducer, KafkaRecord, RecordCodec } from '../transports/kafka-types.ts';
import { decodeRecord } from './decode-record.ts';
import { untilThere } from './until-there.ts';

/** What follows the wish of a cluster. */
export interface DesiredModelLogOptions {
  readonly node: Pick<KafkaNode, 'bounds' | 'reader' | 'producer'>;
  /** Name of the compacted topic. */
  readonly topic: string;
  /** Known once the schema registry is, where there is one. */
  readonly codec: Promise<RecordCodec<DesiredModel>>;
  readonly clock: Clock;
  /** Told of the model that is wanted: the newest wish there is, then each that follows. */
  readonly onWanted: (wanted: DesiredModel) => void;
  /** Told of records that cannot be read; they change nothing. */
  readonly onInvalid: (record: KafkaRecord, error: unknown) => void;
}

/** The one key: an installation has one model. */
const KEY = 'active' as CameraId; // subjects of records are cameras elsewhere
const FETCH_BYTES = 1 << 20;
const WRITE_MS = 10_000;

/** The model that a cluster wants, as its compacted topic says. */
export class DesiredModelLog {
  readonly #options: DesiredModelLogOptions;
  #wanted: DesiredModel | undefined;
  #producer: Promise<KafkaProducer> | undefined;

  constructor(options: DesiredModelLogOptions) {
    this.#options = options;
  }

  /** The newest wish that was read; undefined before the first. */
  get wanted(): DesiredModel | undefined { return this.#wanted; }

  /** Follows the topic until the signal aborts; waits where brokers or topic are not there. */
  async run(ctx: Pick<ActorContext, 'signal' | 'status'>): Promise<void> {
    const { node, topic } = this.#options;
    const codec = await this.#options.codec;
    const bounds = await untilThere(this.#options, ctx);
    const reader = node.reader(topic, { isolation: 'committed', maxBytes: FETCH_BYTES });
    const unread = new Map([...bounds].flatMap(([partition, { begin, end }]) => (begin < end ? [[partition, end] as const] : [])));
    let newest: DesiredModel | undefined;
    try {
      for (const partition of bounds.keys()) reader.seek(partition, 'earliest');
      for (;;) {
        for (const { partition, records, nextOffset } of await reader.read(ctx.signal)) {
          for (const record of records) newest = await this.#decode(record, codec) ?? newest;
          if (nextOffset >= (unread.get(partition) ?? 0)) unread.delete(partition);
        }
        if (!newest || unread.size > 0) continue; // what lies there at the start is one wish: the last
        this.#wanted = newest;
        ctx.status(newest.model);
        this.#options.onWanted(newest);
        newest = undefined;
      }
    } finally {
      await reader.close();
    }
  }

  /** Asks every detector for a model. Resolves when all replicas know of it. @throws PlatformError KAFKA_UNAVAILABLE, KAFKA_REFUSED */
  async want(model: string): Promise<void> {
    const { node, topic, clock } = this.#options;
    const body: DesiredModel = { model, at: clock.now() };
    const write = async (): Promise<void> => {
      const codec = await this.#options.codec;
      this.#producer ??= node.producer();
      try {
        await (await this.#producer).send([{ topic, key: KEY, value: codec.encode(body), headers: codec.headers(body, KEY) }]);
      } catch (error) {
        if (await this.#producer.then(() => false, () => true)) this.#producer = undefined; // one that never came is asked for again
        throw error;
      }
    };
    await withTimeout(write(), WRITE_MS, clock, new PlatformError('KAFKA_UNAVAILABLE', `the brokers did not acknowledge the change of the model within ${WRITE_MS / 1000} s: it may come yet`, { model }));
  }

  async close(): Promise<void> {
    await (await this.#producer?.catch(() => undefined))?.close();
  }

  async #decode(record: KafkaRecord, codec: RecordCodec<DesiredModel>): Promise<DesiredModel | undefined> {
    if (record.key !== KEY || record.value === null) return undefined;
    try {
      return await decodeRecord(codec, record.value);
    } catch (error) {
      this.#options.onInvalid(record, error);
      return undefined;
    }
  }
}
