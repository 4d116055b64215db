import { rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { PlatformError } from '../../engine/errors.ts';
import { type EpochMicros, epochMicros } from '../../engine/units.ts';
import type { MediaPacket, PacketReader } from '../../media/types.ts';
import type { StreamParameters } from '../../messages/stream-parameters.ts';
import type { ChunkRow } from '../store.ts';
import { type ChunkName, manifestPath, sidecarPath } from './chunk-path.ts';
import type { ContentHashFactory } from './content-hash.ts';
import { isMissingFile } from './durable-file.ts';
import { closedRow, writeManifest } from './manifest.ts';
import { type SidecarEntry, type SidecarHeader, readSidecar, rewriteSidecar, toParametersJson } from './sidecar.ts';

/** How chunk files are read and mended. */
export interface ArchiveTools {
  /** Opens a chunk; closed, torn or still growing. `read` gives the whole units only. */
  readonly openReader: (path: string) => Promise<PacketReader>;
  /** Cuts an unfinished unit off the end of a chunk. */
  readonly cutTornTail: (path: string) => Promise<{ readonly cutBytes: number }>;
  readonly createHash: ContentHashFactory;
}

/** A chunk that was left open. */
export interface UnfinishedChunk {
  readonly name: ChunkName;
  /** Relative to the archive folder. */
  readonly path: string;
  /** What the index knows of it. */
  readonly row: ChunkRow | undefined;
  /** Number of its first frame where neither sidecar nor index says it. */
  readonly firstFrameSeqGuess: number;
}

/** What became of it. */
export type RecoveredChunk =
  | { readonly kind: 'closed'; readonly row: ChunkRow; readonly cutBytes: number }
  /** It held no whole unit and was removed. */
  | { readonly kind: 'empty'; readonly cutBytes: number }
  /** It is no chunk any more, though the index says that it held frames; it was left as it is. */
  | { readonly kind: 'unreadable'; readonly error: unknown };

/** Finishes a chunk whose writer died: cuts its torn tail, brings its sidecar in line with it, and writes the manifest. */
export async function recoverChunk(folder: string, chunk: UnfinishedChunk, tools: ArchiveTools): Promise<RecoveredChunk> {
  const file = join(folder, chunk.path);
  let cutBytes = 0;
  const heldFrames = (chunk.row?.frameCount ?? 0) > 0;
  try {
    if (heldFrames) await (await tools.openReader(file)).close(); // cutting would empty a file whose head is damaged
    ({ cutBytes } = await tools.cutTornTail(file));
    const survey = await surveyChunk(file, chunk, tools);
    if (survey !== undefined) return { kind: 'closed', cutBytes, row: await finishChunk(file, chunk, survey) };
  } catch (error) {
    if (!isDamage(error)) throw error;
    if (heldFrames) return { kind: 'unreadable', error };
  }
  await removeChunkFiles(folder, chunk.path);
  return { kind: 'empty', cutBytes };
}

/** Deletes a chunk and what lies beside it; returns the bytes freed, and whether the chunk itself was there. */
export async function removeChunkFiles(folder: string, path: string): Promise<{ readonly bytesFreed: number; readonly wasThere: boolean }> {
  const file = join(folder, path);
  let bytesFreed = 0;
  let wasThere = false;
  for (const one of [sidecarPath(file), manifestPath(file), `${manifestPath(file)}.tmp`, `${sidecarPath(file)}.tmp`, file]) { // the chunk last: what is interrupted is found again
    const size = await stat(one).then((found) => found.size, (error: unknown) => {
      if (isMissingFile(error)) return undefined;
      throw error;
    });
    if (size === undefined) continue;
    await rm(one, { force: true });
    bytesFreed += size;
    wasThere ||= one === file;
  }
  return { bytesFreed, wasThere };
}

/** What reading a whole chunk found. */
interface Survey {
  readonly header: SidecarHeader;
  readonly entries: readonly SidecarEntry[];
  readonly contentHash: string;
  readonly isSidecarRight: boolean;
}

async function surveyChunk(file: string, chunk: UnfinishedChunk, tools: ArchiveTools): Promise<Survey | undefined> {
  if ((await stat(file)).size === 0) return undefined;
  const sidecar = await readSidecar(sidecarPath(file));
  const reader = await tools.openReader(file);
  try {
    const header = sidecar?.header ?? guessHeader(chunk, reader.parameters);
    const hash = tools.createHash(reader.parameters);
    const entries: SidecarEntry[] = [];
    for (let packet = await reader.read(); packet !== undefined; packet = await reader.read()) {
      hash.update(packet.data);
      entries.push(sidecar?.at(entries.length) ?? guessEntry(packet, { header, of: reader.parameters, before: entries.at(-1) }));
    }
    if (entries.length === 0) return undefined;
    return { header, entries, contentHash: hash.digest(), isSidecarRight: sidecar?.count === entries.length };
  } finally {
    await reader.close();
  }
}

async function finishChunk(file: string, chunk: UnfinishedChunk, survey: Survey): Promise<ChunkRow> {
  const { header, entries, contentHash } = survey;
  if (!survey.isSidecarRight) await rewriteSidecar(sidecarPath(file), header, entries);
  const { parameters, ...identity } = header;
  const times = entries.flatMap(({ pts }) => pts ?? []);
  const manifest = {
    ...identity, version: 1, endedAt: entries.at(-1)?.capturedAt ?? header.startedAt, frameCount: entries.length, sizeBytes: (await stat(file)).size, contentHash,
    ptsRange: times.length === 0 ? null : [times.reduce((a, b) => Math.min(a, b)), times.reduce((a, b) => Math.max(a, b))] as [number, number],
    parameters: toParametersJson(parameters),
  } as const;
  await writeManifest(manifestPath(file), manifest);
  return closedRow(chunk.path, manifest);
}

/** Only a power cut takes the header of a sidecar: it is in the file before the chunk exists. */
function guessHeader(chunk: UnfinishedChunk, parameters: StreamParameters): SidecarHeader {
  return { ...chunk.name, parameters, firstFrameSeq: chunk.row?.firstFrameSeq ?? chunk.firstFrameSeqGuess, isOpenGop: chunk.row?.isOpenGop ?? true };
}

/** Times of a frame without an entry: the capture time that the file itself keeps, else the one before moved on by its pts. */
function guessEntry(packet: MediaPacket, place: { readonly header: SidecarHeader; readonly of: StreamParameters; readonly before: SidecarEntry | undefined }): SidecarEntry {
  const { header, of, before } = place;
  const unitsPerTick = of.timeBase.num / of.timeBase.den * header.parameters.timeBase.den / header.parameters.timeBase.num;
  const toSource = (time: number | null): number | null => time === null ? null : Math.round(time * unitsPerTick);
  const [pts, dts, duration] = [toSource(packet.pts), toSource(packet.dts), toSource(packet.duration) ?? 0];
  const capturedAt = packet.cameraClockMicros === null ? movedOn(header, before, pts) : epochMicros(packet.cameraClockMicros);
  return { frameSeq: before === undefined ? header.firstFrameSeq : before.frameSeq + 1, isKey: packet.isKey, isCorrupt: packet.isCorrupt, capturedAt, arrivedAt: capturedAt, pts, dts, duration, sizeBytes: packet.data.byteLength };
}

function movedOn(header: SidecarHeader, before: SidecarEntry | undefined, pts: number | null): EpochMicros {
  if (before === undefined) return header.startedAt;
  const { num, den } = header.parameters.timeBase;
  const step = pts === null || before.pts === null ? before.duration : pts - before.pts;
  return epochMicros(before.capturedAt + Math.round(step * num / den * 1e6));
}

function isDamage(error: unknown): boolean {
  return error instanceof PlatformError && ['CHUNK_CORRUPT', 'MEDIA_INVALID', 'MEDIA_CORRUPT', 'MEDIA_UNSUPPORTED'].includes(error.code);
}
