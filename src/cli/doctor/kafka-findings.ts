import { featureBytesPerSecond, pictureBytes, TYPICAL_CHUNK_BYTES_PER_SECOND } from '../../feature-ops/feature-weight.ts';
import type { FrameShape } from '../../messages/model-frame.ts';
import type { BrokerInspection, InspectedTopic } from '../../transports/kafka/inspect-brokers.ts';
import type { Config } from '../../utility-ops/config/schema.ts';
import { formatRate, type Finding } from './finding.ts';
import type { Traffic } from './kafka-traffic.ts';

/** Room that a record needs besides its payload. */
const HEAD_BYTES = 64 * 1024;

/** Clocks of nodes that differ by more make lag and rewinds wrong. */
const SKEW_MAX_MS = 1_000;

/** What the brokers say, against what the settings want of them. `shape`: the picture that the model wants, where that is known. */
export function brokerFindings(inspection: BrokerInspection, { kafka, vision }: Pick<Config, 'kafka' | 'vision'>, shape?: FrameShape): readonly Finding[] {
  const { brokers, topics, missing, refused, apis } = inspection;
  const needs = new Map([[`${kafka.topicPrefix}.chunks`, kafka.maxPartBytes + HEAD_BYTES]]);
  if (vision.isSplit && shape) needs.set(`${kafka.topicPrefix}.features`, pictureBytes(shape) + HEAD_BYTES);
  return [
    { level: 'ok', topic: 'kafka', says: `${brokers.length} ${brokers.length === 1 ? 'broker' : 'brokers'}: ${brokers.map(({ address }) => address).join(', ')}; ${apis}` },
    ...brokers.filter(({ trouble }) => trouble !== '').map(({ address, trouble }): Finding => (
      { level: 'fail', topic: 'kafka', says: `broker ${address}, as the cluster names it, is not reached from here: ${trouble}; check its advertised.listeners` })),
    ...topics.map(topic => topicFinding(topic, kafka.partitions, needs.get(topic.name))),
    ...(missing.length > 0 && refused.length === 0 ? [{ level: 'note', topic: 'topics', says: `made at the first start: ${missing.join(', ')}` } as const] : []),
    ...refused.map((what): Finding => ({ level: 'fail', topic: 'kafka acl', says: what })),
    ...(refused.length === 0 ? [{ level: 'ok', topic: 'kafka acl', says: 'topics may be made, transactions begun' } as const] : []),
  ];
}

function topicFinding({ name, partitions, replicas, maxMessageBytes, cleanupPolicy }: InspectedTopic, wanted: number, needs = 0): Finding {
  const wrong: string[] = [];
  if (partitions !== wanted) wrong.push(`kafka.partitions is ${wanted}`);
  if (maxMessageBytes !== undefined && maxMessageBytes < needs) wrong.push(`max.message.bytes must be at least ${needs}`);
  const settings = maxMessageBytes === undefined ? 'its settings may not be read' : `max.message.bytes ${maxMessageBytes}, cleanup ${cleanupPolicy ?? 'unknown'}`;
  return { level: wrong.length > 0 ? 'fail' : 'ok', topic: 'topic', says: [`${name}: ${partitions} partitions, ${replicas} ${replicas === 1 ? 'copy' : 'copies'}, ${settings}`, ...wrong].join('; ') };
}

/** Whether nodes agree on the time, told from the newest records. */
export function clockFindings({ newestAtMs }: Traffic, nowMs: number): readonly Finding[] {
  if (newestAtMs === undefined || newestAtMs - nowMs <= SKEW_MAX_MS) return [];
  return [{ level: 'warn', topic: 'clock', says: `a record was written ${((newestAtMs - nowMs) / 1000).toFixed(1)} s in this machine's future: set the clocks of all nodes by NTP` }];
}

/** What split vision costs: features against the encoded video they are made of. */
export function weightFindings(config: Pick<Config, 'vision' | 'ingress'>, shape: FrameShape, traffic: { readonly chunks?: Traffic | undefined; readonly features?: Traffic | undefined }): readonly Finding[] {
  if (!config.vision.isSplit) return [];
  const fps = Math.min(config.ingress.maxFps || Number.POSITIVE_INFINITY, config.vision.splitMaxFps);
  const measured = { chunks: traffic.chunks?.bytesPerSecond, features: traffic.features?.bytesPerSecond };
  const features = measured.features ?? featureBytesPerSecond(shape, fps);
  const chunks = measured.chunks ?? TYPICAL_CHUNK_BYTES_PER_SECOND;
  const basis = (name: 'chunks' | 'features'): string => (measured[name] === undefined ? 'as a rule' : `measured on ${traffic[name]?.cameras} cameras`);
  const says = `a camera's features take ${formatRate(features)} (${shape.width}x${shape.height} at ${fps} fps, ${basis('features')}; raw ${formatRate(pictureBytes(shape) * fps)}), its chunks ${formatRate(chunks)} (${basis('chunks')})`;
  if (features <= chunks) return [{ level: 'ok', topic: 'split', says }];
  return [{ level: 'warn', topic: 'split', says: `features outweigh chunks ${(features / chunks).toFixed(1)} times: ${says}; lower vision.splitMaxFps, or detect fused (vision.isSplit = false)` }];
}
