import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import type { Clock } from '../../src/engine/clock.ts';
import type { OutPort } from '../../src/engine/ports.ts';
import type { Random } from '../../src/engine/random.ts';
import { recordCodecs, topicName, type RecordCodecs } from '../../src/messages/topics.ts';
import type { TopicName } from '../../src/messages/schema-history.ts';
import type { KafkaNode } from '../../src/transports/kafka-types.ts';
import { connectKafka, type KafkaSettings } from '../../src/transports/kafka/connect-kafka.ts';
import { openSchemaIds } from '../../src/transports/schema-registry.ts';
import type { Config } from '../../src/utility-ops/config/schema.ts';
import type { Logger } from '../../src/utility-ops/log.ts';

/** What a process of a node has of its cluster. */
export interface KafkaLink {
  readonly node: KafkaNode;
  /** Resolves when the schema ids are known: at once without a Schema Registry, else when it answers; rejects when the link closes. */
  readonly codecs: Promise<RecordCodecs>;
  topic(name: TopicName): string;
  close(): Promise<void>;
}

/** What opens a link. */
export interface KafkaLinkOptions {
  readonly kafka: Config['kafka'];
  /** Names the process in the brokers' logs. */
  readonly name: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

/** Joins a connection and the schemas of the settings. Waits for nobody: a node works without its cluster until that is there. */
export function openKafkaLink({ kafka, name, clock, random, log }: KafkaLinkOptions): KafkaLink {
  const node = connectNode({ kafka, name, clock, random, log });
  const closing = new AbortController();
  const codecs = openSchemaIds({ url: kafka.schemaRegistryUrl, prefix: kafka.topicPrefix, clock, signal: closing.signal, tries: Number.POSITIVE_INFINITY })
    .then(ids => recordCodecs(ids, kafka.topicPrefix));
  codecs.catch(() => { /* told to whoever awaits it */ });
  return {
    node, codecs, topic: name => topicName(kafka.topicPrefix, name),
    async close() {
      closing.abort(new Error('the link to Kafka is closed'));
      await node.close();
    },
  };
}

/** An output that is being made: pushes wait for it. */
export function lateOutput<Body>(made: Promise<OutPort<Body>>): OutPort<Body> {
  return {
    push: async (items, signal) => (await made).push(items, signal),
    room: async signal => (await made).room(signal),
  };
}

function connectNode({ kafka, name, clock, random, log }: KafkaLinkOptions): KafkaNode {
  return connectKafka(kafkaSettings(kafka, name), { clock, random, log });
}

/** How to connect, as the settings say. `name` is that of the process in the brokers' logs. @throws Error when a PEM file cannot be read */
export function kafkaSettings(kafka: Config['kafka'], name: string): KafkaSettings {
  const pem = (file: string, key: string): object => (file === '' ? {} : { [key]: readFileSync(file) });
  return {
    brokers: kafka.brokers, clientId: `${kafka.topicPrefix}-${name}@${hostname()}`, compression: kafka.compression, uncompressed: [topicName(kafka.topicPrefix, 'chunks')],
    ...(kafka.isTlsEnabled ? { tls: { ...pem(kafka.tlsCaFile, 'ca'), ...pem(kafka.tlsCertFile, 'cert'), ...pem(kafka.tlsKeyFile, 'key') } } : {}),
    ...(kafka.saslUsername === '' ? {} : { sasl: { mechanism: kafka.saslMechanism, username: kafka.saslUsername, password: kafka.saslPassword } }),
  };
}
