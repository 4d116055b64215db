import { recoverArchive } from '../../src/data-ops/archive.ts';
import { lastArrival, readUnits } from '../../src/data-ops/archive-reader.ts';
import type { FeederHistory } from '../../src/data-ops/feed/backlog.ts';
import type { RemoteStore } from '../../src/data-ops/remote-store.ts';
import type { ChunkRow } from '../../src/data-ops/store.ts';
import { epochMicros, type CameraId, type EpochMicros } from '../../src/engine/units.ts';
import { cutTornTail, readChunkFile } from '../../src/media/index.ts';
import type { PlatformEvent } from '../../src/messages/platform-event.ts';
import type { RoleContext } from '../process/role-process.ts';
import { contentHashOf } from './chunk-tools.ts';

/** What an earlier process left behind of a camera. */
export interface Recovered {
  /** Event time of the last durable frame; undefined when there is none. */
  readonly lastCapturedAt: EpochMicros | undefined;
  /** Of that frame; 0 when there is none. */
  readonly lastEpoch: number;
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
  const rows = (await store.chunks({ camera })).filter(row => !options.isLive(row.epoch));
  const gaps = gapsBetween(camera, rows, ctx.clock.now());
  if (gaps.length > 0) await store.putEvents(gaps); // those that were told already are left out
  const last = found.lastFrames.at(-1);
  return { lastCapturedAt: last?.capturedAt, lastEpoch: last?.epoch ?? 0 };
}

/** How far back untold gaps are looked for; older gap events may have been deleted by retention. */
const UNTOLD_WITHIN_MICROS = 86_400 * 1e6;
/** A process that dies before it could tell its gap dies soon after its start: the newest epochs are enough. */
const UNTOLD_EPOCHS = 8;

/** What lies between the newest epochs: a process that was killed soon after its start did not live to tell. */
export function gapsBetween(camera: CameraId, rows: readonly ChunkRow[], now: EpochMicros): readonly PlatformEvent[] {
  const epochs = [...Map.groupBy(rows.filter(row => row.frameCount > 0), row => row.epoch)].sort(([a], [b]) => a - b).slice(-UNTOLD_EPOCHS);
  return epochs.slice(1).flatMap(([, after], index) => {
    const from = epochMicros(Math.max(...(epochs[index]?.[1] ?? []).map(row => row.endedAt)));
    const to = epochMicros(Math.min(...after.map(row => row.startedAt)));
    return to > from && to > now - UNTOLD_WITHIN_MICROS ? [{ type: 'gap', camera, at: now, from, to, reason: 'restart' } as const] : [];
  });
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

/** A past of which only some epochs are to be fed. */
export function onlyEpochs(history: FeederHistory, isWanted: (epoch: number) => boolean): FeederHistory {
  return { ...history, unaccounted: async () => (await history.unaccounted()).filter(({ epoch }) => isWanted(epoch)) };
}
