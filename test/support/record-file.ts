import { contentHashOf } from '../../actors/ingest/chunk-tools.ts';
import { Chunker } from '../../src/data-ops/chunker.ts';
import { Recorder } from '../../src/data-ops/recorder.ts';
import type { ChunkRow } from '../../src/data-ops/store.ts';
import { systemRandom } from '../../src/engine/seeded-random.ts';
import { systemClock } from '../../src/engine/system-clock.ts';
import type { CameraId } from '../../src/engine/units.ts';
import { createSource } from '../../src/ingress/index.ts';
import { libavAccess } from '../../src/ingress/libav-access.ts';
import { createChunkWriter, createContentHash, isClosedGopStart } from '../../src/media/index.ts';
import type { StreamParameters } from '../../src/messages/stream-parameters.ts';
import { stageContext } from './archive-fixtures.ts';

/** A file as it was recorded. */
export interface RecordedFile {
  readonly camera: CameraId;
  readonly epoch: number;
  /** Closed chunks by chunkSeq. */
  readonly rows: readonly ChunkRow[];
  readonly units: number;
  /** Hash over the NAL units of the source, in order. */
  readonly sourceHash: string;
  readonly unreadablePackets: number;
}

/** Reads a file as fast as it goes through the real source, chunker and recorder into the archive `folder`. */
export async function recordFile(uri: string, folder: string, chunkSeconds: number): Promise<RecordedFile> {
  const camera = 'file' as CameraId;
  const epoch = 1;
  const { signal } = new AbortController();
  const source = await createSource({ uri, options: { isPaced: false }, media: libavAccess, ctx: { clock: systemClock, random: systemRandom } });
  const session = await source.open(signal);
  const rows = new Map<number, ChunkRow>();
  const chunker = new Chunker({ camera, epoch, chunkSeconds, isClosedGopStart });
  const recorder = new Recorder({ folder, createWriter: createChunkWriter, createHash: contentHashOf, index: async (batch) => { for (const row of batch) rows.set(row.chunkSeq, row); } });
  const ctx = stageContext({ clock: systemClock, signal });
  const hash = createContentHash();
  let parameters: StreamParameters | undefined;
  let units = 0;
  await recorder.open(ctx);
  try {
    for (let unit = await session.next(signal); unit !== undefined; unit = await session.next(signal)) {
      parameters = unit.parameters ?? parameters;
      if (parameters === undefined) throw new Error('the first unit carries no parameters');
      hash.update(unit.data, parameters);
      units += 1;
      await recorder.process(await chunker.process([{ body: unit, key: camera, capturedAt: unit.capturedAt, trace: '' }]), ctx);
    }
    await recorder.process(chunker.end(), ctx);
  } finally {
    await recorder.close();
    await session.close();
  }
  return { camera, epoch, units, rows: [...rows.values()].toSorted((a, b) => a.chunkSeq - b.chunkSeq), sourceHash: hash.digest(), unreadablePackets: session.unreadablePackets };
}
