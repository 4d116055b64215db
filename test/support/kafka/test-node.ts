import { randomBytes } from 'node:crypto';
import { seededRandom } from '../../../src/engine/seeded-random.ts';
import { systemClock } from '../../../src/engine/system-clock.ts';
import { connectKafka, type KafkaSettings } from '../../../src/transports/kafka/connect-kafka.ts';
import type { KafkaNode, TopicSpec } from '../../../src/transports/kafka-types.ts';

/** A connection for tests, and what it reported. */
export interface TestNode { readonly node: KafkaNode; readonly lines: string[] }

/** Connects to a test broker. */
export function testNode(brokers: readonly string[], settings: Partial<KafkaSettings> = {}): TestNode {
  const lines: string[] = [];
  const say = (facts: Readonly<Record<string, unknown>>, message: string): void => { lines.push(`${message} ${JSON.stringify(facts)}`); };
  return { node: connectKafka({ brokers, ...settings }, { clock: systemClock, random: seededRandom(1), log: { info: say, warn: say } }), lines };
}

/** A topic name nobody else has. */
export function freshTopic(purpose: string): string {
  return `transport-${purpose}-${randomBytes(4).toString('hex')}`;
}

/** A topic with room for records of 4 MB. */
export function topicSpec(topic: string, partitions = 1, replication = -1): TopicSpec {
  return { topic, partitions, replication, config: { 'max.message.bytes': '4194304' } };
}
