import { PlatformError } from '../engine/errors.ts';
import { systemRandom } from '../engine/seeded-random.ts';
import { systemClock } from '../engine/system-clock.ts';
import { withTimeout } from '../engine/timers.ts';
import type { TopicName } from '../messages/schema-history.ts';
import { topicName, type RecordCodecs } from '../messages/topics.ts';
import type { KafkaNode } from '../transports/kafka-types.ts';
import type { Config } from '../utility-ops/config/schema.ts';
import { openKafkaLink } from '../../actors/process/kafka-link.ts';

/** A cluster as a command sees it. */
export interface Cluster {
  readonly node: KafkaNode;
  readonly codecs: RecordCodecs;
  close(): Promise<void>;
}

const REACH_MS = 10_000;

/**
 * Connects a command to the brokers of the settings and makes sure that the topics are there: a command fails where a node would wait.
 * @throws PlatformError CONFIG_INVALID without brokers or topics, KAFKA_UNAVAILABLE, KAFKA_REFUSED, REGISTRY_UNAVAILABLE
 */
export async function openCluster({ kafka }: Pick<Config, 'kafka'>, topics: readonly TopicName[]): Promise<Cluster> {
  const address = kafka.brokers.join(', ');
  if (address === '') throw new PlatformError('CONFIG_INVALID', 'name a Kafka broker with --kafka or kafka.brokers', { path: 'kafka.brokers' });
  const quiet = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {}, child: () => quiet };
  const link = openKafkaLink({ kafka, name: 'cli', clock: systemClock, random: systemRandom, log: quiet });
  const within = <Value>(promise: Promise<Value>, error: () => PlatformError): Promise<Value> => withTimeout(promise, REACH_MS, systemClock, error());
  try {
    await within(untilUp(link.node), () => new PlatformError('KAFKA_UNAVAILABLE', `no broker at ${address} answered within ${REACH_MS / 1000} s`));
    for (const topic of topics) {
      const name = topicName(kafka.topicPrefix, topic);
      await within(link.node.bounds(name), () => new PlatformError('CONFIG_INVALID', `there is no topic '${name}' at ${address}: no vto of this kafka.topicPrefix has run there`, { path: 'kafka.topicPrefix' }));
    }
    const codecs = await within(link.codecs, () => new PlatformError('REGISTRY_UNAVAILABLE', `the Schema Registry at ${kafka.schemaRegistryUrl} did not answer within ${REACH_MS / 1000} s`));
    return { node: link.node, codecs, close: () => link.close() };
  } catch (error) {
    await link.close();
    throw error;
  }
}

async function untilUp(node: KafkaNode): Promise<void> {
  await new Promise<void>(resolve => {
    const unsubscribe = node.onState(({ state }) => {
      if (state !== 'up') return;
      unsubscribe();
      resolve();
    });
    if (node.state.state === 'up') resolve();
  });
}
