import { seeded } from './small-models.ts';

/** A damaged copy of a file; the same for the same seed and index. Bits flipped, bytes set, a range moved, removed or repeated, or the end cut off. */
export function mutate(original: Uint8Array, seed: number, index: number): Uint8Array {
  const random = seeded((seed + 1) * 7919 + index * 104729);
  for (let warm = 0; warm < 4; warm++) random();
  const below = (limit: number): number => Math.floor(random() * limit);
  const copy = Uint8Array.from(original);
  const kind = below(6);
  if (kind === 0) return copy.subarray(0, below(copy.length));
  if (kind === 1) { // a few bits anywhere
    for (let flips = 1 + below(8); flips > 0; flips--) { const at = below(copy.length); copy[at] = copy[at]! ^ (1 << below(8)); }
    return copy;
  }
  if (kind === 2) { // a few bytes beside names, where nodes and declarations stand, not weights
    for (let sets = 1 + below(4); sets > 0; sets--) copy[Math.max(0, nextName(original, below(copy.length)) - 20 + below(60)) % copy.length] = below(256);
    return copy;
  }
  const [from, length] = [below(copy.length - 200), 1 + below(200)];
  if (kind === 3) return Buffer.concat([copy.subarray(0, from), copy.subarray(from + length)]);
  if (kind === 4) return Buffer.concat([copy.subarray(0, from + length), copy.subarray(from)]);
  copy.copyWithin(below(copy.length - 200), from, from + length);
  return copy;
}

/** Offset of the next five letters in a row. */
function nextName(bytes: Uint8Array, from: number): number {
  let run = 0;
  for (let at = from; at < bytes.length; at++) {
    const letter = bytes[at]! | 32;
    run = letter >= 97 && letter <= 122 ? run + 1 : 0;
    if (run === 5) return at - 4;
  }
  return 0;
}
