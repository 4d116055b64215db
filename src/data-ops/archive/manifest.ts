import { readFile } from 'node:fs/promises';
import * as z from 'zod';
import { PlatformError } from '../../engine/errors.ts';
import { epochMicros, isCameraId } from '../../engine/units.ts';
import type { ChunkRow } from '../store.ts';
import { isMissingFile, writeFileAtomically } from './durable-file.ts';
import { parametersJson } from './sidecar.ts';

const manifestJson = z.object({
  version: z.literal(1),
  camera: z.string().refine(isCameraId), epoch: z.number(), chunkSeq: z.number(),
  startedAt: z.number(), endedAt: z.number(), firstFrameSeq: z.number(), frameCount: z.number(), isOpenGop: z.boolean(),
  /** Lowest and highest pts in units of `parameters.timeBase`; null when no frame has one. */
  ptsRange: z.tuple([z.number(), z.number()]).nullable(),
  sizeBytes: z.number(), contentHash: z.string(), parameters: parametersJson,
});

/** What a closed chunk must hold: JSON beside its file, enough to rebuild the index and to prove the copy. */
export type Manifest = z.infer<typeof manifestJson>;

/** Writes a manifest; it exists whole or not at all. */
export async function writeManifest(path: string, manifest: Manifest): Promise<void> {
  await writeFileAtomically(path, `${JSON.stringify(manifest, null, 1)}\n`);
}

/**
 * Reads a manifest; undefined when there is none.
 * @throws PlatformError CHUNK_CORRUPT when it is none that this build can read
 */
export async function readManifest(path: string): Promise<Manifest | undefined> {
  try {
    return manifestJson.parse(JSON.parse(await readFile(path, 'utf8')));
  } catch (error) {
    if (isMissingFile(error)) return undefined;
    throw new PlatformError('CHUNK_CORRUPT', `the manifest ${path} cannot be read`, { path }, error);
  }
}

/** The index row of a closed chunk. */
export function closedRow(path: string, manifest: Manifest): ChunkRow {
  const { epoch, chunkSeq, firstFrameSeq, frameCount, sizeBytes, isOpenGop, contentHash } = manifest;
  if (!isCameraId(manifest.camera)) throw new PlatformError('CHUNK_CORRUPT', `the manifest of ${path} names no camera`, { path });
  return {
    camera: manifest.camera, epoch, chunkSeq, path, firstFrameSeq, frameCount, startedAt: epochMicros(manifest.startedAt), endedAt: epochMicros(manifest.endedAt),
    sizeBytes, isOpenGop, contentHash, isClosed: true, isExpired: false,
  };
}
