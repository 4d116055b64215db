import type { PartitionLag } from '../../src/data-ops/group-lag.ts';
import type { Fetched } from '../../src/transports/kafka-types.ts';

/** First and next offset of a partition. */
export interface Bounds { readonly begin: number; readonly end: number }

interface Position {
  next: number;
  /** End of what may be read, as last heard. */
  end: number;
  /** End of the partition when the reading began; 0 once it was reached. */
  target: number;
  /** When the record that was read last was written, milliseconds since the Unix epoch. */
  readAtMs: number | undefined;
}

/** How far one reader of a topic is. */
export class LogProgress {
  readonly #topic: string;
  readonly #positions = new Map<number, Position>();

  constructor(topic: string) {
    this.#topic = topic;
  }

  /** A partition is read from `from` on. */
  begin(partition: number, from: number, { end }: Bounds): void {
    this.#positions.set(partition, { next: from, end, target: from < end ? end : 0, readAtMs: undefined });
  }

  /** What was fetched is read. */
  read({ partition, records, nextOffset, lastStableOffset }: Fetched): void {
    const position = this.#positions.get(partition);
    if (position === undefined) return;
    position.next = nextOffset;
    position.end = Math.max(lastStableOffset, nextOffset);
    position.readAtMs = records.at(-1)?.timestampMs ?? position.readAtMs;
    if (nextOffset >= Math.min(position.target, lastStableOffset)) position.target = 0;
  }

  /** True once everything that was there when the reading began is read. False before it began. */
  get isCaughtUp(): boolean {
    return this.#positions.size > 0 && [...this.#positions.values()].every(({ target }) => target === 0);
  }

  /** Records that are not read yet. */
  get behind(): number {
    let sum = 0;
    for (const { next, end } of this.#positions.values()) sum += end - next;
    return sum;
  }

  /** Lag of every partition. Seconds are those since the record that was read last was written. */
  lag(group: string, nowMs: number): readonly PartitionLag[] {
    return [...this.#positions].map(([partition, { next, end, readAtMs }]) => ({
      group, topic: this.#topic, partition, offset: next, end, records: end - next,
      seconds: end > next ? (readAtMs === undefined ? null : Math.max(0, nowMs - readAtMs) / 1000) : 0,
    }));
  }
}
