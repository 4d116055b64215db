import { recoverArchive } from '../../src/data-ops/archive.ts';
import { lastArrival, readUnits } from '../../src/data-ops/archive-reader.ts';
import type { FeederHistory } from '../../src/data-ops/feed/backlog.ts';
import type { RemoteStore } from '../../src/data-ops/remote-store.ts';
import type { CameraId, EpochMicros } from '../../src/engine/units.ts';
import { cutTornTail, readChunkFile } from '../../src/media/index.ts';
import type { RoleContext } from '../process/role-process.ts';
import { contentHashOf } from './chunk-tools.ts';

/** What an earlier process left behind of a camera. */
export interface Recovered {
  /** Event time of the last durable frame; undefined when there is none. */
  readonly lastCapturedAt: EpochMicros | undefined;
}

/** What recovery is told of a camera. */
export interface RecoverOptions {
  readonly camera: CameraId;
  readonly folder: string;
  readonly store: RemoteStore;
  /** True for an epoch that is being recorded right now: recovery leaves it alone. */
  readonly isLive: (epoch: number) => boolean;
}

/** Mends the camera's archive and tells the store what it holds. */
export async function recoverCamera(options: RecoverOptions, ctx: RoleContext): Promise<Recovered> {
  const { camera, folder, store } = options;
  const found = await recoverArchive({
    folder, isLive: (_camera, epoch) => options.isLive(epoch), clock: ctx.clock, rows: id => store.chunks({ camera: id }), cameras: [camera], onlyCamera: camera,
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
    arrivedAt: row => lastArrival(folder, row),
    async *read({ epoch, from, startsAtKey, signal, onLost }) {
      yield* readUnits({ folder, camera, epoch, from, startsAtKey, rows: await chunks(epoch), openReader: readChunkFile, onDamage: onLost, signal });
    },
  };
}
