// Kafka's primitive types: https://kafka.apache.org/protocol#protocol_types

/** Reads big-endian fields one after the other. */
export class WireReader {
  readonly bytes: Buffer;
  position: number;

  constructor(bytes: Buffer, position = 0) {
    this.bytes = bytes;
    this.position = position;
  }

  get left(): number { return this.bytes.length - this.position; }

  int8(): number { this.position += 1; return this.bytes.readInt8(this.position - 1); }
  int16(): number { this.position += 2; return this.bytes.readInt16BE(this.position - 2); }
  int32(): number { this.position += 4; return this.bytes.readInt32BE(this.position - 4); }

  /** Exact up to 2^53. */
  int64(): number {
    this.position += 8;
    return this.bytes.readInt32BE(this.position - 8) * 2 ** 32 + this.bytes.readUInt32BE(this.position - 4);
  }

  /** A zigzag variable-length number, exact up to 2^53. */
  varint(): number {
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = this.bytes.readUInt8(this.position);
      this.position += 1;
      value += (byte & 127) * scale;
      if (byte < 128) break;
      if (scale > 2 ** 56) throw new RangeError('a variable-length number has no end');
    }
    return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
  }

  view(length: number): Buffer {
    if (length < 0 || length > this.left) throw new RangeError(`${length} bytes wanted, ${this.left} left`);
    this.position += length;
    return this.bytes.subarray(this.position - length, this.position);
  }

  string(): string { return this.view(this.int16()).toString(); }

  array<Each>(read: () => Each): Each[] {
    const length = this.int32();
    return Array.from({ length: Math.max(0, length) }, read);
  }
}

/** Writes big-endian fields into bytes of a known size. */
export class WireWriter {
  readonly bytes: Buffer;
  position = 0;

  constructor(sizeBytes: number) {
    this.bytes = Buffer.allocUnsafe(sizeBytes);
  }

  int8(value: number): this { this.position = this.bytes.writeInt8(value, this.position); return this; }
  int16(value: number): this { this.position = this.bytes.writeInt16BE(value, this.position); return this; }
  int32(value: number): this { this.position = this.bytes.writeInt32BE(value, this.position); return this; }

  int64(value: number | bigint): this { this.position = this.bytes.writeBigInt64BE(BigInt(value), this.position); return this; }

  varint(value: number): this {
    let left = value >= 0 ? value * 2 : -value * 2 - 1;
    for (; left >= 128; left = Math.floor(left / 128)) { this.bytes[this.position] = (left % 128) | 128; this.position += 1; }
    this.bytes[this.position] = left;
    this.position += 1;
    return this;
  }

  raw(bytes: Uint8Array): this { this.bytes.set(bytes, this.position); this.position += bytes.length; return this; }

  /** Null is told by the length -1. */
  string(text: string | null): this {
    if (text === null) return this.int16(-1);
    const bytes = Buffer.from(text);
    return this.int16(bytes.length).raw(bytes);
  }
}

/** Bytes that `WireWriter.varint` takes. */
export function varintSize(value: number): number {
  let left = value >= 0 ? value * 2 : -value * 2 - 1;
  let size = 1;
  for (; left >= 128; left = Math.floor(left / 128)) size += 1;
  return size;
}

/** Bytes that `WireWriter.string` takes. */
export function stringSize(text: string | null): number {
  return 2 + (text === null ? 0 : Buffer.byteLength(text));
}
