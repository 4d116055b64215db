import type { ChunkRow } from '../../src/data-ops/store.ts';
import { Chunker } from '../../src/data-ops/chunker.ts';
import { Recorder } from '../../src/data-ops/recorder.ts';
import type { ArchiveTools } from '../../src/data-ops/archive/recover-chunk.ts';
import type { Clock } from '../../src/engine/clock.ts';
import { type CameraId, epochMicros } from '../../src/engine/units.ts';
import type { SourceUnit } from '../../src/messages/access-unit.ts';
import type { ChunkPart } from '../../src/messages/chunk-part.ts';
import { envelopes, parameters, stageContext, unit } from './archive-fixtures.ts';
import { createFramedWriter, cutFramedTail, hashUnits, openFramedReader } from './chunk-files.ts';

/** The archive's tools for framed files. */
export const framedTools: ArchiveTools = {
  openReader: (path) => openFramedReader(path),
  cutTornTail: async (path) => ({ cutBytes: await cutFramedTail(path) }),
  createHash: hashUnits,
};

/** Time of the machine: recordings in tests wait for real disks. */
export const wallClock: Clock = {
  now: () => epochMicros(Date.now() * 1000), monotonicMs: () => performance.now(),
  sleep: (ms, signal) => new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, ms);
    signal?.addEventListener('abort', () => { clearTimeout(timer); reject(signal.reason); }, { once: true });
  }),
};

/** What a recording is made of. */
export interface RecordingOptions {
  readonly folder: string;
  readonly camera: CameraId;
  readonly epoch: number;
  readonly count: number;
  /** Units between key frames. */
  readonly gop?: number;
  readonly isClosedGop?: boolean;
  /** Sees each part when it is in its file. */
  readonly onPart?: (part: ChunkPart) => void;
}

/** Units of a recording: their bytes and times depend on their number only. */
export function recordedUnit(index: number, gop = 10): SourceUnit {
  return unit(index, { isKey: index % gop === 0, ...index === 0 ? { parameters } : {}, ...index % 13 === 5 ? { isCorrupt: true } : {}, ...index % 17 === 4 ? { pts: null, dts: null } : {}, ...index % 3 === 1 ? { cameraClock: epochMicros(index * 40_000 - 5_000_000) } : {} });
}

/** Records `count` units, a second of event time a chunk (at the next key frame), and ends in order. Returns the newest row of each chunk. */
export async function record(options: RecordingOptions): Promise<{ readonly parts: readonly ChunkPart[]; readonly rows: readonly ChunkRow[] }> {
  const { folder, camera, epoch } = options;
  const rows = new Map<number, ChunkRow>();
  const chunker = new Chunker({ camera, epoch, chunkSeconds: 0.9, isClosedGopStart: () => options.isClosedGop ?? true });
  const recorder = new Recorder({ folder, createWriter: (path) => createFramedWriter(path), createHash: hashUnits, index: async (batch) => { for (const row of batch) rows.set(row.chunkSeq, row); }, partMs: 20 });
  const ctx = stageContext({ clock: wallClock });
  await recorder.open(ctx);
  const parts: ChunkPart[] = [];
  for (let index = 0; index < options.count; index += 1) {
    const placed = await recorder.process(await chunker.process(envelopes(camera, [recordedUnit(index, options.gop)])), ctx);
    for (const { body } of placed) {
      if (Number.isFinite(options.count)) parts.push(body);
      options.onPart?.(body);
    }
  }
  await recorder.close();
  return { parts, rows: [...rows.values()].sort((a, b) => a.chunkSeq - b.chunkSeq) };
}
