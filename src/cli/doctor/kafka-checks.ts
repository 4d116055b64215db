import { kafkaSettings } from '../../../actors/process/kafka-link.ts';
import { reportError } from '../../engine/errors.ts';
import { systemRandom } from '../../engine/seeded-random.ts';
import { systemClock } from '../../engine/system-clock.ts';
import { detectorShape } from '../../inference/load-detector.ts';
import type { TopicName } from '../../messages/schema-history.ts';
import { topicName } from '../../messages/topics.ts';
import { topicSpecs } from '../../messages/topic-specs.ts';
import { connectKafka } from '../../transports/kafka/connect-kafka.ts';
import { inspectBrokers } from '../../transports/kafka/inspect-brokers.ts';
import { countSubjects } from '../../transports/schema-registry.ts';
import type { Config } from '../../utility-ops/config/schema.ts';
import { createLogger } from '../../utility-ops/log.ts';
import type { Finding } from './finding.ts';
import { brokerFindings, clockFindings, weightFindings } from './kafka-findings.ts';
import { measureTraffic, type Traffic } from './kafka-traffic.ts';

const REGISTRY_LIMIT_MS = 5_000;

/** What is found out is told as findings. */
const SILENT = createLogger({ level: 'silent', format: 'json', isTerminal: false, scrub: text => text });

/** Looks at the cluster that the settings name: brokers, topics, rights, clocks, registry, and what split vision costs. Nothing is made or written. */
export async function kafkaChecks(config: Config): Promise<readonly Finding[]> {
  if (config.kafka.brokers.length === 0) return [];
  const shape = await detectorShape(config.modelOps).catch(() => undefined); // the model has a finding of its own
  const found: Finding[] = [];
  let traffic: { readonly chunks?: Traffic | undefined; readonly features?: Traffic | undefined } = {};
  try {
    const inspection = await inspectBrokers(kafkaSettings(config.kafka, 'doctor'), topicSpecs(config.kafka), `${config.kafka.topicPrefix}.doctor`, { clock: systemClock, random: systemRandom, log: SILENT });
    found.push(...brokerFindings(inspection, config, shape));
    traffic = await trafficOf(config, new Set(inspection.topics.map(({ name }) => name)));
    if (traffic.chunks) found.push(...clockFindings(traffic.chunks, systemClock.now() / 1000));
  } catch (error) {
    const { code, message } = reportError(error);
    found.push({ level: 'fail', topic: 'kafka', says: `${code}: ${message}` });
  }
  if (shape) found.push(...weightFindings(config, shape, traffic));
  return [...found, ...await registry(config)];
}

async function trafficOf(config: Config, topics: ReadonlySet<string>): Promise<{ readonly chunks?: Traffic | undefined; readonly features?: Traffic | undefined }> {
  const node = connectKafka(kafkaSettings(config.kafka, 'doctor'), { clock: systemClock, random: systemRandom, log: SILENT });
  const measure = async (name: TopicName): Promise<Traffic | undefined> => {
    const topic = topicName(config.kafka.topicPrefix, name);
    return topics.has(topic) ? measureTraffic(node, topic, systemClock) : undefined;
  };
  try {
    return { chunks: await measure('chunks'), features: config.vision.isSplit ? await measure('features') : undefined };
  } finally {
    await node.close();
  }
}

async function registry({ kafka }: Config): Promise<readonly Finding[]> {
  if (kafka.schemaRegistryUrl === '') return [];
  try {
    const count = await countSubjects({ url: kafka.schemaRegistryUrl, prefix: kafka.topicPrefix, clock: systemClock, signal: new AbortController().signal, timeoutMs: REGISTRY_LIMIT_MS, tries: 1 });
    return [{ level: 'ok', topic: 'registry', says: `answers; ${count} subjects` }];
  } catch (error) {
    const { code, message } = reportError(error);
    return [{ level: 'fail', topic: 'registry', says: `${code}: ${message}` }];
  }
}
