import { join } from 'node:path';
import { PlatformError } from '../engine/errors.ts';
import type { CameraId, EpochMicros } from '../engine/units.ts';
import { reframe } from '../media/reframe.ts';
import type { PacketReader } from '../media/types.ts';
import type { AccessUnit } from '../messages/access-unit.ts';
import type { ChunkPart } from '../messages/chunk-part.ts';
import type { StreamParameters } from '../messages/stream-parameters.ts';
import { chunkFiles } from './archive/chunk-files.ts';
import { sidecarPath } from './archive/chunk-path.ts';
import { type Sidecar, readSidecar } from './archive/sidecar.ts';
import type { ChunkRow, SeqRange } from './store.ts';

/** What to read back. */
export interface ReadOptions {
  /** The archive folder. */
  readonly folder: string;
  readonly camera: CameraId;
  readonly epoch: number;
  /** Chunks of the camera and epoch as the index knows them, by chunkSeq. Newer ones, and what open ones hold by now, are found on disk. */
  readonly rows: readonly ChunkRow[];
  /** The first frame that is wanted. */
  readonly from: number;
  /** The last frame that is wanted. @default the last one on disk */
  readonly to?: number;
  /**
   * Starts at the key frame before `from`, so that a new decoder can follow; false when the reader's decoder is at `from` already.
   * @default true
   */
  readonly startsAtKey?: boolean;
  readonly openReader: (path: string) => Promise<PacketReader>;
  /**
   * Told of the wanted frames that a damaged chunk cannot give; reading goes on with the next chunk.
   * @default the error is thrown
   */
  readonly onDamage?: (lost: SeqRange, error: PlatformError) => void;
  readonly signal: AbortSignal;
}

/** A chunk to read; `to` is its last frame, or the last one that an open chunk may hold by now. */
interface Span { readonly row: ChunkRow; readonly from: number; readonly to: number }

/**
 * Recorded units of one epoch in decode order, one a part, as they were when they were recorded: parameters and framing, capture times, pts, damage
 * marks; so a decoder that goes on with live units sees one stream. Reads to the end of what is on disk now, also of the chunk that is being written. Expired chunks are left out, so that
 * frameSeq may jump. Where the stream has open GOPs it starts one key frame earlier. Parts are marked recovered, those before `from` accounted.
 * @throws PlatformError CHUNK_CORRUPT, with the frames that cannot be had as `from` and `to`, when a file is missing, short or without its sidecar
 */
export async function* readUnits(options: ReadOptions): AsyncGenerator<ChunkPart, void, void> {
  const spans = await spansOf(options);
  const last = Math.min(options.to ?? Number.MAX_SAFE_INTEGER, spans.at(-1)?.to ?? -1);
  if (options.from > last) return;
  const start = options.startsAtKey === false ? options.from : await keyBefore(spans, options);
  for (const span of spans) {
    options.signal.throwIfAborted();
    if (span.to < start) continue;
    if (span.from > last) return;
    try {
      yield* readChunk(span.row, { first: Math.max(start, span.from), last: Math.min(last, span.to) }, options);
    } catch (error) {
      if (options.onDamage === undefined || !(error instanceof PlatformError) || error.code !== 'CHUNK_CORRUPT') throw error;
      const lost = { from: Math.max(options.from, Number(error.facts['from'] ?? span.from)), to: Math.min(last, span.to) };
      if (lost.from <= lost.to) options.onDamage(lost, error); // else they were wanted for reference only
    }
  }
}

/** When the last indexed frame of a chunk reached this machine; undefined when the file of its frame times is gone or ends before it. */
export async function lastArrival(folder: string, row: ChunkRow): Promise<EpochMicros | undefined> {
  return (await readSidecar(sidecarPath(join(folder, row.path))))?.at(row.frameCount - 1)?.arrivedAt;
}

async function spansOf(options: ReadOptions): Promise<readonly Span[]> {
  const known = options.rows.filter((row) => !row.isExpired && row.frameCount > 0);
  const isWhole = known.every((row, index) => index === 0 || row.firstFrameSeq === lastFrameOf(known[index - 1]) + 1);
  const isEnough = isWhole && options.to !== undefined && options.to <= lastFrameOf(known.at(-1));
  const spans: Span[] = [];
  for (const row of isEnough ? known : [...known, ...await unindexedChunks(options)].sort((a, b) => a.chunkSeq - b.chunkSeq)) {
    const count = row.isClosed ? row.frameCount : Math.max(row.frameCount, (await readSidecar(sidecarPath(join(options.folder, row.path))))?.count ?? 0);
    if (count > 0) spans.push({ row, from: row.firstFrameSeq, to: row.firstFrameSeq + count - 1 });
  }
  return spans;
}

