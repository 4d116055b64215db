import { rmdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { removeChunkFiles } from './archive/recover-chunk.ts';
import type { ChunkRow } from './store.ts';

/** What retention works on. */
export interface RetentionOptions {
  /** The archive folder. */
  readonly folder: string;
  /** Marks what exceeds the bound as expired, durably, and names it: `Store.expireChunks`. */
  readonly expireChunks: (maxBytes: number) => Promise<readonly ChunkRow[]> | readonly ChunkRow[];
  /** Bound of all chunk files together; sidecars and manifests come on top (about 60 bytes a frame). */
  readonly maxBytes: number;
}

/** What retention removed. */
export interface RetentionReport {
  readonly chunks: number;
  /** Chunks among them whose file was gone already. */
  readonly missing: number;
  /** Sidecars and manifests included. */
  readonly bytesFreed: number;
}

/** Removes the chunks recorded first until the rest fits. Killed in between, recovery removes what was marked. */
export async function applyRetention(options: RetentionOptions): Promise<RetentionReport> {
  const rows = await options.expireChunks(options.maxBytes);
  const folders = new Set<string>();
  let bytesFreed = 0;
  let missing = 0;
  for (const row of rows) {
    const removed = await removeChunkFiles(options.folder, row.path);
    bytesFreed += removed.bytesFreed;
    if (!removed.wasThere) missing += 1;
    folders.add(dirname(row.path));
  }
  for (const folder of folders) await rmdir(join(options.folder, folder)).catch(() => undefined); // a day that still has chunks stays
  return { chunks: rows.length, missing, bytesFreed };
}
