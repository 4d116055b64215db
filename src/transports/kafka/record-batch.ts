import { crc32c } from '@node-rs/crc32';
import type { OutRecord } from '../kafka-types.ts';
import { COMPRESSION_BITS, compress, type Compression } from './compression.ts';
import { varintSize, WireWriter } from './wire.ts';

/** Values of at least so many bytes are sent from where they lie, smaller ones are copied beside their record's head. */
const BY_REFERENCE = 4096;
const HEAD_BYTES = 61;
const TRANSACTIONAL = 0x10;

/** Who writes a batch, as the broker checks it. */
export interface BatchProducer { readonly producerId: bigint; readonly epoch: number; readonly sequence: number; readonly isTransactional: boolean }

/** How a batch is made. */
export interface BatchOptions { readonly producer: BatchProducer; readonly nowMs: number; readonly compression: Compression }

/**
 * Bytes of a record batch, in parts of which large values are the caller's own memory (borrowed until the batch is acknowledged).
 * Format: https://kafka.apache.org/documentation/#recordbatch (magic 2).
 */
export async function encodeBatch(records: readonly OutRecord[], { producer, nowMs, compression }: BatchOptions): Promise<Buffer[]> {
  const times = records.map(({ timestampMs }) => Math.floor(timestampMs ?? nowMs));
  const base = times[0] ?? nowMs;
  let body = records.flatMap((record, index) => encodeRecord(record, (times[index] ?? base) - base, index));
  if (compression !== 'none') body = [await compress(compression, Buffer.concat(body))];
  const parts = coalesced(body);
  const head = new WireWriter(HEAD_BYTES)
    .int64(0).int32(HEAD_BYTES - 12 + parts.reduce((sum, part) => sum + part.length, 0)).int32(-1).int8(2).int32(0)
    .int16(COMPRESSION_BITS[compression] | (producer.isTransactional ? TRANSACTIONAL : 0)).int32(records.length - 1)
    .int64(base).int64(times.reduce((latest, time) => Math.max(latest, time), base)).int64(producer.producerId).int16(producer.epoch).int32(producer.sequence).int32(records.length).bytes;
  const checked = head.subarray(21);
  head.writeUInt32BE(parts.reduce((crc, part) => crc32c(part, crc), crc32c(checked)), 17);
  return [head, ...parts];
}

/** Bytes a record takes in a batch, about. */
export function recordSize({ key, value, headers }: OutRecord): number {
  let size = 20 + (key?.length ?? 0) + (value?.length ?? 0);
  for (const name in headers) size += 4 + name.length + (headers[name]?.length ?? 0);
  return size;
}

function encodeRecord({ key, value, headers }: OutRecord, timeDelta: number, offsetDelta: number): Buffer[] {
  const keyBytes = key === null ? undefined : Buffer.from(key);
  const headerBytes = Object.entries(headers ?? {}).map(([name, text]) => [Buffer.from(name), Buffer.from(text)] as const);
  let tailSize = varintSize(headerBytes.length);
  for (const [name, text] of headerBytes) tailSize += varintSize(name.length) + name.length + varintSize(text.length) + text.length;
  const headSize = 1 + varintSize(timeDelta) + varintSize(offsetDelta) + varintSize(keyBytes?.length ?? -1) + (keyBytes?.length ?? 0) + varintSize(value?.length ?? -1);
  const bodySize = headSize + (value?.length ?? 0) + tailSize;
  const isByReference = value !== null && value.length >= BY_REFERENCE;
  const writer = new WireWriter(varintSize(bodySize) + bodySize - (isByReference ? value.length : 0));
  writer.varint(bodySize).int8(0).varint(timeDelta).varint(offsetDelta).varint(keyBytes?.length ?? -1).raw(keyBytes ?? Buffer.alloc(0)).varint(value?.length ?? -1);
  const split = writer.position;
  if (value !== null && !isByReference) writer.raw(value);
  writer.varint(headerBytes.length);
  for (const [name, text] of headerBytes) writer.varint(name.length).raw(name).varint(text.length).raw(text);
  return isByReference ? [writer.bytes.subarray(0, split), value, writer.bytes.subarray(split)] : [writer.bytes];
}

/** Joins small neighbours: each part costs a call. */
function coalesced(parts: readonly Buffer[]): Buffer[] {
  const joined: Buffer[] = [];
  let small: Buffer[] = [];
  const flush = (): void => {
    if (small.length > 0) joined.push(small.length === 1 && small[0] !== undefined ? small[0] : Buffer.concat(small));
    small = [];
  };
  for (const part of parts) {
    if (part.length < BY_REFERENCE) { small.push(part); continue; }
    flush();
    joined.push(part);
  }
  flush();
  return joined;
}