/** Chunks on disk that the index does not know yet, as open rows that count nothing: it may hear of a short one after the one that follows. */
async function unindexedChunks(options: ReadOptions): Promise<readonly ChunkRow[]> {
  const { folder, camera, epoch } = options;
  const indexed = new Set(options.rows.map(row => row.chunkSeq));
  const newer: ChunkRow[] = [];
  for (const { name, path } of await chunkFiles(folder, camera, epoch)) {
    if (indexed.has(name.chunkSeq)) continue;
    const header = (await readSidecar(sidecarPath(join(folder, path))))?.header;
    if (header === undefined) continue; // begun this moment: its first unit is not in the file yet
    const { firstFrameSeq, startedAt, isOpenGop } = header;
    newer.push({ camera, epoch, chunkSeq: name.chunkSeq, path, firstFrameSeq, frameCount: 0, startedAt, endedAt: startedAt, sizeBytes: 0, isOpenGop, contentHash: null, isClosed: false, isExpired: false });
  }
  return newer;
}

async function* readChunk(row: ChunkRow, wanted: { readonly first: number; readonly last: number }, options: ReadOptions): AsyncGenerator<ChunkPart, void, void> {
  const file = join(options.folder, row.path);
  const sidecar = await sidecarOf(row, options.folder);
  const reader = await options.openReader(file).catch((error: unknown) => {
    if (row.frameCount === 0) return undefined; // begun this moment: its first unit is not in the file yet
    throw corrupt(row, wanted.first, 'cannot be opened', error);
  });
  if (reader === undefined) return;
  const interrupt = (): void => reader.interrupt();
  options.signal.addEventListener('abort', interrupt, { once: true });
  try {
    const { parameters } = sidecar.header;
    for (let index = 0; row.firstFrameSeq + index <= wanted.last; index += 1) {
      const packet = await reader.read();
      options.signal.throwIfAborted();
      const frameSeq = row.firstFrameSeq + index;
      const entry = sidecar.at(index);
      // A row that is open counts what was synced; of what came after it the writer may be in the middle.
      if ((packet === undefined || entry === undefined) && index >= row.frameCount) return;
      if (packet === undefined || entry === undefined) throw corrupt(row, Math.max(frameSeq, wanted.first), `ends before frame ${frameSeq}`);
      if (frameSeq < wanted.first) continue;
      const { sizeBytes: _, ...times } = entry;
      yield partOf(row, { ...times, data: reframe(packet.data, reader.parameters, parameters), ...index === 0 ? { parameters } : {} }, { parameters, partSeq: index, from: options.from });
    }
  } finally {
    options.signal.removeEventListener('abort', interrupt);
    await reader.close();
  }
}

function partOf(row: ChunkRow, unit: AccessUnit, place: { readonly parameters: StreamParameters; readonly partSeq: number; readonly from: number }): ChunkPart {
  const { parameters, partSeq, from } = place;
  return {
    camera: row.camera, epoch: row.epoch, chunkSeq: row.chunkSeq, partSeq, chunkStartedAt: row.startedAt, parameters,
    units: [unit], isOpenGop: row.isOpenGop, isEpochEnd: false, isRecovered: true, isAccounted: unit.frameSeq < from, feed: 0,
  };
}

/** Number of the key frame at or before the wanted one, of the one before that where GOPs are open; the oldest frame when there is none. */
async function keyBefore(spans: readonly Span[], options: ReadOptions): Promise<number> {
  let keysToPass = 0;
  for (const { row, from, to } of spans.toReversed()) {
    if (from > options.from) continue;
    const sidecar = await readSidecar(sidecarPath(join(options.folder, row.path)));
    if (keysToPass === 0) keysToPass = row.isOpenGop ? 2 : 1;
    for (let index = Math.min(options.from, to) - from; index >= 0; index -= 1) {
      if (sidecar?.at(index)?.isKey !== true) continue;
      keysToPass -= 1;
      if (keysToPass === 0) return from + index;
    }
  }
  return spans[0]?.from ?? options.from;
}

async function sidecarOf(row: ChunkRow, folder: string): Promise<Sidecar> {
  const sidecar = await readSidecar(sidecarPath(join(folder, row.path)));
  if (sidecar === undefined) throw corrupt(row, row.firstFrameSeq, 'has lost the file of its frame times');
  return sidecar;
}

function lastFrameOf(row: ChunkRow | undefined): number { return row === undefined ? -1 : row.firstFrameSeq + row.frameCount - 1; }

function corrupt(row: ChunkRow, from: number, what: string, cause?: unknown): PlatformError {
  return new PlatformError('CHUNK_CORRUPT', `chunk ${row.path} of camera '${row.camera}' ${what}`, { camera: row.camera, epoch: row.epoch, path: row.path, from, to: lastFrameOf(row) }, cause);
}
