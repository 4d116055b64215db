import { ScalarType } from '@bufbuild/protobuf';
import type { DescField, DescMessage } from '@bufbuild/protobuf';
import { PlatformError } from '../../engine/errors.ts';

/** What the objects made of a file may take: a graph of a million nodes. Weights in `raw_data` are views of the file and take nothing. */
const MEMORY_BYTES_MAX = 512 * 2 ** 20;

/** What V8 takes for one of each, measured with Node 24 and @bufbuild/protobuf 2.13. */
const COST = { message: 400, bytes: 150, bigint: 32, number: 8 } as const;

/** Messages within messages; @bufbuild/protobuf allows 100, and a body of `If` or `Loop` takes three. */
const DEPTH_MAX = 90;

/** Wire types (protobuf encoding, section "Message Structure"); groups are not used by ONNX. */
const [VARINT, FIXED64, LENGTH, FIXED32] = [0, 1, 2, 5];

const VARINT_BYTES_MAX = 10;

/**
 * Walks the bytes of a message by its schema before it is read, and builds nothing: a file of two-byte messages or numbers outside `raw_data`
 * would take some hundred times its size in memory.
 * @throws PlatformError MODEL_INVALID when the bytes are torn, nested too deep, or would take more than 512 MiB of objects
 */
export function checkWire(schema: DescMessage, bytes: Uint8Array): void {
  new Walk(bytes).message(schema, 0, bytes.byteLength, 0);
}

interface Fields { readonly byNumber: ReadonlyMap<number, DescField>; readonly name: string }
const fieldsOf = new WeakMap<DescMessage, Fields>();

function knownFields(schema: DescMessage): Fields {
  let fields = fieldsOf.get(schema);
  if (!fields) {
    fields = { byNumber: new Map(schema.fields.map((field) => [field.number, field])), name: schema.name };
    fieldsOf.set(schema, fields);
  }
  return fields;
}

class Walk {
  readonly #bytes: Uint8Array;
  #at = 0;
  #memory = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  message(schema: DescMessage, from: number, end: number, depth: number): void {
    if (depth > DEPTH_MAX) throw this.#torn(`messages are nested more than ${DEPTH_MAX} deep at byte ${from}: no real graph has so many bodies within bodies`);
    const { byNumber, name } = knownFields(schema);
    this.#spend(COST.message);
    this.#at = from;
    while (this.#at < end) {
      const start = this.#at;
      const tag = this.#varint(end, name);
      const field = byNumber.get(Math.floor(tag / 8));
      if (tag < 8) throw this.#torn(`field 0 at byte ${start}, within ${name}`);
      switch (tag % 8) {
        case VARINT: this.#varint(end, name); this.#spendNumbers(field, 1); break;
        case FIXED64: this.#skip(8, end, field, name); this.#spendNumbers(field, 1); break;
        case FIXED32: this.#skip(4, end, field, name); this.#spendNumbers(field, 1); break;
        case LENGTH: this.#delimited(field, end, name, depth); break;
        default: throw this.#torn(`wire type ${tag % 8} at byte ${start}, within ${name}, is none of ONNX`);
      }
    }
  }

  #delimited(field: DescField | undefined, end: number, within: string, depth: number): void {
    const length = this.#varint(end, within);
    const from = this.#at;
    this.#skip(length, end, field, within);
    if (field?.message) this.message(field.message, from, from + length, depth + 1);
    else if (field !== undefined && isNumeric(field)) this.#spendNumbers(field, this.#packed(field, from, from + length));
    else this.#spend(COST.bytes);
    this.#at = from + length;
  }

  /** How many numbers a packed list holds; a packed number ends with the byte that has no high bit. */
  #packed(field: DescField, from: number, end: number): number {
    const { scalar } = field;
    if (scalar === ScalarType.FLOAT || scalar === ScalarType.FIXED32 || scalar === ScalarType.SFIXED32) return (end - from) / 4;
    if (scalar === ScalarType.DOUBLE || scalar === ScalarType.FIXED64 || scalar === ScalarType.SFIXED64) return (end - from) / 8;
    let count = 0;
    for (let at = from; at < end; at++) if ((this.#bytes[at] ?? 0) < 0x80) count++;
    return count;
  }

  #varint(end: number, within: string): number {
    let value = 0;
    let scale = 1;
    for (let count = 0; count < VARINT_BYTES_MAX; count++) {
      if (this.#at >= end) throw this.#torn(`a number within ${within} runs past byte ${end}`);
      const byte = this.#bytes[this.#at++] ?? 0;
      value += (byte & 0x7f) * scale; // exact as far as lengths and field numbers go; a value beyond is only skipped
      if (byte < 0x80) return value;
      scale *= 128;
    }
    throw this.#torn(`a number of more than ${VARINT_BYTES_MAX} bytes before byte ${this.#at}, within ${within}`);
  }

  #skip(length: number, end: number, field: DescField | undefined, within: string): void {
    if (length > end - this.#at) {
      throw this.#torn(`${field === undefined ? 'a field' : `field '${field.name}'`} of ${within} at byte ${this.#at} wants ${length} bytes, ${end - this.#at} are there`);
    }
    this.#at += length;
  }

  #spendNumbers(field: DescField | undefined, count: number): void {
    if (field === undefined) this.#spend(COST.bytes * count); // kept as an unknown field
    else if (field.fieldKind === 'list') this.#spend((field.listKind === 'scalar' && isBig(field.scalar) ? COST.bigint : COST.number) * count);
  }

  #spend(bytes: number): void {
    this.#memory += bytes;
    if (this.#memory > MEMORY_BYTES_MAX) {
      throw new PlatformError('MODEL_INVALID', `reading the ${this.#bytes.byteLength} bytes would take more than ${MEMORY_BYTES_MAX / 2 ** 20} MiB of objects: `
        + 'keep weights as raw data (onnx.numpy_helper.from_array writes them so)', { sizeBytes: this.#bytes.byteLength });
    }
  }

  #torn(what: string): PlatformError {
    const { byteLength } = this.#bytes;
    return new PlatformError('MODEL_INVALID', `not a whole ONNX file of ${byteLength} bytes: ${what}; copy or export it again`, { sizeBytes: byteLength });
  }
}

function isNumeric(field: DescField): boolean {
  return field.enum !== undefined || (field.scalar !== undefined && field.scalar !== ScalarType.BYTES && field.scalar !== ScalarType.STRING);
}

function isBig(scalar: ScalarType): boolean {
  return scalar === ScalarType.INT64 || scalar === ScalarType.UINT64 || scalar === ScalarType.SINT64 || scalar === ScalarType.FIXED64 || scalar === ScalarType.SFIXED64;
}
