import type { InPort, OutPort } from '../engine/ports.ts';
import type { RecordCodec } from '../messages/record-codec.ts';
import type { PortBounds } from './ipc-types.ts';

/** How records are read: `committed` leaves out those of open and aborted transactions. */
export type Isolation = 'committed' | 'uncommitted';

/** A record as it lies in a partition. Offsets are below 2^53. */
export interface KafkaRecord {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  /** Milliseconds since the Unix epoch: when the producer sent it. */
  readonly timestampMs: number;
  /** UTF-8 text of the key; null when there is none. */
  readonly key: string | null;
  /** A view into the fetched bytes: copy what is kept. Null: a tombstone of a compacted topic. */
  readonly value: Buffer | null;
  /** Text of each header (CloudEvents attributes, traceparent). */
  readonly headers: Readonly<Record<string, string>>;
}

/** A record to be written. */
export interface OutRecord {
  readonly topic: string;
  /** Absent: chosen by the key (murmur2, as the Java client does). */
  readonly partition?: number;
  readonly key: string | null;
  readonly value: Buffer | null;
  readonly headers?: Readonly<Record<string, string>>;
  readonly timestampMs?: number;
}

/** Where a record went. */
export interface Written { readonly topic: string; readonly partition: number; readonly offset: number }

export type { RecordCodec };

/** Writes records durably: acknowledged by all in-sync replicas. */
export interface KafkaProducer {
  /** Resolves in the order of the records. Rejects with KAFKA_UNAVAILABLE (after the client's tries), KAFKA_REFUSED. Calls keep their order. */
  send(records: readonly OutRecord[]): Promise<readonly Written[]>;
  close(): Promise<void>;
}

/** An offset that a transaction commits for a consumer group. `offset` is the next one to read. */
export interface GroupOffset { readonly group: string; readonly topic: string; readonly partition: number; readonly offset: number }

/** A producer with a transactional id: making one fences every older one of the same id. */
export interface TransactionalProducer {
  /**
   * Writes records and offsets, all or nothing. One call at a time.
   * @throws PlatformError KAFKA_FENCED when a newer producer of this id exists: nothing was committed, and nothing ever will be by this one;
   * KAFKA_UNAVAILABLE when it is not known whether it was committed: close this producer and make a new one, which decides it
   */
  commit(records: readonly OutRecord[], offsets: readonly GroupOffset[]): Promise<void>;
  close(): Promise<void>;
}

/** What a fetch brought of one partition. */
export interface Fetched {
  readonly topic: string;
  readonly partition: number;
  /** In offset order; may be empty while `nextOffset` grows (control records, aborted or compacted ones). */
  readonly records: readonly KafkaRecord[];
  /** Where the next fetch starts. */
  readonly nextOffset: number;
  /** End of the partition. */
  readonly highWatermark: number;
  /** End of what `committed` readers may see. */
  readonly lastStableOffset: number;
}

/** Reads partitions without a group: the caller says which, and from where. What is not read is not fetched: that is the back-pressure. */
export interface PartitionReader {
  /** Starts, or starts again, at an offset. An offset that does not exist any more becomes the earliest, told by `Fetched.nextOffset` and a warning. */
  seek(partition: number, from: number | 'earliest' | 'latest'): void;
  /** Leaves the partition; what was fetched of it and not read is forgotten. */
  drop(partition: number): void;
  /**
   * Resolves with what a fetch brought, as soon as it brought something of any partition (records, or only a grown `nextOffset`).
   * Tries again by itself while the broker is away. A partition that was sought or dropped meanwhile is left out.
   * @throws the signal's reason when it aborts; PlatformError PORT_CLOSED after `close`
   */
  read(signal: AbortSignal): Promise<readonly Fetched[]>;
  close(): Promise<void>;
}

/** The partitions a member owns now. */
export interface Assignment { readonly generation: number; readonly partitions: ReadonlyMap<string, readonly number[]> }

/** How to take part in a group. */
export interface MemberOptions {
  readonly group: string;
  readonly topics: readonly string[];
  readonly sessionTimeoutMs: number;
  /**
   * Told of every assignment, also an unchanged one. Owned partitions stay owned until a new assignment is without them:
   * a rebalance in progress, or a broker that is away, takes nothing away.
   */
  readonly onAssigned: (assignment: Assignment) => void;
}

/** Membership in a consumer group, without its reading: heartbeats run beside the work, partitions stay where they are when members come and go. */
export interface GroupMember {
  readonly assignment: Assignment | undefined;
  /** Commits offsets outside of a transaction (at-least-once). @throws PlatformError KAFKA_FENCED when the group has gone on without this member */
  commit(offsets: readonly Omit<GroupOffset, 'group'>[]): Promise<void>;
  /** Leaves the group: its partitions are free at once. */
  close(): Promise<void>;
}

/** A topic as it is made. */
export interface TopicSpec {
  readonly topic: string;
  readonly partitions: number;
  /** -1: the broker's default. */
  readonly replication: number;
  /** Topic configuration, such as `cleanup.policy`, `retention.ms`, `max.message.bytes`. */
  readonly config: Readonly<Record<string, string>>;
}

/** State of the connection, for /readyz. */
export interface KafkaState { readonly state: 'connecting' | 'up' | 'down'; readonly since: number; readonly message?: string }

/** Bounds of an output port on Kafka, and how long it may gather a batch. */
export interface KafkaOutOptions extends PortBounds {
  /** A batch is sent when it is this large, or this old: 0 sends as soon as the one before is acknowledged. */
  readonly batchBytes: number;
  readonly lingerMs: number;
}

/** One process's access to a Kafka cluster: keeps trying while the brokers are away, and says so. */
export interface KafkaNode {
  /** Output port: a push resolves when all in-sync replicas have the records. Key: the envelope's. While the brokers are away pushes wait, within the bounds. */
  output<Body>(topic: string, codec: RecordCodec<Body>, options: KafkaOutOptions): OutPort<Body> & { depth(): { readonly items: number; readonly bytes: number }; close(): Promise<void> };
  /** Input port of a group, at least once: offsets follow the acknowledgements. */
  input<Body>(topic: string, codec: RecordCodec<Body>, options: PortBounds & { readonly group: string; readonly sessionTimeoutMs: number; readonly onInvalid: (record: KafkaRecord, error: unknown) => Promise<void> }): InPort<Body> & { close(): Promise<void> };
  producer(): Promise<KafkaProducer>;
  /** Resolves when older producers of the id are fenced and their transactions have ended. */
  transactions(transactionalId: string, timeoutMs: number): Promise<TransactionalProducer>;
  reader(topic: string, options: { readonly isolation: Isolation; readonly maxBytes: number }): PartitionReader;
  join(options: MemberOptions): Promise<GroupMember>;
  partitionCount(topic: string): Promise<number>;
  /** First and next offset of each partition; `end` is the last stable offset when `isolation` is `committed`, as it is by default. */
  bounds(topic: string, isolation?: Isolation): Promise<ReadonlyMap<number, { readonly begin: number; readonly end: number }>>;
  /** Committed offsets of a group; absent where it has none. */
  committed(group: string, topic: string): Promise<ReadonlyMap<number, number>>;
  /** Makes what is missing. @throws PlatformError KAFKA_REFUSED naming the topic and the command that makes it, where the broker forbids it; TOPIC_UNFIT when one exists with another number of partitions */
  ensureTopics(specs: readonly TopicSpec[]): Promise<void>;
  readonly state: KafkaState;
  onState(listener: (state: KafkaState) => void): () => void;
  close(): Promise<void>;
}
