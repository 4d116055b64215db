import { PlatformError } from '../engine/errors.ts';
import type { Clock } from '../engine/clock.ts';
import type { KafkaNode } from '../transports/kafka-types.ts';

/** How far a consumer group is behind in one partition. */
export interface PartitionLag {
  readonly group: string;
  readonly topic: string;
  readonly partition: number;
  /** The next offset it will read: everything below is done. */
  readonly offset: number;
  /** Next offset of the partition. */
  readonly end: number;
  /** Offsets between the two; those of transaction markers count. */
  readonly records: number;
  /** Age of the oldest record that is not done, 0 without lag; null when that is not known. */
  readonly seconds: number | null;
}

/** A consumer group and what it reads. */
export interface GroupTopic {
  readonly group: string;
  readonly topic: string;
  /** How far it is, where it keeps that itself. @default what the brokers hold for the group */
  readonly offsets?: ReadonlyMap<number, number>;
}

/** What measures need. */
export interface LagMeterOptions {
  readonly node: Pick<KafkaNode, 'bounds' | 'committed' | 'reader'>;
  readonly clock: Clock;
  /** How long one measure may look for the ages of records. @default 2000 */
  readonly ageLimitMs?: number;
}

/** A larger record is given all the same, one a fetch (KIP-74). */
const FETCH_BYTES = 65_536;
const AGE_LIMIT_MS = 2_000;

/** Measures how far groups are behind. A group without a committed offset has everything before it. */
export class LagMeter {
  readonly #options: LagMeterOptions;
  /** When the record at an offset was written, of the offsets that were asked for last. */
  readonly #ages = new Map<string, { readonly offset: number; readonly writtenAtMs: number }>();

  constructor(options: LagMeterOptions) {
    this.#options = options;
  }

  /** Lag of each partition, now. @throws PlatformError KAFKA_UNAVAILABLE, KAFKA_REFUSED; the signal's reason */
  async measure({ group, topic, offsets }: GroupTopic, signal: AbortSignal): Promise<readonly PartitionLag[]> {
    const { node, clock } = this.#options;
    const committed = offsets ?? await node.committed(group, topic); // before the ends: a lag is never negative
    const bounds = await node.bounds(topic);
    const found = [...bounds].map(([partition, { begin, end }]) => {
      const offset = Math.min(Math.max(committed.get(partition) ?? begin, begin), end);
      return { group, topic, partition, offset, end, records: end - offset };
    });
    const lagging = new Map(found.filter(({ records }) => records > 0).map(({ partition, offset }) => [partition, offset]));
    const writtenAt = await this.#writtenAt({ group, topic }, lagging, signal);
    const nowMs = clock.now() / 1000;
    return found.map(lag => {
      const atMs = writtenAt.get(lag.partition);
      return { ...lag, seconds: lag.records === 0 ? 0 : atMs === undefined ? null : Math.max(0, nowMs - atMs) / 1000 };
    });
  }

  /** When the records at the offsets were written; those that cannot be read in time are left out. A group that stands still is looked up once. */
  async #writtenAt({ group, topic }: GroupTopic, offsets: ReadonlyMap<number, number>, signal: AbortSignal): Promise<ReadonlyMap<number, number>> {
    const keyOf = (partition: number): string => `${group} ${topic} ${partition}`;
    const unknown = new Map([...offsets].filter(([partition, offset]) => this.#ages.get(keyOf(partition))?.offset !== offset));
    for (const [partition, writtenAtMs] of await this.#read(topic, unknown, signal)) {
      this.#ages.set(keyOf(partition), { offset: offsets.get(partition) ?? 0, writtenAtMs });
      unknown.delete(partition);
    }
    return new Map([...offsets.keys()].filter(partition => !unknown.has(partition)).map(partition => [partition, this.#ages.get(keyOf(partition))?.writtenAtMs ?? 0]));
  }

  async #read(topic: string, offsets: ReadonlyMap<number, number>, signal: AbortSignal): Promise<ReadonlyMap<number, number>> {
    const found = new Map<number, number>();
    if (offsets.size === 0) return found;
    const { node, clock, ageLimitMs = AGE_LIMIT_MS } = this.#options;
    const late = new AbortController();
    const either = AbortSignal.any([signal, late.signal]);
    const timer = clock.sleep(ageLimitMs, either).then(() => late.abort(new PlatformError('TIMED_OUT', `no record of ${topic} within ${ageLimitMs} ms`)), () => { /* found in time */ });
    const reader = node.reader(topic, { isolation: 'uncommitted', maxBytes: FETCH_BYTES });
    try {
      for (const [partition, offset] of offsets) reader.seek(partition, offset);
      while (found.size < offsets.size) {
        for (const { partition, records } of await reader.read(either)) {
          const [first] = records; // none: only markers were there, and what follows them comes next
          if (first === undefined || found.has(partition)) continue;
          found.set(partition, first.timestampMs);
          reader.drop(partition);
        }
      }
    } catch (error) {
      if (signal.aborted || !late.signal.aborted) throw error;
    } finally {
      late.abort();
      await Promise.all([timer, reader.close()]);
    }
    return found;
  }
}
