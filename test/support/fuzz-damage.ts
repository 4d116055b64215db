import type { FuzzRandom } from './fuzz.ts';

/** Numbers that lengths and counts are replaced with. */
const EDGES = [0, 1, 0x7f, 0x80, 0xff, 0x7fff, 0x8000, 0xffff, 0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff];

/** A copy of `bytes` with a few damages: bits, bytes, edge numbers, a range removed, repeated, moved or made of chance, the end cut off. */
export function damaged(bytes: Uint8Array, random: FuzzRandom): Uint8Array {
  let copy: Uint8Array = Uint8Array.from(bytes);
  for (let count = 1 + random.integer(4); count > 0 && copy.length > 0; count--) copy = damagedOnce(copy, random);
  return copy;
}

function damagedOnce(bytes: Uint8Array, random: FuzzRandom): Uint8Array {
  const at = random.integer(bytes.length);
  const length = 1 + random.integer(Math.min(64, bytes.length - at));
  switch (random.integer(8)) {
    case 0: bytes[at] = bytes[at]! ^ (1 << random.integer(8)); return bytes;
    case 1: bytes[at] = random.integer(256); return bytes;
    case 2: {
      if (bytes.length - at >= 4) new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).setUint32(at, random.pick(EDGES), random.next() < 0.5);
      return bytes;
    }
    case 3: return Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + length)]);
    case 4: return Buffer.concat([bytes.subarray(0, at + length), bytes.subarray(at)]);
    case 5: bytes.copyWithin(random.integer(bytes.length), at, at + length); return bytes;
    case 6: bytes.set(random.bytes(length), at); return bytes;
    default: return bytes.subarray(0, at);
  }
}
