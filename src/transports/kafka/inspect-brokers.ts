import { PlatformError } from '../../engine/errors.ts';
import type { TopicSpec } from '../kafka-types.ts';
import type { KafkaSettings } from './connect-kafka.ts';
import { BrokerError, KafkaLink, type Broker } from './kafkajs-internals.ts';
import { patiently, type KafkaDeps } from './patience.ts';

/** What a cluster says of itself, asked once. */
export interface BrokerInspection {
  /** As the cluster names them; `trouble` says why one cannot be reached under that name, empty when it can. */
  readonly brokers: readonly { readonly address: string; readonly trouble: string }[];
  /** What it speaks of the two requests that carry records, such as `Produce 3-13, Fetch 4-18`. */
  readonly apis: string;
  /** Topics that exist. */
  readonly topics: readonly InspectedTopic[];
  /** Names of the topics that do not. */
  readonly missing: readonly string[];
  /** What we may not do, as sentences. */
  readonly refused: readonly string[];
}

/** A topic as it is; what is undefined may not be read. */
export interface InspectedTopic {
  readonly name: string;
  readonly partitions: number;
  readonly replicas: number;
  readonly maxMessageBytes: number | undefined;
  readonly cleanupPolicy: string | undefined;
}

/** How long a broker gets to answer. */
const LIMIT_MS = 5_000;
const TRANSACTIONS_MS = 10_000;
const UNKNOWN_TOPIC = 3;
const TOPIC_REFUSED = 29;
const TOPIC = 2; // resource type of DescribeConfigs
const [PRODUCE, FETCH] = [0, 1]; // API keys

interface Metadata {
  readonly topicMetadata: readonly { readonly topic: string; readonly topicErrorCode: number; readonly partitionMetadata: readonly { readonly replicas: readonly number[] }[] }[];
}
interface Configs { readonly resources: readonly { readonly resourceName: string; readonly errorCode: number; readonly configEntries: readonly { readonly configName: string; readonly configValue: string }[] }[] }

/**
 * Asks a cluster for what `vto doctor` tells: nothing is written, no topic made. Connects to each broker under the address the cluster gives for it, which is
 * what every node of ours has to do.
 * @throws PlatformError KAFKA_UNAVAILABLE when none of the brokers in the settings answers, or refuses the login
 */
export async function inspectBrokers(settings: KafkaSettings, specs: readonly TopicSpec[], transactionalId: string, deps: KafkaDeps): Promise<BrokerInspection> {
  const link = new KafkaLink({ ...settings, clientId: settings.clientId ?? 'vto-doctor', connectTimeoutMs: LIMIT_MS, requestTimeoutMs: LIMIT_MS });
  try {
    await link.refresh([]);
    const any = await link.anyBroker();
    const found = await any.ask('Metadata', { topics: specs.map(({ topic }) => topic), allowAutoTopicCreation: false }) as Metadata;
    const topics = found.topicMetadata.filter(({ topicErrorCode }) => topicErrorCode !== UNKNOWN_TOPIC && topicErrorCode !== TOPIC_REFUSED);
    const missing = found.topicMetadata.filter(({ topicErrorCode }) => topicErrorCode === UNKNOWN_TOPIC).map(({ topic }) => topic);
    const hidden = found.topicMetadata.filter(({ topicErrorCode }) => topicErrorCode === TOPIC_REFUSED).map(({ topic }) => topic);
    const configs = await configsOf(any, topics.map(({ topic }) => topic));
    return {
      brokers: await Promise.all((link.metadata?.brokers ?? []).map(async ({ nodeId, host, port }) => ({ address: `${host}:${port}`, trouble: await troubleOf(link.broker(nodeId)) }))),
      apis: await apisOf(any),
      topics: topics.map(({ topic, partitionMetadata }) => ({
        name: topic, partitions: partitionMetadata.length, replicas: partitionMetadata[0]?.replicas.length ?? 0,
        maxMessageBytes: numberOf(configs.get(topic)?.get('max.message.bytes')), cleanupPolicy: configs.get(topic)?.get('cleanup.policy'),
      })),
      missing,
      refused: [
        ...(hidden.length > 0 ? [`topics may not be described: ${hidden.join(', ')}`] : []),
        ...await refusedTopics(link, any, specs.filter(({ topic }) => missing.includes(topic))),
        ...await refusedTransactions(link, transactionalId, deps),
      ],
    };
  } catch (error) {
    throw new PlatformError('KAFKA_UNAVAILABLE', `${settings.brokers.join(', ')}: ${textOf(error)}`, {}, error);
  } finally {
    link.close();
  }
}

