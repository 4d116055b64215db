import type { Clock } from '../engine/clock.ts';
import type { Isolation, KafkaNode, KafkaRecord } from '../transports/kafka-types.ts';

/** How a topic is read from one point to another. */
export interface ReadTopicOptions {
  readonly node: Pick<KafkaNode, 'bounds' | 'reader'>;
  readonly topic: string;
  readonly isolation: Isolation;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Where each partition begins; partitions that are absent begin at their earliest record. @default all of them */
  readonly from?: ReadonlyMap<number, number>;
  /** Takes one record; its value is valid during the call only. */
  readonly take: (record: KafkaRecord) => void | Promise<void>;
  /** Without anything new for so long, what is left is given up: a transaction that nobody ends hides it. @default 10000 */
  readonly stallMs?: number;
}

/** What a reading met. */
export interface TopicRead {
  readonly records: number;
  /** Partitions that were not read to their end. */
  readonly unfinished: readonly number[];
}

const FETCH_BYTES = 16 << 20;
const STALL_MS = 10_000;

/**
 * Reads a topic up to where it ends now, transactions that are open now included: it waits for their outcome.
 * @throws PlatformError KAFKA_UNAVAILABLE, KAFKA_REFUSED; what `take` throws; the signal's reason
 */
export async function readTopic(options: ReadTopicOptions): Promise<TopicRead> {
  const { node, topic, isolation, clock, signal, take, from, stallMs = STALL_MS } = options;
  const bounds = await node.bounds(topic);
  const open = new Map<number, number>();
  const reader = node.reader(topic, { isolation, maxBytes: FETCH_BYTES });
  let records = 0;
  let aliveAtMs = clock.monotonicMs();
  const stalled = new AbortController();
  const over = new AbortController();
  const either = AbortSignal.any([signal, stalled.signal]);
  const watch = async (): Promise<void> => {
    while (!over.signal.aborted) {
      const quietMs = clock.monotonicMs() - aliveAtMs;
      if (quietMs >= stallMs) { stalled.abort(); return; }
      await clock.sleep(stallMs - quietMs, over.signal).catch(() => { /* read to the end */ });
    }
  };
  const watching = watch();
  try {
    for (const [partition, { begin, end }] of bounds) {
      const start = Math.max(from?.get(partition) ?? begin, begin);
      if (start >= end) continue;
      open.set(partition, end);
      reader.seek(partition, start);
    }
    while (open.size > 0) {
      for (const fetched of await reader.read(either)) {
        const end = open.get(fetched.partition);
        if (end === undefined) continue;
        for (const record of fetched.records) {
          if (record.offset >= end) break;
          await take(record);
          records += 1;
        }
        aliveAtMs = clock.monotonicMs();
        if (fetched.nextOffset < end) continue;
        open.delete(fetched.partition);
        reader.drop(fetched.partition);
      }
    }
  } catch (error) {
    if (signal.aborted || !stalled.signal.aborted) throw error;
  } finally {
    over.abort();
    await Promise.all([watching, reader.close()]);
  }
  return { records, unfinished: [...open.keys()] };
}
