import { PlatformError } from '../../engine/errors.ts';
import { type CameraId, type EpochMicros, epochMicros } from '../../engine/units.ts';

/** What the path of a chunk says of it. */
export interface ChunkName {
  readonly camera: CameraId;
  readonly epoch: number;
  readonly chunkSeq: number;
  readonly startedAt: EpochMicros;
}

const FILE_NAME = /^(\d+)-(\d+)-(-?\d+)\.mp4$/;

/** Path below the archive folder: `<camera>/<yyyy-mm-dd>/<epoch>-<chunkSeq>-<startedAt>.mp4`, the day in UTC. */
export function chunkPath(name: ChunkName): string {
  return `${name.camera}/${new Date(name.startedAt / 1000).toISOString().slice(0, 10)}/${name.epoch}-${name.chunkSeq}-${Math.round(name.startedAt)}.mp4`;
}

/** Reads a file name made by `chunkPath`; undefined for any other. */
export function parseChunkFile(camera: CameraId, fileName: string): ChunkName | undefined {
  const match = FILE_NAME.exec(fileName);
  if (match === null) return undefined;
  return { camera, epoch: Number(match[1]), chunkSeq: Number(match[2]), startedAt: epochMicros(Number(match[3])) };
}

/** Path of the file beside a chunk that holds the times of its frames. */
export function sidecarPath(chunk: string): string { return beside(chunk, 'idx'); }

/** Path of the file beside a closed chunk that says what it must hold. */
export function manifestPath(chunk: string): string { return beside(chunk, 'json'); }

function beside(chunk: string, extension: string): string {
  if (!chunk.endsWith('.mp4')) throw new PlatformError('CHUNK_CORRUPT', `'${chunk}' is no path of a chunk`, { path: chunk });
  return `${chunk.slice(0, -'mp4'.length)}${extension}`;
}
