import { promisify } from 'node:util';
import { gunzip, gzip, zstdCompress, zstdDecompress } from 'node:zlib';

/** How the records of a batch are compressed. Snappy and LZ4 would need native modules: nothing of ours writes them. */
export type Compression = 'none' | 'gzip' | 'zstd';

/** Attribute bits of each in a record batch. */
export const COMPRESSION_BITS = { none: 0, gzip: 1, zstd: 4 } as const satisfies Record<Compression, number>;

const COMPRESS = { gzip: promisify(gzip), zstd: promisify(zstdCompress) };
const DECOMPRESS = new Map<number, (bytes: Buffer) => Promise<Buffer>>([[1, promisify(gunzip)], [4, promisify(zstdDecompress)]]);

/** Compresses the records of a batch. */
export async function compress(how: Exclude<Compression, 'none'>, bytes: Buffer): Promise<Buffer> {
  return COMPRESS[how](bytes);
}

/** The records of a compressed batch; undefined where this build does not know the compression. */
export async function decompress(bits: number, bytes: Buffer): Promise<Buffer | undefined> {
  return DECOMPRESS.get(bits)?.(bytes);
}
