import type { KafkaRecord, OutRecord } from '../../src/transports/kafka-types.ts';

/** Who wrote an entry in a transaction; its end is known later. */
export interface MemoryTransaction { readonly id: string; state: 'open' | 'committed' | 'aborted' }

interface Entry { readonly record: KafkaRecord | undefined; readonly transaction: MemoryTransaction | undefined }

/** A partition in memory: offsets, transactions with their control records, retention. */
export class MemoryPartition {
  readonly #topic: string;
  readonly #partition: number;
  readonly #entries: Entry[] = [];
  #begin = 0;

  constructor(topic: string, partition: number) {
    this.#topic = topic;
    this.#partition = partition;
  }

  get begin(): number { return this.#begin; }
  get end(): number { return this.#begin + this.#entries.length; }

  /** Where the oldest open transaction begins, or the end. */
  get lastStable(): number {
    const open = this.#entries.findIndex(({ transaction }) => transaction?.state === 'open');
    return open < 0 ? this.end : this.#begin + open;
  }

  append({ key, value, headers, timestampMs }: OutRecord, nowMs: number, transaction?: MemoryTransaction): number {
    const offset = this.end;
    const copy = value === null ? null : Buffer.from(value);
    this.#entries.push({ transaction, record: { topic: this.#topic, partition: this.#partition, offset, timestampMs: timestampMs ?? nowMs, key, value: copy, headers: { ...headers } } });
    return offset;
  }

  /** The control record at the end of a transaction takes an offset, as in Kafka. */
  appendControl(): void {
    this.#entries.push({ record: undefined, transaction: undefined });
  }

  /** Forgets what lies before an offset, as retention does. */
  truncate(before: number): void {
    const gone = Math.min(Math.max(0, before - this.#begin), this.#entries.length);
    this.#entries.splice(0, gone);
    this.#begin += gone;
  }

  /** Records from an offset on, and where to read next. */
  read(from: number, isCommitted: boolean, maxBytes: number): { records: KafkaRecord[]; nextOffset: number; bytes: number } {
    const end = isCommitted ? this.lastStable : this.end;
    const records: KafkaRecord[] = [];
    let bytes = 0;
    let offset = from;
    for (; offset < end; offset += 1) {
      const entry = this.#entries[offset - this.#begin];
      if (entry?.record === undefined || (isCommitted && entry.transaction?.state === 'aborted')) continue;
      const sizeBytes = entry.record.value?.length ?? 0;
      if (records.length > 0 && bytes + sizeBytes > maxBytes) break;
      records.push(entry.record);
      bytes += sizeBytes;
    }
    return { records, nextOffset: offset, bytes };
  }
}
