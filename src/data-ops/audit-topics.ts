import type { Clock } from '../engine/clock.ts';
import { PlatformError, reportError } from '../engine/errors.ts';
import { topicName, type RecordCodecs } from '../messages/topics.ts';
import type { CameraPosition } from '../messages/position.ts';
import type { RecordCodec } from '../messages/record-codec.ts';
import type { TopicName } from '../messages/schema-history.ts';
import type { KafkaNode, KafkaRecord } from '../transports/kafka-types.ts';
import type { CreateHash } from './chunk-digest.ts';
import { ChunkProof } from './chunk-proof.ts';
import { decodeRecord } from './decode-record.ts';
import { readTopic } from './read-topic.ts';
import { TopicAudit, type Place, type TopicReport } from './topic-audit.ts';

/** What is audited, and with what. */
export interface AuditTopicsOptions {
  readonly node: Pick<KafkaNode, 'bounds' | 'reader' | 'committed'>;
  readonly codecs: Pick<RecordCodecs, 'chunks' | 'features' | 'detections' | 'positions'>;
  readonly prefix: string;
  /** Featurizers and detectors are apart: a frame may wait between them. */
  readonly isSplit: boolean;
  /** Of the content of a chunk. */
  readonly createHash: CreateHash;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/** The report, and what could not be judged. */
export interface TopicsReport extends TopicReport {
  /** Records that were read, of all topics. */
  readonly records: number;
  /** Chunks whose content has the hash that their last part gives: they are on Kafka as they were recorded. */
  readonly chunksProven: number;
  readonly notes: readonly string[];
}

/** Groups that read chunks, and features: names without the prefix of the installation. */
export const GROUPS = { detector: 'detector', featurizer: 'featurizer', detectorOnFeatures: 'detector-features' } as const;

/**
 * Reads the topics of a cluster from begin to end and compares them. The order of reading makes it hold while the cluster works: what a group
 * had committed before is looked for in what is read after, and a frame is looked for after its record.
 * @throws PlatformError KAFKA_UNAVAILABLE, KAFKA_REFUSED; the signal's reason
 */
export async function auditTopics(options: AuditTopicsOptions): Promise<TopicsReport> {
  const { node, codecs, prefix, isSplit, createHash } = options;
  const nameOf = (topic: TopicName): string => topicName(prefix, topic);
  const audit = new TopicAudit({ committed: await node.committed(`${prefix}.${isSplit ? GROUPS.featurizer : GROUPS.detector}`, nameOf('chunks')) });
  const pass = new Pass(options);
  const proof = new ChunkProof(createHash);
  const positions = new Map<string, { readonly place: Place; readonly position: CameraPosition }>();
  await pass.read({
    topic: nameOf('positions'), codec: codecs.positions,
    take: (position, { key, partition, offset }) => positions.set(key ?? '', { place: { partition, offset }, position }), onTombstone: ({ key }) => positions.delete(key ?? ''),
  });
  if (isSplit) {
    const from = await node.committed(`${prefix}.${GROUPS.detectorOnFeatures}`, nameOf('features'));
    await pass.read({ topic: nameOf('features'), codec: codecs.features, from, take: (feature, place) => audit.waiting(place, feature) });
  }
  await pass.read({
    topic: nameOf('detections'), codec: codecs.detections, take: (record, place) => audit.record(place, record),
    onUnreadable: (place, message) => audit.unreadable(nameOf('detections'), place, message),
  });
  await pass.read({
    topic: nameOf('chunks'), codec: codecs.chunks,
    take: (part, place) => {
      audit.chunk(place, part);
      const problem = proof.take(part);
      if (problem !== undefined) audit.altered(part, problem);
    },
  });
  const group = `${prefix}.${GROUPS.detector}`; // what other groups are done with has no record yet
  for (const { place, position } of positions.values()) if (position.group === group) audit.position(place, position);
  const trimmed = { chunks: await trimmedOf(node, nameOf('chunks')), records: await trimmedOf(node, nameOf('detections')) };
  return { ...audit.report(trimmed), records: pass.records, chunksProven: proof.proven, notes: pass.notes };
}

/** Partitions whose oldest records are gone. */
async function trimmedOf(node: Pick<KafkaNode, 'bounds'>, topic: string): Promise<ReadonlySet<number>> {
  return new Set([...await node.bounds(topic)].filter(([, { begin }]) => begin > 0).map(([partition]) => partition));
}

interface TopicReading<Body> {
  readonly topic: string;
  readonly codec: RecordCodec<Body>;
  readonly from?: ReadonlyMap<number, number>;
  readonly take: (body: Body, record: KafkaRecord) => void;
  readonly onTombstone?: (record: KafkaRecord) => void;
  readonly onUnreadable?: (record: KafkaRecord, message: string) => void;
}

/** Reads one topic after the other and keeps what there is to say about them. */
class Pass {
  readonly notes: string[] = [];
  records = 0;
  readonly #options: AuditTopicsOptions;

  constructor(options: AuditTopicsOptions) {
    this.#options = options;
  }

  async read<Body>({ topic, codec, from, take, onTombstone, onUnreadable }: TopicReading<Body>): Promise<void> {
    const { node, clock, signal } = this.#options;
    let unreadable = 0;
    const { records, unfinished } = await readTopic({
      node, clock, signal, topic, isolation: 'committed', ...(from === undefined ? {} : { from }),
      take: async record => {
        if (record.value === null) {
          onTombstone?.(record);
          return;
        }
        let body: Body;
        try {
          body = await decodeRecord(codec, record.value);
        } catch (error) {
          if (error instanceof PlatformError && error.code === 'REGISTRY_UNAVAILABLE') throw error;
          unreadable += 1;
          onUnreadable?.(record, reportError(error).message);
          return;
        }
        take(body, record);
      },
    });
    this.records += records;
    if (unreadable > 0) this.notes.push(`${topic}: ${unreadable} records cannot be read`);
    if (unfinished.length > 0) this.notes.push(`${topic}: an open transaction hides the end of partitions ${unfinished.join(', ')}`);
  }
}
