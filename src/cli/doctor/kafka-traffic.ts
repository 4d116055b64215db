import type { Clock } from '../../engine/clock.ts';
import { PlatformError } from '../../engine/errors.ts';
import type { KafkaNode, KafkaRecord } from '../../transports/kafka-types.ts';

/** What went over a topic lately. */
export interface Traffic {
  /** Cameras with records among those looked at. */
  readonly cameras: number;
  /** Of one camera, on average; undefined where too little was there to tell. */
  readonly bytesPerSecond: number | undefined;
  /** When the newest record was written, by the clock of who wrote it. */
  readonly newestAtMs: number | undefined;
}

/** Records looked at: enough to tell a rate, few enough to be read in a moment. */
const RECORDS_PER_PARTITION = 60;
const PARTITIONS_MAX = 8;
const FETCH_BYTES = 4 << 20;
/** A rate of less than so much time tells nothing. */
const SPAN_MIN_MS = 500;
const READ_LIMIT_MS = 5_000;

/** Reads the last records of a topic, of a few partitions. Takes some 100 ms, some seconds where the records are large. */
export async function measureTraffic(kafka: KafkaNode, topic: string, clock: Clock): Promise<Traffic> {
  const ends = new Map([...await kafka.bounds(topic)].filter(([, { begin, end }]) => end > begin).slice(0, PARTITIONS_MAX));
  const reader = kafka.reader(topic, { isolation: 'uncommitted', maxBytes: FETCH_BYTES });
  const limit = new AbortController();
  void clock.sleep(READ_LIMIT_MS, limit.signal).then(() => limit.abort(new PlatformError('TIMED_OUT', `reading '${topic}' took longer than ${READ_LIMIT_MS} ms`)), () => { /* read in time */ });
  const records: KafkaRecord[] = [];
  try {
    for (const [partition, { begin, end }] of ends) reader.seek(partition, Math.max(begin, end - RECORDS_PER_PARTITION));
    while (ends.size > 0) {
      for (const fetched of await reader.read(limit.signal)) {
        records.push(...fetched.records);
        if (fetched.nextOffset < (ends.get(fetched.partition)?.end ?? 0)) continue;
        reader.drop(fetched.partition);
        ends.delete(fetched.partition);
      }
    }
  } catch (error) {
    if (!limit.signal.aborted) throw error; // what was read until then tells enough
  } finally {
    limit.abort();
    await reader.close();
  }
  return summarize(records);
}

function summarize(records: readonly KafkaRecord[]): Traffic {
  const cameras = Map.groupBy(records, ({ key }) => key);
  const rates = [...cameras.values()].flatMap((own) => {
    const times = own.map(({ timestampMs }) => timestampMs);
    const spanMs = Math.max(...times) - Math.min(...times);
    const bytes = own.slice(1).reduce((sum, { value }) => sum + (value?.byteLength ?? 0), 0);
    return spanMs < SPAN_MIN_MS ? [] : [bytes * 1000 / spanMs];
  });
  return {
    cameras: cameras.size, bytesPerSecond: rates.length === 0 ? undefined : rates.reduce((sum, rate) => sum + rate, 0) / rates.length,
    newestAtMs: records.length === 0 ? undefined : Math.max(...records.map(({ timestampMs }) => timestampMs)),
  };
}
