import type { CommitLog } from '../../src/data-ops/commit-log.ts';
import { serveStore } from '../../src/data-ops/remote-store.ts';
import type { Store } from '../../src/data-ops/store.ts';
import { every } from '../../src/engine/timers.ts';
import { epochMicros, type CameraId, type EpochMicros } from '../../src/engine/units.ts';
import type { TerminalRecord } from '../../src/messages/terminal-record.ts';
import type { IpcNode } from '../../src/transports/ipc-types.ts';
import type { Recorder } from '../../src/utility-ops/telemetry/recorder.ts';
import type { RoleContext } from '../process/role-process.ts';

const RETENTION_EVERY_MS = 30_000;

/** Lets the other processes of this node call the store and follow its records. */
export function serveRecords(node: IpcNode, store: Store, commits: CommitLog): void {
  serveStore(node, store);
  node.handleStream('records', (params, signal) => {
    const { after, camera } = params as { after: number; camera?: CameraId }; // the root's call, in actors/root
    return commits.follow(after, camera, signal);
  });
}

/** Counts a record that was committed. */
export function countRecord(telemetry: Recorder, record: TerminalRecord): void {
  const { camera } = record;
  if (record.kind === 'dropped') {
    telemetry.count('framesDropped', { camera, reason: record.reason, intentional: String(record.isIntentional) }, record.to - record.from + 1);
    return;
  }
  telemetry.count('framesDetected', { camera });
  telemetry.count('boxes', { camera }, record.boxes.length);
  telemetry.observe('frameAge', { camera }, record.timings.ageMs / 1000);
  telemetry.observe('decodeTime', {}, record.timings.decodeMs / 1000);
  telemetry.observe('waitTime', {}, record.timings.waitMs / 1000);
  telemetry.observe('inferTime', { provider: record.provider }, record.timings.inferMs / 1000);
}

/** What a store keeps, and what else is removed with it. */
export interface Retention {
  /** Records older than this are deleted; 0: never. */
  readonly retentionMs: number;
  /** Removes files that are not wanted any more and says how many and how large. */
  readonly expire?: () => Promise<{ readonly files: number; readonly bytes: number }>;
}

/** Deletes the oldest, now and then, until the signal aborts. */
export async function retain(store: Store, { retentionMs, expire }: Retention, ctx: RoleContext, signal: AbortSignal): Promise<void> {
  await every(RETENTION_EVERY_MS, ctx.clock, signal, async () => {
    const removed = await expire?.() ?? { files: 0, bytes: 0 };
    const records = retentionMs > 0 ? await prune(store, epochMicros(ctx.clock.now() - retentionMs * 1000)) : 0;
    if (removed.files > 0 || records > 0) ctx.log.info({ ...removed, records }, 'retention removed the oldest');
  });
}

/** In bounded steps, so that records go on being written in between. */
async function prune(store: Store, before: EpochMicros): Promise<number> {
  let total = 0;
  for (;;) {
    const pruned = store.pruneRecords(before);
    total += pruned;
    if (pruned === 0) return total;
    await new Promise(resolve => { setImmediate(resolve); });
  }
}
