import { PartitionProgress } from '../../src/data-ops/progress/partition-progress.ts';
import type { InPort } from '../../src/engine/ports.ts';
import type { ChunkPart } from '../../src/messages/chunk-part.ts';
import type { FeatureTensor } from '../../src/messages/feature-tensor.ts';
import type { DroppedRecord } from '../../src/messages/terminal-record.ts';
import type { RecordCodec } from '../../src/transports/kafka-types.ts';
import { isClosedStart, valueOf, type DetectTaskOptions } from './detect-task.ts';
import type { HostTask } from './host-task.ts';

/** What a featurizer node works with. */
export interface FeaturizeTaskOptions extends Omit<DetectTaskOptions, 'endings' | 'features'> {
  readonly features: { readonly topic: string; readonly codec: RecordCodec<FeatureTensor> };
  /** Features, and records of the frames that need no detection. */
  readonly endings: readonly InPort<FeatureTensor | DroppedRecord>[];
}

/** Pictures are large: so many wait for a transaction, not more. */
const WAITING_MAX = 512;

/** Encoded video in, features out: the first half of split vision. A frame that becomes a feature has its record once a detector wrote it. */
export function featurizeTask(options: FeaturizeTaskOptions): HostTask<ChunkPart, FeatureTensor | DroppedRecord> {
  const { group, chunks, features, detections, maxRewindMs, children, endings } = options;
  return {
    group, topic: chunks.topic, isolation: 'uncommitted', fetchBytes: 16 << 20, waitingMax: WAITING_MAX, children, endings,
    decode: record => chunks.codec.decode(valueOf(record)),
    learn: async record => await chunks.codec.learn?.(valueOf(record)) ?? false,
    createProgress: () => new PartitionProgress<ChunkPart, FeatureTensor | DroppedRecord>({ group, maxRewindMs, isClosedStart }),
    encode: (out, partition) => ('payload' in out
      ? { topic: features.topic, partition, key: out.camera, value: features.codec.encode(out), headers: features.codec.headers(out, out.camera) }
      : { topic: detections.topic, partition, key: out.camera, value: detections.codec.encode(out), headers: detections.codec.headers(out, out.camera) }),
  };
}
