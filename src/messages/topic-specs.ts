import { topicName, TOPICS } from './topics.ts';
import type { TopicName } from './schema-history.ts';

/** The settings that topics are made by: those of `[kafka]`. */
export interface TopicSettings {
  readonly topicPrefix: string;
  readonly partitions: number;
  readonly replication: number;
  readonly chunksRetentionHours: number;
  readonly recordsRetentionHours: number;
  readonly maxPartBytes: number;
}

/** A topic as it is made: `config` holds Kafka's topic configuration. */
export interface MadeTopic { readonly topic: string; readonly partitions: number; readonly replication: number; readonly config: Readonly<Record<string, string>> }

const MIB = 1 << 20;
const HOUR_MS = 3_600_000;
/** Room for the fields, headers and batch around a payload. */
const ENVELOPE_BYTES = MIB;
/** A picture at model size as 32-bit floats: 1024 x 1024 x 3. */
const TENSOR_BYTES = 12 * MIB;
/** Segments end at least this often, so that what is old can go. */
const SEGMENTS_PER_RETENTION = 4;
/** A position is written with every commit, and read from the start by who takes a partition over: it is compacted within minutes. */
const POSITIONS_SEGMENT = { 'segment.ms': '60000', 'segment.bytes': String(4 * MIB), 'min.cleanable.dirty.ratio': '0.1', 'max.compaction.lag.ms': '60000' } as const;

/** Every topic as it is made. All have one number of partitions, so that a camera has the same partition in each. */
export function topicSpecs(settings: TopicSettings): readonly MadeTopic[] {
  const { topicPrefix, partitions, replication } = settings;
  return TOPICS.map(({ name, cleanup }) => ({
    topic: topicName(topicPrefix, name), partitions, replication,
    config: { 'cleanup.policy': cleanup, ...cleanup === 'compact' ? compaction(name) : retention(name, settings), ...sizes(name, settings) },
  }));
}

function retention(name: TopicName, { chunksRetentionHours, recordsRetentionHours }: TopicSettings): Record<string, string> {
  const retentionMs = Math.round((name === 'chunks' || name === 'features' ? chunksRetentionHours : recordsRetentionHours) * HOUR_MS);
  return { 'retention.ms': String(retentionMs), 'segment.ms': String(Math.ceil(retentionMs / SEGMENTS_PER_RETENTION)) };
}

function compaction(name: TopicName): Record<string, string> {
  return name === 'positions' ? POSITIONS_SEGMENT : {};
}

function sizes(name: TopicName, { maxPartBytes }: TopicSettings): Record<string, string> {
  const [part, tensor] = [maxPartBytes + ENVELOPE_BYTES, Math.max(maxPartBytes, TENSOR_BYTES) + ENVELOPE_BYTES];
  switch (name) {
    case 'chunks': return { 'max.message.bytes': String(part) };
    case 'features': return { 'max.message.bytes': String(tensor) };
    case 'dead-letters': return { 'max.message.bytes': String(tensor + ENVELOPE_BYTES) };
    case 'detections': case 'events': case 'cameras': case 'models': case 'positions': return {};
  }
}
