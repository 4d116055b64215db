import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../engine/clock.ts';
import { type CameraId, type EpochMicros, isCameraId } from '../engine/units.ts';
import type { PlatformEvent } from '../messages/platform-event.ts';
import { type ChunkName, manifestPath, parseChunkFile } from './archive/chunk-path.ts';
import { isMissingFile } from './archive/durable-file.ts';
import { closedRow, readManifest } from './archive/manifest.ts';
import { type ArchiveTools, recoverChunk, removeChunkFiles } from './archive/recover-chunk.ts';
import type { ChunkRow } from './store.ts';

/** What recovery works on. */
export interface RecoveryOptions {
  /** The archive folder. */
  readonly folder: string;
  readonly tools: ArchiveTools;
  readonly clock: Clock;
  /** Every row that the index has of a camera. */
  readonly rows: (camera: CameraId) => Promise<readonly ChunkRow[]>;
  /** The cameras that the index knows; those that only the folder knows are found. */
  readonly cameras: readonly CameraId[];
  /** Only this camera: after its recorder failed, before its next epoch begins. */
  readonly onlyCamera?: CameraId;
}

/** The last frame of an epoch that survived. */
export interface LastFrame {
  readonly camera: CameraId;
  readonly epoch: number;
  readonly frameSeq: number;
  readonly capturedAt: EpochMicros;
  /** True when its chunk had to be finished: the recorder did not end in order. */
  readonly wasOpen: boolean;
}

/** What recovery found and did. */
export interface Recovery {
  /** Rows that the index must take: chunks that were finished now, and those that it did not know. */
  readonly rows: readonly ChunkRow[];
  /** A `torn-tail` event for each chunk that was cut. */
  readonly events: readonly PlatformEvent[];
  /** Of each camera's newest epoch, and of each epoch that had an open chunk. A gap begins there. */
  readonly lastFrames: readonly LastFrame[];
  /** Chunks of the index whose file is gone; among `rows` as expired. */
  readonly missing: readonly string[];
  /** Chunks that are no longer readable; their files stay. */
  readonly unreadable: readonly string[];
  /** Files that retention had marked, or that held no frame; removed. */
  readonly removed: readonly string[];
}

type Findings = { readonly [Key in keyof Recovery]: Recovery[Key][number][] };

/**
 * Brings archive and index together at start, while nobody records: finishes chunks whose writer died, finds chunks that the index does not know,
 * and completes deletions. Running it again changes nothing. Reads each unfinished chunk once; closed ones are listed only.
 * @throws what the file system or `rows` fails with
 */
export async function recoverArchive(options: RecoveryOptions): Promise<Recovery> {
  const found: Findings = { rows: [], events: [], lastFrames: [], missing: [], unreadable: [], removed: [] };
  const cameras = new Set([...options.cameras, ...(await namesIn(options.folder)).filter(isCameraId)]);
  for (const camera of [...cameras].sort()) {
    if (options.onlyCamera === undefined || options.onlyCamera === camera) await recoverCamera(camera, options, found);
  }
  return found;
}

async function recoverCamera(camera: CameraId, options: RecoveryOptions, found: Findings): Promise<void> {
  const known = new Map((await options.rows(camera)).map((row) => [row.path, row]));
  const unknownOrOpen: { name: ChunkName; path: string }[] = [];
  const onDisk = new Set<string>();
  for (const file of await chunkFiles(options.folder, camera)) {
    onDisk.add(file.path);
    const row = known.get(file.path);
    if (row?.isExpired === true) {
      await removeChunkFiles(options.folder, file.path);
      found.removed.push(file.path);
    } else if (row?.isClosed !== true) unknownOrOpen.push(file);
  }
  const wasOpen = new Set<string>();
  for (const file of unknownOrOpen) {
    const row = await settleChunk(file, { known, options, found });
    if (row === undefined) continue;
    if (row.isFinishedNow) wasOpen.add(row.row.path);
    known.set(row.row.path, row.row);
    found.rows.push(row.row);
  }
  for (const row of known.values()) {
    if (row.isExpired || row.isClosed || onDisk.has(row.path)) continue;
    found.missing.push(row.path);
    found.rows.push({ ...row, isClosed: true, isExpired: true });
  }
  found.lastFrames.push(...lastFrames([...known.values()], wasOpen));
}

