import type { GroupMember, KafkaNode, OutRecord } from '../../src/transports/kafka-types.ts';

/** Where the results of one input partition go. */
export interface Committer {
  /**
   * Makes records durable, then positions, then the group's offset: in one transaction where delivery is exactly once.
   * @throws PlatformError KAFKA_FENCED, KAFKA_UNAVAILABLE as `TransactionalProducer.commit`
   */
  commit(batch: { readonly records: readonly OutRecord[]; readonly positions: readonly OutRecord[]; readonly offset: number }): Promise<void>;
  /** Makes records durable ahead of their commit. Absent where they belong to its transaction. */
  readonly publish?: (records: readonly OutRecord[]) => Promise<void>;
  close(): Promise<void>;
}

/** How a committer is made. */
export interface CommitterOptions {
  readonly kafka: KafkaNode;
  readonly member: GroupMember;
  readonly delivery: 'exactly-once' | 'at-least-once';
  readonly group: string;
  readonly topic: string;
  readonly partition: number;
  /** A transaction that its producer leaves open is ended by the broker after this time. */
  readonly transactionTimeoutMs: number;
}

/** Resolves when no older owner of the partition can commit any more (exactly once). */
export async function openCommitter(options: CommitterOptions): Promise<Committer> {
  const { kafka, member, group, topic, partition } = options;
  if (options.delivery === 'at-least-once') {
    const producer = await kafka.producer();
    return {
      async commit({ records, positions, offset }) {
        if (records.length > 0) await producer.send(records);
        if (positions.length > 0) await producer.send(positions);
        await member.commit([{ topic, partition, offset }]);
      },
      publish: async records => { await producer.send(records); },
      close: () => producer.close(),
    };
  }
  const producer = await kafka.transactions(`${group}.${topic}.${partition}`, options.transactionTimeoutMs);
  return {
    commit: ({ records, positions, offset }) => producer.commit([...records, ...positions], [{ group, topic, partition, offset }]),
    close: () => producer.close(),
  };
}
