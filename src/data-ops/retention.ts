import { rmdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { removeChunkFiles } from './archive/recover-chunk.ts';
import type { ChunkRow } from './store.ts';

/** What retention removed. */
export interface RetentionReport {
  /** Chunks whose files are gone now. */
  readonly files: number;
  /** Those among them whose file was gone already. */
  readonly missing: number;
  /** Freed, sidecars and manifests included. */
  readonly bytes: number;
}

/**
 * Removes the files of chunks that `Store.expireChunks` marked. Killed in between, recovery removes the rest.
 * Sidecars and manifests come on top of the bound that the store keeps: about 60 bytes a frame.
 */
export async function expireFiles(options: { readonly folder: string; readonly rows: readonly ChunkRow[] }): Promise<RetentionReport> {
  const { rows } = options;
  const folders = new Set<string>();
  let bytes = 0;
  let missing = 0;
  for (const row of rows) {
    const removed = await removeChunkFiles(options.folder, row.path);
    bytes += removed.bytesFreed;
    if (!removed.wasThere) missing += 1;
    folders.add(dirname(row.path));
  }
  for (const folder of folders) await rmdir(join(options.folder, folder)).catch(() => undefined); // a day that still has chunks stays
  return { files: rows.length, missing, bytes };
}
