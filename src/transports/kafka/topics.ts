import { PlatformError } from '../../engine/errors.ts';
import type { TopicSpec } from '../kafka-types.ts';
import { BrokerError, type KafkaLink } from './kafkajs-internals.ts';
import { patiently, type KafkaDeps } from './patience.ts';

// https://kafka.apache.org/protocol#protocol_error_codes
const EXISTS = 36;
/** Not allowed, or not in this form: a person must make the topic. */
const REFUSED = new Set([17, 29, 31, 37, 38, 40, 44]);
const UNKNOWN_TOPIC = 3;
const MAKE_TIMEOUT_MS = 10_000;

interface MadeTopic { readonly topic: string; readonly errorCode: number; readonly errorMessage?: string | null }

/** The command that makes a topic, for who may. */
export function createCommand({ topic, partitions, replication, config }: TopicSpec, broker: string): string {
  const settings = Object.entries(config).map(([name, value]) => ` --config ${name}=${value}`).join('');
  return `kafka-topics.sh --bootstrap-server ${broker} --create --topic ${topic} --partitions ${partitions}${replication > 0 ? ` --replication-factor ${replication}` : ''}${settings}`;
}

/**
 * Makes topics that are missing, and waits until every partition has a leader: others may make them at the same time.
 * @throws PlatformError KAFKA_REFUSED with the commands that make them, TOPIC_UNFIT when one has another number of partitions
 */
export async function ensureTopics(link: KafkaLink, deps: KafkaDeps, { specs, broker, signal }: { readonly specs: readonly TopicSpec[]; readonly broker: string; readonly signal: AbortSignal }): Promise<void> {
  await patiently(async () => {
    await link.refresh(specs.map(({ topic }) => topic));
    const missing = specs.filter(({ topic }) => link.topicError(topic) === UNKNOWN_TOPIC);
    if (missing.length > 0) await make(link, missing, broker);
    const hidden = specs.filter(({ topic }) => link.topicError(topic) === 29);
    if (hidden.length > 0) throw refusal(hidden, broker, 'not allowed to see');
    for (const { topic, partitions } of specs) {
      const leaders = link.leaders(topic);
      if (leaders === undefined) throw new BrokerError(link.topicError(topic) ?? UNKNOWN_TOPIC, `topic '${topic}' is not ready`);
      if (leaders.length !== partitions) throw new PlatformError('TOPIC_UNFIT', `topic '${topic}' has ${leaders.length} partitions instead of ${partitions}`, { topic, found: leaders.length, wanted: partitions });
      if (leaders.some(leader => leader < 0)) throw new BrokerError(5, `a partition of '${topic}' has no leader`);
    }
  }, deps, { signal });
}

async function make(link: KafkaLink, missing: readonly TopicSpec[], address: string): Promise<void> {
  const broker = await link.broker(link.metadata?.controllerId ?? -1).catch(() => link.anyBroker());
  const answer = await broker.ask('CreateTopics', {
    topics: missing.map(({ topic, partitions, replication, config }) => ({ topic, numPartitions: partitions, replicationFactor: replication, configEntries: Object.entries(config).map(([name, value]) => ({ name, value })) })),
    validateOnly: false, timeout: MAKE_TIMEOUT_MS,
  }) as { topicErrors: readonly MadeTopic[] };
  const refused = answer.topicErrors.filter(({ errorCode }) => REFUSED.has(errorCode));
  if (refused.length > 0) {
    throw refusal(missing.filter(({ topic }) => refused.some(each => each.topic === topic)), address, [...new Set(refused.map(({ errorCode, errorMessage }) => errorMessage ?? `Kafka error ${errorCode}`))].join('; '));
  }
  const failed = answer.topicErrors.find(({ errorCode }) => errorCode !== 0 && errorCode !== EXISTS);
  if (failed !== undefined) throw new BrokerError(failed.errorCode, `topic '${failed.topic}' was not made: ${failed.errorMessage ?? ''}`);
  await link.refresh([]);
}

function refusal(specs: readonly TopicSpec[], broker: string, reason: string): PlatformError {
  const names = specs.map(({ topic }) => `'${topic}'`).join(', ');
  return new PlatformError('KAFKA_REFUSED', `Kafka does not make the topics ${names}: ${reason}. Have them made:\n${specs.map(spec => createCommand(spec, broker)).join('\n')}`, { topics: specs.map(({ topic }) => topic).join(',') });
}
