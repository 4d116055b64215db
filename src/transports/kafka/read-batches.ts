import { crc32c } from '@node-rs/crc32';
import type { Isolation, KafkaRecord } from '../kafka-types.ts';
import { decompress } from './compression.ts';
import { WireReader } from './wire.ts';

const HEAD_BYTES = 61;
const COMPRESSION_MASK = 0x07;
const LOG_APPEND_TIME = 0x08;
const TRANSACTIONAL = 0x10;
const CONTROL = 0x20;
const ABORT_MARKER = 0;

/** A transaction that was aborted: records of its producer from its first offset on, up to its control record, do not count. */
export interface AbortedTransaction { readonly producerId: bigint; readonly firstOffset: number }

/** Where record batches were fetched from, and how they are read. */
export interface BatchSource {
  readonly topic: string;
  readonly partition: number;
  /** Records before it are left out: a batch may begin earlier. */
  readonly fromOffset: number;
  readonly isolation: Isolation;
  readonly aborted: readonly AbortedTransaction[];
  /** Told of a batch that cannot be read. */
  readonly onUnreadable: (offset: number, reason: string) => void;
}

/** What lies in record batches, and the offset after them. */
export interface ReadBatches { readonly records: readonly KafkaRecord[]; readonly nextOffset: number }

interface BatchHead { readonly baseOffset: number; readonly attributes: number; readonly baseTime: number; readonly maxTime: number; readonly count: number; readonly lastOffset: number }

/**
 * Reads record batches; an incomplete one at the end is left for the next fetch. Control records, aborted transactions (Java's
 * `CompletedFetch.fetchRecords`) and what compaction took only move `nextOffset`. Values are views into `bytes`.
 */
export async function readBatches(bytes: Buffer, source: BatchSource): Promise<ReadBatches> {
  const pending = source.aborted.toSorted((one, other) => one.firstOffset - other.firstOffset);
  const aborting = new Set<bigint>();
  const records: KafkaRecord[] = [];
  let nextOffset = source.fromOffset;
  for (let at = 0; at + HEAD_BYTES <= bytes.length;) {
    const end = at + 12 + bytes.readInt32BE(at + 8);
    if (end > bytes.length || end < at + HEAD_BYTES) break;
    const batch = bytes.subarray(at, end);
    at = end;
    const head = headOf(batch);
    nextOffset = Math.max(nextOffset, head.lastOffset + 1);
    const producerId = batch.readBigInt64BE(43);
    while (source.isolation === 'committed' && pending[0] !== undefined && pending[0].firstOffset <= head.lastOffset) aborting.add(pending.shift()?.producerId ?? -1n);
    if (bytes.readInt8(at - batch.length + 16) !== 2) { source.onUnreadable(head.baseOffset, 'its format is older than Kafka 0.11'); continue; }
    if ((head.attributes & CONTROL) !== 0) {
      if (isAbortMarker(batch)) aborting.delete(producerId);
      continue;
    }
    if ((head.attributes & TRANSACTIONAL) !== 0 && aborting.has(producerId)) continue;
    if (head.lastOffset < source.fromOffset) continue;
    await readBatch(batch, head, source, records);
  }
  return { records, nextOffset };
}

function headOf(batch: Buffer): BatchHead {
  const reader = new WireReader(batch);
  const baseOffset = reader.int64();
  reader.position = 21;
  const attributes = reader.int16();
  const lastOffset = baseOffset + reader.int32();
  return { baseOffset, attributes, lastOffset, baseTime: reader.int64(), maxTime: reader.int64(), count: batch.readInt32BE(57) };
}

/** Key of a control record: version int16, type int16. */
function isAbortMarker(batch: Buffer): boolean {
  const reader = new WireReader(batch, HEAD_BYTES);
  reader.varint();
  reader.int8();
  reader.varint();
  reader.varint();
  return reader.varint() >= 4 && (reader.int16(), reader.int16()) === ABORT_MARKER;
}

async function readBatch(batch: Buffer, head: BatchHead, source: BatchSource, into: KafkaRecord[]): Promise<void> {
  if (crc32c(batch.subarray(21)) !== batch.readUInt32BE(17)) { source.onUnreadable(head.baseOffset, 'its checksum is wrong'); return; }
  let body: Buffer | undefined = batch.subarray(HEAD_BYTES);
  const compression = head.attributes & COMPRESSION_MASK;
  try {
    if (compression !== 0) body = await decompress(compression, body);
    if (body === undefined) { source.onUnreadable(head.baseOffset, `its compression (${compression}) is not known here`); return; }
    const reader = new WireReader(body);
    for (let index = 0; index < head.count; index += 1) {
      const record = readRecord(reader, head, source);
      if (record.offset >= source.fromOffset) into.push(record);
    }
  } catch (error) {
    source.onUnreadable(head.baseOffset, error instanceof Error ? error.message : String(error));
  }
}

function readRecord(reader: WireReader, head: BatchHead, { topic, partition }: BatchSource): KafkaRecord {
  const end = reader.varint() + reader.position;
  reader.int8();
  const timestampMs = head.baseTime + reader.varint();
  const offset = head.baseOffset + reader.varint();
  const keyLength = reader.varint();
  const key = keyLength < 0 ? null : reader.view(keyLength).toString();
  const valueLength = reader.varint();
  const value = valueLength < 0 ? null : reader.view(valueLength);
  const { bytes, position } = reader;
  reader.position = end;
  let headers: KafkaRecord['headers'] | undefined;
  return {
    topic, partition, offset, timestampMs: (head.attributes & LOG_APPEND_TIME) === 0 ? timestampMs : head.maxTime, key, value,
    get headers() { return headers ??= readHeaders(new WireReader(bytes, position)); }, // made when asked for: some ten short texts cost more than the rest of a record
  };
}

function readHeaders(reader: WireReader): KafkaRecord['headers'] {
  const headers: Record<string, string> = {};
  for (let left = reader.varint(); left > 0; left -= 1) {
    const name = reader.view(reader.varint()).toString();
    const length = reader.varint();
    headers[name] = length < 0 ? '' : reader.view(length).toString();
  }
  return headers;
}
