import type avro from 'avsc';
import { PlatformError } from '../engine/errors.ts';
import { avroSchema, compileAvro } from './avro-schema.ts';

/** A record as it lies on the wire: every field but the payload, and a view of the payload (empty where the record has none). */
export interface WireRecord<Head> { readonly head: Head; readonly payload: Uint8Array }

/** Bytes before the Avro record in Confluent's framing: 0x00 and the schema id, 32 bits, big-endian. */
export const FRAMING_BYTES = 5;

/** A schema that records were written with, and how ours reads them. */
export interface WriterSchema { readonly type: avro.Type; readonly resolver: avro.Resolver }

/** The Avro form of one record type: its bytes, with the payload field, where there is one, written and viewed without going through Avro. */
export interface WireFormat<Head> {
  /** Avro bytes of every field but the payload. */
  encodeHead(head: Head): Buffer;
  /** The record in Confluent's framing, in one new buffer; the parts of the payload are copied once, in order. */
  encodeFramed(schemaId: number, head: Head, payload: readonly Uint8Array[]): Buffer;
  /** @throws PlatformError RECORD_INVALID when the bytes are not exactly a head */
  decodeHead(bytes: Uint8Array): Head;
  /** Reads a framed record. `writer`: the schema it was written with, when it is not the current one. @throws PlatformError RECORD_INVALID */
  decodeFramed(value: Uint8Array, writer?: WriterSchema): WireRecord<Head>;
  /** How records of another schema are read as ours. @throws Error when they cannot be */
  resolve(writer: avro.schema.RecordType): WriterSchema;
}

const SCRATCH_BYTES = 64 * 1024;
const SCRATCH_KEPT_BYTES = 1024 * 1024;
const NO_PAYLOAD = new Uint8Array(0);
/** Heads are encoded here first: their size is not known before. */
let scratch = Buffer.allocUnsafeSlow(SCRATCH_BYTES);

/** Avro form of `schemas/avro/<topic>.avsc`, compiled when first used. */
export function wireFormat<Head>(topic: string): WireFormat<Head> {
  let compiled: { readonly type: avro.Type; readonly hasPayload: boolean } | undefined;
  const format = (): NonNullable<typeof compiled> => (compiled ??= compileHead(avroSchema(topic)));
  return {
    encodeHead(head) {
      const { encoded, end } = encodeAt(format().type, head, 0);
      return Buffer.from(encoded.subarray(0, end));
    },
    encodeFramed(schemaId, head, payload) {
      const { type, hasPayload } = format();
      const { encoded, end } = encodeAt(type, head, FRAMING_BYTES);
      const sizeBytes = payload.reduce((sum, part) => sum + part.byteLength, 0);
      const value = Buffer.allocUnsafe(end + (hasPayload ? lengthBytes(sizeBytes) + sizeBytes : 0));
      encoded.copy(value, 0, 0, end);
      value[0] = 0;
      value.writeUInt32BE(schemaId, 1);
      if (!hasPayload) return value;
      let at = writeLength(value, end, sizeBytes);
      for (const part of payload) {
        value.set(part, at);
        at += part.byteLength;
      }
      return value;
    },
    decodeHead(bytes) {
      const { head, end } = decodeAt<Head>(topic, bufferOf(bytes), 0, { type: format().type });
      if (end !== bytes.byteLength) throw new PlatformError('RECORD_INVALID', `${topic} record has ${bytes.byteLength - end} bytes too many`);
      return head;
    },
    decodeFramed(value, writer) {
      const bytes = bufferOf(value);
      const { type, hasPayload } = format();
      const { head, end } = decodeAt<Head>(topic, bytes, FRAMING_BYTES, { type, ...writer && { writer } });
      const start = hasPayload ? payloadStart(topic, bytes, end) : end;
      if (!hasPayload && start !== bytes.byteLength) throw new PlatformError('RECORD_INVALID', `${topic} record has ${bytes.byteLength - end} bytes too many`);
      return { head, payload: hasPayload ? bytes.subarray(start) : NO_PAYLOAD };
    },
    resolve(writer) {
      const theirs = compileHead(writer);
      if (theirs.hasPayload !== format().hasPayload) throw new TypeError('its payload is not the last field');
      return { type: theirs.type, resolver: format().type.createResolver(theirs.type) };
    },
  };
}

/** The record without its payload field: what precedes the payload's length on the wire. */
function compileHead(schema: avro.schema.RecordType): { readonly type: avro.Type; readonly hasPayload: boolean } {
  const last = schema.fields.at(-1);
  const hasPayload = last?.name === 'payload' && last.type === 'bytes';
  return { hasPayload, type: compileAvro(hasPayload ? { ...schema, fields: schema.fields.slice(0, -1) } : schema) };
}

function encodeAt(type: avro.Type, head: unknown, from: number): { readonly encoded: Buffer; readonly end: number } {
  const end = type.encode(head, scratch, from);
  if (end >= 0) return { encoded: scratch, end };
  const larger = Buffer.allocUnsafeSlow(2 * (scratch.byteLength - end)); // a negative result is the number of bytes that were missing
  if (larger.byteLength <= SCRATCH_KEPT_BYTES) scratch = larger;
  return { encoded: larger, end: type.encode(head, larger, from) };
}

interface HeadTypes { readonly type: avro.Type; readonly writer?: WriterSchema }

function decodeAt<Head>(topic: string, bytes: Buffer, from: number, { type, writer }: HeadTypes): { readonly head: Head; readonly end: number } {
  let decoded;
  try {
    decoded = type.decode(bytes, from, writer?.resolver);
  } catch (cause) {
    throw new PlatformError('RECORD_INVALID', `${topic} record of ${bytes.byteLength} bytes is no such Avro record`, {}, cause);
  }
  if (decoded.offset < 0) throw new PlatformError('RECORD_INVALID', `${topic} record of ${bytes.byteLength} bytes is cut off`);
  return { head: decoded.value as Head, end: decoded.offset }; // shaped by the schema
}

function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** Bytes of a length as zig-zag varint (Avro 1.11, Binary encoding: long). */
function lengthBytes(length: number): number {
  let count = 1;
  for (let rest = length * 2; rest >= 128; rest = Math.floor(rest / 128)) count += 1;
  return count;
}

function writeLength(bytes: Buffer, from: number, length: number): number {
  let at = from;
  let rest = length * 2;
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes[at++] = (rest % 128) + 128;
  bytes[at++] = rest;
  return at;
}

/** Where the payload begins; it must end with the bytes. */
function payloadStart(topic: string, bytes: Buffer, from: number): number {
  let at = from;
  let [zigZag, scale, byte] = [0, 1, 0];
  do {
    byte = bytes[at++] ?? 0;
    zigZag += (byte & 127) * scale;
    scale *= 128;
  } while (byte >= 128 && at - from < 8);
  if (zigZag % 2 !== 0 || at + zigZag / 2 !== bytes.byteLength) throw new PlatformError('RECORD_INVALID', `${topic} record of ${bytes.byteLength} bytes has no payload that ends with it`);
  return at;
}
