import type { Isolation } from '../kafka-types.ts';
import type { RawRequest } from './kafkajs-internals.ts';
import type { AbortedTransaction } from './read-batches.ts';
import { stringSize, WireReader, WireWriter } from './wire.ts';

/** What to fetch of one topic. */
export interface FetchOrder {
  readonly topic: string;
  /** The first partitions are served first. */
  readonly partitions: readonly { readonly partition: number; readonly offset: number }[];
  readonly isolation: Isolation;
  readonly maxBytes: number;
  readonly maxWaitMs: number;
}

/** What came of a partition. */
export interface FetchedPartition {
  readonly partition: number;
  readonly errorCode: number;
  readonly highWatermark: number;
  readonly lastStableOffset: number;
  readonly aborted: readonly AbortedTransaction[];
  readonly bytes: Buffer;
}

const VERSION = 11; // in every broker from 2.3 to 4.x

/** Fetch Request (Version: 11), https://kafka.apache.org/protocol#The_Messages_Fetch, without a fetch session. */
export function fetchRequest({ topic, partitions, isolation, maxBytes, maxWaitMs }: FetchOrder): RawRequest {
  const writer = new WireWriter(25 + 4 + stringSize(topic) + 4 + partitions.length * 28 + 4 + 2)
    .int32(-1).int32(maxWaitMs).int32(1).int32(maxBytes).int8(isolation === 'committed' ? 1 : 0).int32(0).int32(-1)
    .int32(1).string(topic).int32(partitions.length);
  for (const { partition, offset } of partitions) writer.int32(partition).int32(-1).int64(offset).int64(-1).int32(maxBytes);
  return { apiName: 'Fetch', apiVersion: VERSION, parts: [writer.int32(0).string('').bytes] };
}

/** Fetch Response (Version: 11): its error code, and what came of each partition, as views. */
export function fetchedPartitions(payload: Buffer): { readonly errorCode: number; readonly partitions: readonly FetchedPartition[] } {
  const reader = new WireReader(payload);
  reader.int32();
  const errorCode = reader.int16();
  reader.int32();
  const partitions = reader.array(() => {
    reader.string();
    return reader.array(() => fetchedPartition(reader));
  }).flat();
  return { errorCode, partitions };
}

function fetchedPartition(reader: WireReader): FetchedPartition {
  const partition = reader.int32();
  const errorCode = reader.int16();
  const highWatermark = reader.int64();
  const lastStableOffset = reader.int64();
  reader.int64();
  const aborted = reader.array(() => {
    const producerId = reader.bytes.readBigInt64BE(reader.position);
    reader.position += 8;
    return { producerId, firstOffset: reader.int64() };
  });
  reader.int32();
  const bytes = reader.view(Math.max(0, reader.int32()));
  return { partition, errorCode, highWatermark, lastStableOffset, aborted, bytes };
}
