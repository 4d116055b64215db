import type { Clock } from '../engine/clock.ts';
import type { CameraId, EpochMicros } from '../engine/units.ts';
import type { ChunkPart } from '../messages/chunk-part.ts';
import type { RecordCodec } from '../messages/record-codec.ts';
import type { KafkaNode } from '../transports/kafka-types.ts';
import { decodeRecord } from './decode-record.ts';
import { readTopic } from './read-topic.ts';

/** Where to look for what other nodes received of a camera. */
export interface ElsewhereOptions {
  readonly node: Pick<KafkaNode, 'bounds' | 'reader'>;
  /** Name of the chunks topic. */
  readonly topic: string;
  readonly codec: Pick<RecordCodec<ChunkPart>, 'decode' | 'learn'>;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Partition of a camera among so many. */
  readonly partitionOf: (camera: CameraId, partitions: number) => number;
}

/** Records from the end that are read first, and at most: a camera that moves was sending until a moment ago. */
const TAILS = [128, 1024] as const;

/**
 * Event time of the last frame, in decode order, that lies on Kafka of sessions before `epoch`: where the gap before that session begins, if it
 * lies before its first frame. Undefined when there is none.
 * @throws PlatformError KAFKA_UNAVAILABLE, KAFKA_REFUSED; the signal's reason
 */
export async function lastElsewhere(options: ElsewhereOptions, camera: CameraId, epoch: number): Promise<EpochMicros | undefined> {
  const { node, topic, codec, clock, signal, partitionOf } = options;
  const bounds = await node.bounds(topic);
  const partition = partitionOf(camera, bounds.size);
  const { begin, end } = bounds.get(partition) ?? { begin: 0, end: 0 };
  for (const tail of TAILS) {
    let last: { readonly epoch: number; readonly frameSeq: number; readonly capturedAt: EpochMicros } | undefined;
    const from = new Map([...bounds].map(([index, { end: next }]) => [index, index === partition ? Math.max(begin, end - tail) : next]));
    await readTopic({
      node, topic, isolation: 'uncommitted', clock, signal, from,
      async take({ key, value }) {
        if (key !== camera || value === null) return;
        const part = await decodeRecord(codec, value).catch(() => undefined); // whoever consumes it reports what cannot be read
        const unit = part?.units.at(-1);
        if (!part || !unit || part.epoch >= epoch || (last && (part.epoch < last.epoch || (part.epoch === last.epoch && unit.frameSeq < last.frameSeq)))) return;
        last = { epoch: part.epoch, frameSeq: unit.frameSeq, capturedAt: unit.capturedAt };
      },
    });
    if (last || end - tail <= begin) return last?.capturedAt;
  }
  return undefined;
}
