import type { MemberClaim } from './sticky-assignment.ts';
import { stringSize, WireReader, WireWriter } from './wire.ts';

// ConsumerProtocolSubscription and ConsumerProtocolAssignment (version 0), so that Kafka's own tools can show the group:
// https://github.com/apache/kafka/tree/trunk/clients/src/main/resources/common/message

/** Name of our way to share out partitions. Members of other ways cannot be in one group with ours. */
export const PROTOCOL_NAME = 'vto-sticky';

type Partitions = ReadonlyMap<string, readonly number[]>;

/** What a member says when it joins: the topics it wants and, in the user data, what it holds. */
export function encodeSubscription(topics: readonly string[], held: Omit<MemberClaim, 'id'>): Buffer {
  const claim = new WireWriter(4 + partitionsSize(held.partitions)).int32(held.generation);
  writePartitions(claim, held.partitions);
  const writer = new WireWriter(2 + 4 + topics.reduce((sum, topic) => sum + stringSize(topic), 0) + 4 + claim.bytes.length).int16(0).int32(topics.length);
  for (const topic of topics) writer.string(topic);
  return writer.int32(claim.bytes.length).raw(claim.bytes).bytes;
}

/** What a member said; one that says nothing readable holds nothing. */
export function decodeSubscription(id: string, bytes: Buffer): MemberClaim {
  try {
    const reader = new WireReader(bytes);
    reader.int16();
    reader.array(() => reader.string());
    if (reader.int32() <= 0) return { id, generation: -1, partitions: new Map() };
    return { id, generation: reader.int32(), partitions: readPartitions(reader) };
  } catch {
    return { id, generation: -1, partitions: new Map() };
  }
}

/** What the leader gives a member. */
export function encodeAssignment(partitions: Partitions): Buffer {
  const writer = new WireWriter(2 + partitionsSize(partitions) + 4).int16(0);
  writePartitions(writer, partitions);
  return writer.int32(0).bytes;
}

/** What a member was given; nothing where the leader had nothing for it. */
export function decodeAssignment(bytes: Buffer): Map<string, number[]> {
  const reader = new WireReader(bytes);
  if (reader.left < 6) return new Map();
  reader.int16();
  return readPartitions(reader);
}

function partitionsSize(partitions: Partitions): number {
  let size = 4;
  for (const [topic, numbers] of partitions) size += stringSize(topic) + 4 + 4 * numbers.length;
  return size;
}

function writePartitions(writer: WireWriter, partitions: Partitions): void {
  writer.int32(partitions.size);
  for (const [topic, numbers] of partitions) {
    writer.string(topic).int32(numbers.length);
    for (const number of numbers) writer.int32(number);
  }
}

function readPartitions(reader: WireReader): Map<string, number[]> {
  return new Map(reader.array(() => [reader.string(), reader.array(() => reader.int32())] as const));
}
