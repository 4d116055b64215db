/** Boxes of ISO/IEC 14496-12 (ISO base media file format), section 4.2: `size(32) type(32) payload`. */

/** Concatenated big-endian 32-bit fields; negative values in two's complement. */
export function u32(...values: readonly number[]): Buffer {
  const bytes = Buffer.alloc(values.length * 4);
  values.forEach((value, index) => bytes.writeUInt32BE(value >>> 0, index * 4));
  return bytes;
}

/** Concatenated big-endian 16-bit fields. */
export function u16(...values: readonly number[]): Buffer {
  const bytes = Buffer.alloc(values.length * 2);
  values.forEach((value, index) => bytes.writeUInt16BE(value & 0xffff, index * 2));
  return bytes;
}

/** Characters of one byte each: types, brands and names. */
export function characters(text: string): Buffer {
  return Buffer.from(text, 'latin1');
}

/** A box with its payload parts. */
export function box(type: string, ...parts: readonly Uint8Array[]): Buffer {
  const payload = Buffer.concat(parts);
  return Buffer.concat([u32(payload.length + 8), characters(type), payload]);
}

/** A FullBox: version and flags before the payload (section 4.2.2). */
export function fullBox(type: string, version: number, flags: number, ...parts: readonly Uint8Array[]): Buffer {
  return box(type, u32(version * 2 ** 24 + flags), ...parts);
}

/** A box inside other bytes. */
export interface FoundBox { readonly type: string; readonly payload: Buffer }

/** The boxes laid end to end in `bytes`, as views; ends at the first that is not whole. */
export function* boxes(bytes: Buffer): Generator<FoundBox> {
  let at = 0;
  while (at + 8 <= bytes.length) {
    const size = bytes.readUInt32BE(at);
    if (size < 8 || at + size > bytes.length) return;
    yield { type: bytes.toString('latin1', at + 4, at + 8), payload: bytes.subarray(at + 8, at + size) };
    at += size;
  }
}

/** The payload of the box reached by a path of types, as a view; undefined when any step is missing. */
export function findBox(bytes: Buffer, ...path: readonly string[]): Buffer | undefined {
  let within = bytes;
  for (const type of path) {
    const found = [...boxes(within)].find((candidate) => candidate.type === type);
    if (found === undefined) return undefined;
    within = found.payload;
  }
  return within;
}
