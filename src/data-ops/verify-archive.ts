import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { PacketReader } from '../media/types.ts';
import { manifestPath } from './archive/chunk-path.ts';
import type { ContentHashFactory } from './archive/content-hash.ts';
import { readManifest } from './archive/manifest.ts';
import type { ChunkRow } from './store.ts';

/** What to verify. */
export interface VerifyArchiveOptions {
  readonly folder: string;
  readonly rows: Iterable<ChunkRow>;
  readonly openReader: (path: string) => Promise<PacketReader>;
  readonly createHash: ContentHashFactory;
  readonly signal?: AbortSignal;
}

/** A chunk that is not what the index says. */
export interface ArchiveProblem { readonly path: string; readonly kind: 'missing' | 'unreadable' | 'frames' | 'hash' | 'manifest' | 'size'; readonly message: string }

/** The archive as found. */
export interface ArchiveReport {
  /** Closed chunks that were read again. */
  readonly verified: number;
  readonly verifiedFrames: number;
  readonly verifiedBytes: number;
  /** Chunks still being written: not looked at. */
  readonly open: number;
  /** Chunks that retention removed. */
  readonly expired: number;
  readonly problems: readonly ArchiveProblem[];
  /** True when there is no problem. */
  readonly isSound: boolean;
}

/** Reads every closed chunk again and compares it with index and manifest: frame count, size, hash over the content. */
export async function verifyArchive(options: VerifyArchiveOptions): Promise<ArchiveReport> {
  const counts = { verified: 0, verifiedFrames: 0, verifiedBytes: 0, open: 0, expired: 0 };
  const problems: ArchiveProblem[] = [];
  for (const row of options.rows) {
    options.signal?.throwIfAborted();
    if (row.isExpired) counts.expired += 1;
    else if (!row.isClosed) counts.open += 1;
    else {
      const found = await verifyChunk(row, options);
      problems.push(...found);
      if (found.length > 0) continue;
      counts.verified += 1;
      counts.verifiedFrames += row.frameCount;
      counts.verifiedBytes += row.sizeBytes;
    }
  }
  return { ...counts, problems, isSound: problems.length === 0 };
}

async function verifyChunk(row: ChunkRow, options: VerifyArchiveOptions): Promise<readonly ArchiveProblem[]> {
  const file = join(options.folder, row.path);
  const problem = (kind: ArchiveProblem['kind'], message: string): ArchiveProblem => ({ path: row.path, kind, message });
  const sizeBytes = await stat(file).then((found) => found.size, () => undefined);
  if (sizeBytes === undefined) return [problem('missing', 'the file is not there')];
  const problems: ArchiveProblem[] = [];
  if (sizeBytes !== row.sizeBytes) problems.push(problem('size', `${sizeBytes} bytes instead of ${row.sizeBytes}`));
  try {
    const { frameCount, contentHash } = await rehash(file, options);
    if (frameCount !== row.frameCount) problems.push(problem('frames', `${frameCount} frames instead of ${row.frameCount}`));
    if (contentHash !== row.contentHash) problems.push(problem('hash', `content hash ${contentHash} instead of ${row.contentHash ?? 'none'}`));
    const manifest = await readManifest(manifestPath(file));
    const isAgreed = manifest !== undefined && manifest.contentHash === row.contentHash && manifest.frameCount === row.frameCount && manifest.firstFrameSeq === row.firstFrameSeq;
    if (!isAgreed) problems.push(problem('manifest', manifest === undefined ? 'there is no manifest' : 'manifest and index differ'));
  } catch (error) {
    problems.push(problem('unreadable', error instanceof Error ? error.message : String(error)));
  }
  return problems;
}

async function rehash(file: string, options: VerifyArchiveOptions): Promise<{ readonly frameCount: number; readonly contentHash: string }> {
  const reader = await options.openReader(file);
  try {
    const hash = options.createHash(reader.parameters);
    let frameCount = 0;
    for (let packet = await reader.read(); packet !== undefined; packet = await reader.read()) {
      hash.update(packet.data);
      frameCount += 1;
    }
    return { frameCount, contentHash: hash.digest() };
  } finally {
    await reader.close();
  }
}
