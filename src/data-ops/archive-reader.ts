import { join } from 'node:path';
import { PlatformError } from '../engine/errors.ts';
import type { PacketReader } from '../media/types.ts';
import type { AccessUnit } from '../messages/access-unit.ts';
import type { ChunkPart } from '../messages/chunk-part.ts';
import type { StreamParameters } from '../messages/stream-parameters.ts';
import { sidecarPath } from './archive/chunk-path.ts';
import { type Sidecar, readSidecar } from './archive/sidecar.ts';
import type { ChunkRow } from './store.ts';

/** What to read back. */
export interface ReadOptions {
  /** The archive folder. */
  readonly folder: string;
  /** Chunks of one camera and epoch by chunkSeq. Of an open one the frames that its row counts are read; ask the index again for more. */
  readonly rows: readonly ChunkRow[];
  /** The first frame that is wanted. */
  readonly from: number;
  /** The last frame that is wanted. @default the last one of `rows` */
  readonly to?: number;
  /**
   * Starts at the key frame before `from`, so that a new decoder can follow; false when the reader's decoder is at `from` already.
   * @default true
   */
  readonly startsAtKey?: boolean;
  readonly openReader: (path: string) => Promise<PacketReader>;
  /** Number of the feed that the parts belong to. */
  readonly feed: number;
  readonly signal: AbortSignal;
}

/**
 * Recorded units in decode order, one a part, as they were when they were recorded: capture times, pts, damage marks. Framing and extradata are the
 * chunk file's. Expired chunks are left out, so that frameSeq may jump. Where the stream has open GOPs it starts one key frame earlier.
 * @throws PlatformError CHUNK_CORRUPT, with the frames that cannot be had as `from` and `to`, when a file is missing, short or without its sidecar
 */
export async function* readUnits(options: ReadOptions): AsyncGenerator<ChunkPart, void, void> {
  const rows = options.rows.filter((row) => !row.isExpired && row.frameCount > 0);
  const last = Math.min(options.to ?? Number.MAX_SAFE_INTEGER, lastFrameOf(rows.at(-1)));
  if (options.from > last) return;
  const start = options.startsAtKey === false ? options.from : await keyBefore(rows, options);
  for (const row of rows) {
    options.signal.throwIfAborted();
    if (lastFrameOf(row) < start) continue;
    if (row.firstFrameSeq > last) return;
    yield* readChunk(row, { first: Math.max(start, row.firstFrameSeq), last: Math.min(last, lastFrameOf(row)) }, options);
  }
}

async function* readChunk(row: ChunkRow, wanted: { readonly first: number; readonly last: number }, options: ReadOptions): AsyncGenerator<ChunkPart, void, void> {
  const file = join(options.folder, row.path);
  const sidecar = await sidecarOf(row, options.folder);
  const reader = await options.openReader(file).catch((error: unknown) => { throw corrupt(row, wanted.first, 'cannot be opened', error); });
  const interrupt = (): void => reader.interrupt();
  options.signal.addEventListener('abort', interrupt, { once: true });
  try {
    const parameters = partParameters(reader.parameters, sidecar.header.parameters);
    for (let index = 0; row.firstFrameSeq + index <= wanted.last; index += 1) {
      const packet = await reader.read();
      options.signal.throwIfAborted();
      const frameSeq = row.firstFrameSeq + index;
      const entry = sidecar.at(index);
      if (packet === undefined || entry === undefined) throw corrupt(row, Math.max(frameSeq, wanted.first), `ends before frame ${frameSeq}`);
      if (frameSeq < wanted.first) continue;
      const { sizeBytes: _, ...times } = entry;
      yield partOf(row, { ...times, data: packet.data, ...index === 0 ? { parameters } : {} }, { parameters, partSeq: index, options });
    }
  } finally {
    options.signal.removeEventListener('abort', interrupt);
    await reader.close();
  }
}

function partOf(row: ChunkRow, unit: AccessUnit, place: { readonly parameters: StreamParameters; readonly partSeq: number; readonly options: ReadOptions }): ChunkPart {
  const { parameters, partSeq, options } = place;
  return {
    camera: row.camera, epoch: row.epoch, chunkSeq: row.chunkSeq, partSeq, chunkStartedAt: row.startedAt, parameters,
    units: [unit], isOpenGop: row.isOpenGop, feed: options.feed,
    isEpochEnd: false, isRecovered: true, isAccounted: unit.frameSeq < options.from,
  };
}

/** The file's bytes with the source's times. */
function partParameters(file: StreamParameters, source: StreamParameters): StreamParameters {
  return { ...file, timeBase: source.timeBase, frameRate: source.frameRate, width: source.width || file.width, height: source.height || file.height };
}

/** Number of the key frame at or before the wanted one, of the one before that where GOPs are open; the oldest frame when there is none. */
async function keyBefore(rows: readonly ChunkRow[], options: ReadOptions): Promise<number> {
  let keysToPass = 0;
  for (const row of rows.toReversed()) {
    if (row.firstFrameSeq > options.from) continue;
    const sidecar = await sidecarOf(row, options.folder);
    if (keysToPass === 0) keysToPass = row.isOpenGop ? 2 : 1;
    for (let index = Math.min(options.from, lastFrameOf(row)) - row.firstFrameSeq; index >= 0; index -= 1) {
      if (sidecar.at(index)?.isKey !== true) continue;
      keysToPass -= 1;
      if (keysToPass === 0) return row.firstFrameSeq + index;
    }
  }
  return rows[0]?.firstFrameSeq ?? options.from;
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