async function troubleOf(reached: Promise<unknown>): Promise<string> {
  return reached.then(() => '', textOf);
}

async function apisOf(broker: Broker): Promise<string> {
  const { apiVersions } = await broker.ask('ApiVersions', {}) as { apiVersions: readonly { readonly apiKey: number; readonly minVersion: number; readonly maxVersion: number }[] };
  const range = (key: number): string => apiVersions.filter(({ apiKey }) => apiKey === key).map(({ minVersion, maxVersion }) => `${minVersion}-${maxVersion}`).join();
  return `Produce ${range(PRODUCE)}, Fetch ${range(FETCH)}`;
}

async function configsOf(broker: Broker, topics: readonly string[]): Promise<ReadonlyMap<string, ReadonlyMap<string, string>>> {
  if (topics.length === 0) return new Map();
  const resources = topics.map(name => ({ type: TOPIC, name, configNames: ['max.message.bytes', 'cleanup.policy'] }));
  const answer = await broker.ask('DescribeConfigs', { resources, includeSynonyms: false }) as Configs;
  return new Map(answer.resources.filter(({ errorCode }) => errorCode === 0).map(({ resourceName, configEntries }) => [resourceName, new Map(configEntries.map(({ configName, configValue }) => [configName, configValue]))]));
}

/** Has the topics that are missing checked, not made. */
async function refusedTopics(link: KafkaLink, any: Broker, missing: readonly TopicSpec[]): Promise<readonly string[]> {
  if (missing.length === 0) return [];
  const broker = await link.broker(link.metadata?.controllerId ?? -1).catch(() => any);
  const answer = await broker.ask('CreateTopics', {
    topics: missing.map(({ topic, partitions, replication, config }) => ({ topic, numPartitions: partitions, replicationFactor: replication, configEntries: Object.entries(config).map(([name, value]) => ({ name, value })) })),
    validateOnly: true, timeout: LIMIT_MS,
  }) as { topicErrors: readonly { readonly topic: string; readonly errorCode: number; readonly errorMessage?: string | null }[] };
  return answer.topicErrors.filter(({ errorCode }) => errorCode !== 0).map(({ topic, errorCode, errorMessage }) => `topic ${topic} could not be made: ${errorMessage ?? `Kafka error ${errorCode}`}`);
}

/** Registers a transactional id, as every detector does; it expires by itself. A cluster that never had a transaction makes their topic first. */
async function refusedTransactions(link: KafkaLink, transactionalId: string, deps: KafkaDeps): Promise<readonly string[]> {
  try {
    await patiently(async () => {
      const broker = await link.coordinator('transaction', transactionalId);
      const { errorCode } = await broker.ask('InitProducerId', { transactionalId, transactionTimeout: LIMIT_MS }) as { errorCode: number };
      if (errorCode === 0) return;
      link.forgetCoordinator('transaction', transactionalId);
      throw new BrokerError(errorCode, `transactional id '${transactionalId}'`);
    }, deps, { signal: new AbortController().signal, giveUpMs: TRANSACTIONS_MS });
    return [];
  } catch (error) {
    return [`transactions cannot be begun, as kafka.delivery = exactly-once needs: ${textOf(error)}`];
  }
}

function numberOf(text: string | undefined): number | undefined {
  return text === undefined || !/^\d+$/.test(text) ? undefined : Number(text);
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
