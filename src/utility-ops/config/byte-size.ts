/** What a size in text looks like: `500MB`, `20GB`, `1.5 GiB`, `4096`. */
export const BYTE_SIZE = /^(\d+(?:\.\d+)?) ?(B|kB|KB|MB|GB|TB|KiB|MiB|GiB|TiB)?$/;

const FACTORS: Readonly<Record<string, number>> = {
  B: 1, kB: 1e3, KB: 1e3, MB: 1e6, GB: 1e9, TB: 1e12, KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30, TiB: 2 ** 40,
};

/** Bytes of a size in text that matches `BYTE_SIZE`; a bare number is bytes. NaN when it does not match. */
export function parseByteSize(text: string): number {
  const match = BYTE_SIZE.exec(text);
  if (match === null) return Number.NaN;
  return Math.round(Number(match[1]) * (FACTORS[match[2] ?? 'B'] ?? Number.NaN));
}
