import { hostname } from 'node:os';
import type { ConnectionOptions } from 'node:tls';
import { PlatformError } from '../../engine/errors.ts';
import type { GroupMember, Isolation, KafkaNode, KafkaOutOptions, KafkaProducer, KafkaState, MemberOptions, PartitionReader, RecordCodec, TopicSpec, TransactionalProducer } from '../kafka-types.ts';
import type { Compression } from './compression.ts';
import { HeartbeatMember } from './group-member.ts';
import { createInputPort, type InputOptions, type KafkaInPort } from './input-port.ts';
import { BrokerError, KafkaLink, type LinkSettings } from './kafkajs-internals.ts';
import { listOffsets } from './list-offsets.ts';
import { createOutputPort, type KafkaOutPort } from './output-port.ts';
import { FetchingReader } from './partition-reader.ts';
import { patiently, type KafkaDeps } from './patience.ts';
import { QueuedProducer } from './queued-producer.ts';
import { StateWatch } from './state-watch.ts';
import { ensureTopics } from './topics.ts';
import { openTransactions } from './transactions.ts';

/** Where Kafka is and how to log in there. */
export interface KafkaSettings {
  /** `host:port` each; some of the cluster are enough. */
  readonly brokers: readonly string[];
  /** Name of this process at the brokers. @default vto@HOST */
  readonly clientId?: string;
  /** Present: connections are encrypted. PEM texts. */
  readonly tls?: Pick<ConnectionOptions, 'ca' | 'cert' | 'key'>;
  readonly sasl?: { readonly mechanism: 'plain' | 'scram-sha-256' | 'scram-sha-512'; readonly username: string; readonly password: string };
  /** Of records whose topic is not among `uncompressed`. @default none */
  readonly compression?: Compression;
  /** Topics whose records are never compressed, such as encoded video. */
  readonly uncompressed?: readonly string[];
  /** A send or transaction that has no answer for so long rejects. Output ports never give up. @default 15000 */
  readonly giveUpMs?: number;
}

const CONNECT_TIMEOUT_MS = 5000;
/** More than a broker may take to have a record on all replicas (`PRODUCE_TIMEOUT_MS`). */
const REQUEST_TIMEOUT_MS = 15_000;

/** Connects this process to a Kafka cluster. Returns at once: everything waits by itself until the brokers are there. */
export function connectKafka(settings: KafkaSettings, deps: KafkaDeps): KafkaNode {
  return new Node(settings, deps);
}

class Node implements KafkaNode {
  readonly #settings: KafkaSettings;
  readonly #deps: KafkaDeps;
  readonly #ended = new AbortController();
  /** For questions; nothing on it waits for long. */
  readonly #shared: KafkaLink;
  readonly #watch: StateWatch;
  readonly #opened = new Set<{ close(): Promise<void> }>();

  constructor(settings: KafkaSettings, deps: KafkaDeps) {
    this.#settings = settings;
    this.#deps = deps;
    this.#shared = this.#newLink();
    this.#watch = new StateWatch(this.#shared, deps, settings.brokers.join(','));
  }

  get state(): KafkaState { return this.#watch.state; }

  onState(listener: (state: KafkaState) => void): () => void { return this.#watch.onState(listener); }

  output<Body>(topic: string, codec: RecordCodec<Body>, options: KafkaOutOptions): KafkaOutPort<Body> {
    const producer = new QueuedProducer(this.#newLink(), this.#deps, { compression: this.#compressionOf(topic), giveUpMs: Infinity });
    return this.#keep(createOutputPort(topic, codec, options, { send: groups => groups.map(records => producer.send(records)), stop: () => producer.close(), clock: this.#deps.clock }));
  }

  input<Body>(topic: string, codec: RecordCodec<Body>, options: InputOptions): KafkaInPort<Body> {
    return this.#keep(createInputPort(topic, codec, options, {
      join: member => this.join(member), reader: (name, how) => this.reader(name, how), committed: (group, name) => this.committed(group, name), clock: this.#deps.clock, log: this.#deps.log,
    }));
  }

  async producer(): Promise<KafkaProducer> {
    const producer = this.#keep(new QueuedProducer(this.#newLink(), this.#deps, { compression: this.#compressionOf(undefined), giveUpMs: this.#settings.giveUpMs ?? 15_000 }));
    await producer.connect();
    return producer;
  }

  async transactions(transactionalId: string, timeoutMs: number): Promise<TransactionalProducer> {
    const link = this.#newLink();
    try {
      return this.#keep(await openTransactions(link, this.#deps, { transactionalId, timeoutMs, compression: this.#compressionOf(undefined), signal: this.#ended.signal }));
    } catch (error) {
      link.close();
      throw error;
    }
  }

