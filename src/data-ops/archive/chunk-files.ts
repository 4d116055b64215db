import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { CameraId } from '../../engine/units.ts';
import { type ChunkName, parseChunkFile } from './chunk-path.ts';
import { isMissingFile } from './durable-file.ts';

/** A chunk file as found; `path` is relative to the archive folder. */
export interface ChunkFile { readonly name: ChunkName; readonly path: string }

/** Chunk files of a camera, or of one of its epochs, in the order they were recorded. */
export async function chunkFiles(folder: string, camera: CameraId, epoch?: number): Promise<readonly ChunkFile[]> {
  const files: ChunkFile[] = [];
  for (const day of await namesIn(join(folder, camera))) {
    for (const fileName of await namesIn(join(folder, camera, day))) {
      const name = parseChunkFile(camera, fileName);
      if (name !== undefined && (epoch === undefined || name.epoch === epoch)) files.push({ name, path: `${camera}/${day}/${fileName}` });
    }
  }
  return files.sort((a, b) => a.name.epoch - b.name.epoch || a.name.chunkSeq - b.name.chunkSeq);
}

/** Names in a folder; none when there is no such folder. */
export async function namesIn(folder: string): Promise<readonly string[]> {
  return readdir(folder).catch((error: unknown) => {
    if (isMissingFile(error) || (error instanceof Error && 'code' in error && error.code === 'ENOTDIR')) return [];
    throw error;
  });
}
