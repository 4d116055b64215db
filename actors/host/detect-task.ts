import { PartitionProgress } from '../../src/data-ops/progress/partition-progress.ts';
import type { InPort } from '../../src/engine/ports.ts';
import { isClosedGopStart } from '../../src/media/nal.ts';
import type { ChunkPart } from '../../src/messages/chunk-part.ts';
import type { FeatureTensor } from '../../src/messages/feature-tensor.ts';
import type { TerminalRecord } from '../../src/messages/terminal-record.ts';
import type { KafkaRecord, RecordCodec } from '../../src/transports/kafka-types.ts';
import type { FeatureShelf } from './feature-shelf.ts';
import type { ChildLink, HostTask } from './host-task.ts';

/** What fused vision works with. */
export interface DetectTaskOptions {
  readonly group: string;
  readonly chunks: { readonly topic: string; readonly codec: RecordCodec<ChunkPart> };
  readonly detections: { readonly topic: string; readonly codec: RecordCodec<TerminalRecord> };
  readonly maxRewindMs: number;
  readonly children: readonly ChildLink<ChunkPart>[];
  readonly endings: readonly InPort<TerminalRecord>[];
  /** Features that vision processes bring besides, and their topic. @default they bring none */
  readonly features?: { readonly topic: string; readonly codec: RecordCodec<FeatureTensor>; readonly shelf: FeatureShelf };
}

const FETCH_BYTES = 16 << 20;

/** Encoded video in, detections out: featurizer and detector in one vision process. */
export function detectTask(options: DetectTaskOptions): HostTask<ChunkPart, TerminalRecord> {
  const { group, chunks, detections, maxRewindMs, children, endings, features } = options;
  return {
    group, topic: chunks.topic, isolation: 'uncommitted', fetchBytes: FETCH_BYTES, children, endings,
    decode: record => chunks.codec.decode(valueOf(record)),
    learn: async record => await chunks.codec.learn?.(valueOf(record)) ?? false,
    createProgress: () => new PartitionProgress<ChunkPart, TerminalRecord>({ group, maxRewindMs, isClosedStart }),
    encode: (record, partition) => ({
      topic: detections.topic, partition, key: record.camera, value: detections.codec.encode(record), headers: detections.codec.headers(record, record.camera),
    }),
    ...features && {
      beside: (record, partition) => (record.kind === 'dropped' ? [] : features.shelf.take(record).map(tensor => (
        { topic: features.topic, partition, key: tensor.camera, value: features.codec.encode(tensor), headers: features.codec.headers(tensor, tensor.camera) }
      ))),
    },
  };
}

/** The value of a record; one without a value holds nothing that could be decoded. */
export function valueOf({ value }: KafkaRecord): Buffer {
  return value ?? Buffer.alloc(0);
}

/** A chunk tells of its first unit; key frames within it are looked at. */
export function isClosedStart(part: ChunkPart, index: number): boolean {
  const unit = part.units[index];
  if (!unit) return false;
  return part.partSeq === 0 && index === 0 ? !part.isOpenGop : isClosedGopStart(part.parameters, unit);
}
