import type { Clock } from '../../src/engine/clock.ts';
import { PlatformError } from '../../src/engine/errors.ts';
import type { CameraId } from '../../src/engine/units.ts';
import type { CommittedRecord } from '../../src/data-ops/store.ts';
import type { IpcNode } from '../../src/transports/ipc-types.ts';

/** Which records, and until when. */
export interface FollowOptions {
  readonly after: number;
  /** Of one camera; undefined: of all. */
  readonly camera: CameraId | undefined;
  readonly signal: AbortSignal;
  readonly clock: Clock;
}

const RETRY_MS = 50;

/** Committed records after `after`, in batches, each once, until the signal aborts; goes on by itself when the process that keeps them is replaced. */
export async function* followRecords(link: Pick<IpcNode, 'stream'>, { after, camera, signal, clock }: FollowOptions): AsyncGenerator<readonly CommittedRecord[]> {
  let cursor = after;
  while (!signal.aborted) {
    try {
      for await (const batch of link.stream('records', { after: cursor, camera }, signal)) {
        const records = batch as readonly CommittedRecord[]; // yielded by the role of the same version
        cursor = records.at(-1)?.id ?? cursor;
        yield records;
      }
    } catch (error) {
      if (signal.aborted) return;
      if (!(error instanceof PlatformError) || error.code !== 'PORT_CLOSED') throw error;
      await clock.sleep(RETRY_MS, signal).catch(() => {});
    }
  }
}