/** Gives one unfinished or unknown chunk its row; undefined when nothing of it is left to index. */
async function settleChunk(
  file: { readonly name: ChunkName; readonly path: string },
  around: { readonly known: ReadonlyMap<string, ChunkRow>; readonly options: RecoveryOptions; readonly found: Findings },
): Promise<{ readonly row: ChunkRow; readonly isFinishedNow: boolean } | undefined> {
  const { known, options, found } = around;
  const manifest = await readManifest(manifestPath(join(options.folder, file.path))).catch(() => undefined); // a damaged one is written anew
  if (manifest !== undefined) return { row: closedRow(file.path, manifest), isFinishedNow: false };
  const row = known.get(file.path);
  const result = await recoverChunk(options.folder, { ...file, row, firstFrameSeqGuess: framesBefore(file.name, known.values()) }, options.tools);
  if (result.kind !== 'unreadable' && result.cutBytes > 0) {
    found.events.push({ type: 'torn-tail', camera: file.name.camera, at: options.clock.now(), file: file.path, cutBytes: result.cutBytes });
  }
  switch (result.kind) {
    case 'closed': return { row: result.row, isFinishedNow: true };
    case 'empty':
      found.removed.push(file.path);
      return row === undefined ? undefined : { row: { ...row, frameCount: 0, isClosed: true, isExpired: true }, isFinishedNow: true };
    case 'unreadable':
      found.unreadable.push(file.path);
      return row === undefined ? undefined : { row: { ...row, isClosed: true, sizeBytes: (await stat(join(options.folder, file.path))).size }, isFinishedNow: true };
  }
}

function framesBefore(name: ChunkName, rows: Iterable<ChunkRow>): number {
  let count = 0;
  for (const row of rows) {
    if (row.epoch === name.epoch && row.chunkSeq < name.chunkSeq) count = Math.max(count, row.firstFrameSeq + row.frameCount);
  }
  return count;
}

function lastFrames(rows: readonly ChunkRow[], wasOpen: ReadonlySet<string>): readonly LastFrame[] {
  const newest = new Map<number, ChunkRow>();
  for (const row of rows) {
    if (row.frameCount > 0 && row.chunkSeq >= (newest.get(row.epoch)?.chunkSeq ?? -1)) newest.set(row.epoch, row);
  }
  const lastEpoch = [...newest.keys()].reduce((a, b) => Math.max(a, b), 0);
  const openEpochs = new Set(rows.filter(({ path }) => wasOpen.has(path)).map(({ epoch }) => epoch));
  return [...newest.values()].filter(({ epoch }) => epoch === lastEpoch || openEpochs.has(epoch)).sort((a, b) => a.epoch - b.epoch).map((row) => ({
    camera: row.camera, epoch: row.epoch, frameSeq: row.firstFrameSeq + row.frameCount - 1, capturedAt: row.endedAt, wasOpen: openEpochs.has(row.epoch),
  }));
}

/** Chunk files of a camera in the order they were recorded. */
async function chunkFiles(folder: string, camera: CameraId): Promise<readonly { readonly name: ChunkName; readonly path: string }[]> {
  const files: { name: ChunkName; path: string }[] = [];
  for (const day of await namesIn(join(folder, camera))) {
    for (const fileName of await namesIn(join(folder, camera, day))) {
      const name = parseChunkFile(camera, fileName);
      if (name !== undefined) files.push({ name, path: `${camera}/${day}/${fileName}` });
    }
  }
  return files.sort((a, b) => a.name.epoch - b.name.epoch || a.name.chunkSeq - b.name.chunkSeq);
}

async function namesIn(folder: string): Promise<readonly string[]> {
  return readdir(folder).catch((error: unknown) => {
    if (isMissingFile(error) || (error instanceof Error && 'code' in error && error.code === 'ENOTDIR')) return [];
    throw error;
  });
}