  reader(topic: string, options: { readonly isolation: Isolation; readonly maxBytes: number }): PartitionReader {
    return this.#keep(new FetchingReader(this.#newLink(), this.#deps, { topic, ...options }));
  }

  async join(options: MemberOptions): Promise<GroupMember> {
    const member = this.#keep(new HeartbeatMember({ own: this.#newLink(), shared: this.#shared }, this.#deps, options));
    await member.joined;
    return member;
  }

  async partitionCount(topic: string): Promise<number> {
    return (await this.#leaders(topic)).length;
  }

  async bounds(topic: string, isolation: Isolation = 'committed'): Promise<ReadonlyMap<number, { readonly begin: number; readonly end: number }>> {
    return this.#patiently(async () => {
      await this.#shared.refresh([topic]);
      const leaders = await this.#leaders(topic);
      const found = new Map<number, { begin: number; end: number }>();
      for (const [leader, ofLeader] of Map.groupBy(leaders.entries(), ([, each]) => each)) {
        const broker = await this.#shared.broker(leader);
        const partitions = ofLeader.map(([partition]) => partition);
        const [begins, ends] = await Promise.all((['earliest', 'latest'] as const).map(edge => listOffsets(broker, { topic, partitions, edge, isolation })));
        for (const partition of partitions) {
          const begin = begins?.get(partition);
          const end = ends?.get(partition);
          if (begin === undefined || end === undefined) throw new BrokerError(6, `broker ${leader} does not lead ${topic}/${partition}`);
          found.set(partition, { begin, end });
        }
      }
      return found;
    });
  }

  async committed(group: string, topic: string): Promise<ReadonlyMap<number, number>> {
    const partitions = (await this.#leaders(topic)).map((_, partition) => ({ partition }));
    return this.#patiently(async () => {
      try {
        const coordinator = await this.#shared.coordinator('group', group);
        const answer = await coordinator.ask('OffsetFetch', { groupId: group, topics: [{ topic, partitions }] }) as { errorCode: number; responses: readonly { partitions: readonly { partition: number; offset: string; errorCode: number }[] }[] };
        const found = answer.responses.flatMap(each => each.partitions);
        const errorCode = answer.errorCode === 0 ? found.find(each => each.errorCode !== 0)?.errorCode : answer.errorCode;
        if (errorCode !== undefined) throw new BrokerError(errorCode, `offsets of group '${group}'`);
        return new Map(found.map(({ partition, offset }) => [partition, Number(offset)] as const).filter(([, offset]) => offset >= 0));
      } catch (error) {
        this.#shared.forgetCoordinator('group', group);
        throw error;
      }
    });
  }

  async ensureTopics(specs: readonly TopicSpec[]): Promise<void> {
    await ensureTopics(this.#shared, this.#deps, { specs, broker: this.#settings.brokers[0] ?? '', signal: this.#ended.signal });
  }

  async close(): Promise<void> {
    if (this.#ended.signal.aborted) return;
    this.#ended.abort(new PlatformError('PORT_CLOSED', 'the connection to Kafka is closed'));
    for (const opened of [...this.#opened].toReversed()) await opened.close();
    await this.#watch.close();
    this.#shared.close();
  }

  #newLink(): KafkaLink {
    this.#ended.signal.throwIfAborted();
    const { brokers, clientId, tls, sasl } = this.#settings;
    const settings: LinkSettings = { brokers, clientId: clientId ?? `vto@${hostname()}`, ...(tls === undefined ? {} : { tls }), ...(sasl === undefined ? {} : { sasl }), connectTimeoutMs: CONNECT_TIMEOUT_MS, requestTimeoutMs: REQUEST_TIMEOUT_MS };
    return new KafkaLink(settings);
  }

  #compressionOf(topic: string | undefined): Compression {
    return topic !== undefined && this.#settings.uncompressed?.includes(topic) === true ? 'none' : this.#settings.compression ?? 'none';
  }

  /** Keeps what was opened until it is closed, by its owner or with this node. */
  #keep<Opened extends { close(): Promise<void> }>(opened: Opened): Opened {
    const close = opened.close.bind(opened);
    opened.close = async () => { this.#opened.delete(opened); await close(); };
    this.#opened.add(opened);
    return opened;
  }

  async #leaders(topic: string): Promise<readonly number[]> {
    return this.#patiently(async () => {
      if (this.#shared.leaders(topic) === undefined) await this.#shared.refresh([topic]);
      const leaders = this.#shared.leaders(topic);
      if (leaders === undefined) throw new BrokerError(this.#shared.topicError(topic) ?? 3, `topic '${topic}' is not known`);
      return leaders;
    });
  }

  async #patiently<Value>(act: () => Promise<Value>): Promise<Value> {
    return patiently(act, this.#deps, { signal: this.#ended.signal, onFailure: () => this.#watch.look() });
  }
}
