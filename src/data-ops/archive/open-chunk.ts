import { mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { ChunkWriter } from '../../media/types.ts';
import type { AccessUnit } from '../../messages/access-unit.ts';
import type { ChunkPart } from '../../messages/chunk-part.ts';
import type { StreamParameters } from '../../messages/stream-parameters.ts';
import type { ChunkRow } from '../store.ts';
import { chunkPath, manifestPath, sidecarPath } from './chunk-path.ts';
import type { ContentHash, ContentHashFactory } from './content-hash.ts';
import { syncFolder } from './durable-file.ts';
import { closedRow, writeManifest } from './manifest.ts';
import { SidecarWriter, toParametersJson } from './sidecar.ts';

/** Opens a file for the units of one chunk. */
export type ChunkWriterFactory = (path: string, parameters: StreamParameters) => Promise<ChunkWriter>;

/** What chunk files are made with. */
export interface ChunkTools {
  /** The archive folder. */
  readonly folder: string;
  readonly createWriter: ChunkWriterFactory;
  readonly createHash: ContentHashFactory;
}

/** A chunk that is being written: the file, its sidecar, and in the end its manifest. */
export class OpenChunk {
  /** Relative to the archive folder. */
  readonly path: string;
  readonly #part: ChunkPart;
  readonly #folder: string;
  readonly #writer: ChunkWriter;
  readonly #sidecar: SidecarWriter;
  readonly #hash: ContentHash;
  readonly #firstFrameSeq: number;
  #frameCount = 0;
  #endedAt;
  #ptsRange: [number, number] | null = null;
  #isFolderSynced = false;

  private constructor(tools: ChunkTools, part: ChunkPart, path: string, files: { readonly writer: ChunkWriter; readonly sidecar: SidecarWriter }) {
    this.path = path;
    this.#part = part;
    this.#folder = tools.folder;
    this.#writer = files.writer;
    this.#sidecar = files.sidecar;
    this.#hash = tools.createHash(part.parameters);
    this.#firstFrameSeq = part.units[0]?.frameSeq ?? 0;
    this.#endedAt = part.chunkStartedAt;
  }

  /** Makes the files of the chunk that `part` begins. */
  static async create(tools: ChunkTools, part: ChunkPart): Promise<OpenChunk> {
    const { camera, epoch, chunkSeq, chunkStartedAt: startedAt, isOpenGop, parameters } = part;
    const path = chunkPath({ camera, epoch, chunkSeq, startedAt });
    const file = join(tools.folder, path);
    await mkdir(dirname(file), { recursive: true, mode: 0o700 });
    const sidecar = await SidecarWriter.create(sidecarPath(file), { camera, epoch, chunkSeq, startedAt, firstFrameSeq: part.units[0]?.frameSeq ?? 0, isOpenGop, parameters });
    try {
      return new OpenChunk(tools, part, path, { sidecar, writer: await tools.createWriter(file, parameters) });
    } catch (error) {
      await sidecar.close();
      throw error;
    }
  }

  /** True when `part` belongs to this chunk. */
  holds(part: ChunkPart): boolean { return part.chunkSeq === this.#part.chunkSeq && part.epoch === this.#part.epoch; }

  /** Resolves when the units are in the file: they survive kill -9. Their times go first, so that no frame is without. */
  async append(units: readonly AccessUnit[]): Promise<void> {
    if (units.length === 0) return;
    this.#sidecar.append(units);
    for (const unit of units) {
      await this.#writer.write(unit);
      this.#hash.update(unit.data);
      this.#frameCount += 1;
      this.#endedAt = unit.capturedAt;
      if (unit.pts !== null) this.#ptsRange = [Math.min(this.#ptsRange?.[0] ?? unit.pts, unit.pts), Math.max(this.#ptsRange?.[1] ?? unit.pts, unit.pts)];
    }
  }

  /** The index row of what is in the file now. */
  row(): ChunkRow {
    const { camera, epoch, chunkSeq, chunkStartedAt: startedAt, isOpenGop } = this.#part;
    return {
      camera, epoch, chunkSeq, path: this.path, firstFrameSeq: this.#firstFrameSeq, frameCount: this.#frameCount, startedAt, endedAt: this.#endedAt,
      sizeBytes: this.#writer.sizeBytes, isOpenGop, contentHash: null, isClosed: false, isExpired: false,
    };
  }

  /** What was appended before the call survives a power cut after it. */
  async sync(): Promise<void> {
    await Promise.all([this.#sidecar.sync(), this.#writer.sync()]);
    if (this.#isFolderSynced) return;
    await syncFolder(dirname(join(this.#folder, this.path)));
    this.#isFolderSynced = true;
  }

  /** Syncs and closes the files, writes the manifest and returns the row of the closed chunk. */
  async finish(): Promise<ChunkRow> {
    await this.sync();
    await this.#closeFiles();
    const { path, camera, epoch, chunkSeq, firstFrameSeq, frameCount, startedAt, endedAt, sizeBytes, isOpenGop } = this.row();
    const manifest = {
      version: 1, camera, epoch, chunkSeq, startedAt, endedAt, firstFrameSeq, frameCount, isOpenGop, ptsRange: this.#ptsRange, sizeBytes,
      contentHash: this.#hash.digest(), parameters: toParametersJson(this.#part.parameters),
    } as const;
    await writeManifest(manifestPath(join(this.#folder, path)), manifest);
    return closedRow(path, manifest);
  }

  /** Closes the files as they are; recovery finishes the chunk. */
  async abandon(): Promise<void> { await this.#closeFiles().catch(() => undefined); }

  async #closeFiles(): Promise<void> {
    try {
      await this.#writer.close();
    } finally {
      await this.#sidecar.close();
    }
  }
}
