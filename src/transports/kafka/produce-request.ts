import { stringSize, WireReader, WireWriter } from './wire.ts';
import type { RawRequest } from './kafkajs-internals.ts';

/** One record batch on its way to a partition. */
export interface PartitionBatch { readonly topic: string; readonly partition: number; readonly parts: readonly Buffer[] }

/** What became of a batch. */
export interface ProduceResult { readonly topic: string; readonly partition: number; readonly errorCode: number; readonly baseOffset: number }

const VERSION = 7; // in every broker from 2.1 to 4.x
const ALL_REPLICAS = -1;

/** Produce Request (Version: 7), https://kafka.apache.org/protocol#The_Messages_Produce. One batch a partition. */
export function produceRequest(batches: readonly PartitionBatch[], transactionalId: string | null, timeoutMs: number): RawRequest {
  const byTopic = Map.groupBy(batches, ({ topic }) => topic);
  const parts: Buffer[] = [new WireWriter(stringSize(transactionalId) + 10).string(transactionalId).int16(ALL_REPLICAS).int32(timeoutMs).int32(byTopic.size).bytes];
  for (const [topic, ofTopic] of byTopic) {
    parts.push(new WireWriter(stringSize(topic) + 4).string(topic).int32(ofTopic.length).bytes);
    for (const { partition, parts: batch } of ofTopic) {
      parts.push(new WireWriter(8).int32(partition).int32(batch.reduce((sum, part) => sum + part.length, 0)).bytes, ...batch);
    }
  }
  return { apiName: 'Produce', apiVersion: VERSION, parts };
}

/** Produce Response (Version: 7). */
export function produceResults(payload: Buffer): ProduceResult[] {
  const reader = new WireReader(payload);
  return reader.array(() => {
    const topic = reader.string();
    return reader.array(() => {
      const result = { topic, partition: reader.int32(), errorCode: reader.int16(), baseOffset: reader.int64() };
      reader.int64();
      reader.int64();
      return result;
    });
  }).flat();
}
