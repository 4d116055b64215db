import { readFileSync } from 'node:fs';
import type { Clock } from '../../src/engine/clock.ts';
import { PlatformError } from '../../src/engine/errors.ts';
import type { Random } from '../../src/engine/random.ts';
import { topicSpecs } from '../../src/messages/topic-specs.ts';
import { recordCodecs, topicName, type RecordCodecs } from '../../src/messages/topics.ts';
import { connectKafka, type KafkaSettings } from '../../src/transports/kafka/connect-kafka.ts';
import type { KafkaNode } from '../../src/transports/kafka-types.ts';
import { openSchemaIds } from '../../src/transports/schema-registry.ts';
import type { Config } from '../../src/utility-ops/config/schema.ts';
import type { Logger } from '../../src/utility-ops/log.ts';

/** What a process that uses Kafka brings along. */
export interface KafkaContext {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Pick<Logger, 'info' | 'warn'>;
  readonly signal: AbortSignal;
}

/** A process's link to the cluster. */
export interface KafkaAccess {
  readonly kafka: KafkaNode;
  readonly codecs: RecordCodecs;
}

/**
 * Connects this process to the brokers of the settings. Brokers that are away are waited for by whoever uses the link; a schema registry that is
 * named is waited for here.
 * @throws PlatformError CONFIG_INVALID for certificates that cannot be read, REGISTRY_REFUSED
 */
export async function openKafka(settings: Config['kafka'], ctx: KafkaContext): Promise<KafkaAccess> {
  const kafka = connectKafka(connectionOf(settings), { clock: ctx.clock, random: ctx.random, log: ctx.log });
  const ids = await openSchemaIds({ url: settings.schemaRegistryUrl, prefix: settings.topicPrefix, clock: ctx.clock, signal: ctx.signal, tries: Number.POSITIVE_INFINITY });
  return { kafka, codecs: recordCodecs(ids, settings.topicPrefix) };
}

/** Makes the topics that are missing, as soon as the brokers are there. @throws PlatformError KAFKA_REFUSED, TOPIC_UNFIT */
export async function makeTopics(kafka: KafkaNode, settings: Config['kafka']): Promise<void> {
  await kafka.ensureTopics(topicSpecs(settings));
}

function connectionOf(settings: Config['kafka']): KafkaSettings {
  const { brokers, isTlsEnabled, saslUsername, saslPassword, saslMechanism, compression, topicPrefix } = settings;
  return {
    brokers, compression, uncompressed: [topicName(topicPrefix, 'chunks'), topicName(topicPrefix, 'features')],
    ...(isTlsEnabled ? { tls: certificatesOf(settings) } : {}),
    ...(saslUsername === '' ? {} : { sasl: { mechanism: saslMechanism, username: saslUsername, password: saslPassword } }),
  };
}

function certificatesOf({ tlsCaFile, tlsCertFile, tlsKeyFile }: Config['kafka']): NonNullable<KafkaSettings['tls']> {
  return {
    ...(tlsCaFile === '' ? {} : { ca: pem('kafka.tlsCaFile', tlsCaFile) }),
    ...(tlsCertFile === '' ? {} : { cert: pem('kafka.tlsCertFile', tlsCertFile) }),
    ...(tlsKeyFile === '' ? {} : { key: pem('kafka.tlsKeyFile', tlsKeyFile) }),
  };
}

function pem(key: string, file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    throw new PlatformError('CONFIG_INVALID', `${key}: ${file} cannot be read: ${(cause as Error).message}`, { path: key }, cause);
  }
}
