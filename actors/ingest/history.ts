import { recoverArchive } from '../../src/data-ops/archive.ts';
import { readUnits } from '../../src/data-ops/archive-reader.ts';
import type { FeederHistory } from '../../src/data-ops/feeder.ts';
import type { RemoteStore } from '../../src/data-ops/remote-store.ts';
import { PlatformError } from '../../src/engine/errors.ts';
import type { CameraId, EpochMicros } from '../../src/engine/units.ts';
import { cutTornTail, readChunkFile } from '../../src/media/index.ts';
import type { RoleContext } from '../process/role-process.ts';
import { contentHashOf } from './chunk-tools.ts';

/** What an earlier process left behind of a camera. */
export interface Recovered {
  /** Event time of the last durable frame; undefined when there is none. */
  readonly lastCapturedAt: EpochMicros | undefined;
}

/** Mends the camera's archive and tells the store what it holds. */
export async function recoverCamera(camera: CameraId, folder: string, store: RemoteStore, ctx: RoleContext): Promise<Recovered> {
  const found = await recoverArchive({
    folder, clock: ctx.clock, rows: id => store.chunks({ camera: id }), cameras: [camera], onlyCamera: camera,
    tools: { openReader: readChunkFile, cutTornTail, createHash: contentHashOf },
  });
  if (found.rows.length > 0) await store.putChunks(found.rows);
  if (found.events.length > 0) await store.putEvents(found.events);
  for (const path of found.missing) ctx.log.error({ camera, path }, 'chunk file is gone');
  for (const path of found.unreadable) ctx.log.error({ camera, path }, 'chunk file is not readable and is left as it is');
  return { lastCapturedAt: found.lastFrames.at(-1)?.capturedAt };
}

/** The camera's past for its feeder. */
export function archiveHistory(camera: CameraId, folder: string, store: RemoteStore): FeederHistory {
  const chunks: FeederHistory['chunks'] = epoch => store.chunks({ camera, onlyOfEpoch: epoch });
  return {
    unaccounted: () => store.unaccounted(camera),
    chunks,
    async *read(epoch, fromSeq, signal, onLost) {
      const rows = await chunks(epoch);
      for (let from = fromSeq; ;) {
        try {
          yield* readUnits({ folder, rows, from, openReader: readChunkFile, feed: 0, signal });
          return;
        } catch (error) {
          if (!(error instanceof PlatformError) || error.code !== 'CHUNK_CORRUPT') throw error;
          const lost = { from: Number(error.facts['from']), to: Number(error.facts['to']) };
          onLost(lost);
          from = lost.to + 1;
        }
      }
    },
  };
}
