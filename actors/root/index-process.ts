import { join } from 'node:path';
import type { ActorReport, Supervised } from '../../src/engine/actor.ts';
import type { ActorSystem } from '../../src/engine/actor-system.ts';
import type { Clock } from '../../src/engine/clock.ts';
import { PlatformError } from '../../src/engine/errors.ts';
import type { Random } from '../../src/engine/random.ts';
import type { CameraId } from '../../src/engine/units.ts';
import { remoteStore, type RemoteStore } from '../../src/data-ops/remote-store.ts';
import type { CommittedRecord } from '../../src/data-ops/store.ts';
import { connectIpc } from '../../src/transports/ipc/connect-ipc.ts';
import type { IpcNode } from '../../src/transports/ipc-types.ts';
import type { Config } from '../../src/utility-ops/config/schema.ts';
import type { MetricsSnapshot } from '../../src/utility-ops/telemetry/snapshot.ts';
import type { IndexNote } from '../index/serve-index.ts';
import { ProcessActor } from '../process/child-process.ts';
import { POLICIES } from '../tree.ts';
import { followRecords } from './follow-records.ts';
import { indexSettings, type Paths } from './settings.ts';

/** The index as the root sees it. */
export interface IndexAccess {
  readonly store: RemoteStore;
  /** What it told last; undefined before, and while it is being replaced. */
  readonly note: IndexNote | undefined;
  readonly isReady: boolean;
  /** Process id of the running generation. */
  readonly pid: number | undefined;
  /** Committed records in order, each once, until the signal aborts. */
  records(after: number, camera: CameraId | undefined, signal: AbortSignal): AsyncIterable<readonly CommittedRecord[]>;
  tree(): ActorReport | undefined;
  metrics(): Promise<readonly MetricsSnapshot[]>;
  /** Told of every note. */
  onNote(listener: (note: IndexNote) => void): void;
  close(): Promise<void>;
}

/** What the index process is started with. */
export interface IndexProcessOptions {
  readonly config: Config;
  readonly paths: Paths;
  readonly clock: Clock;
  readonly random: Random;
  readonly system: ActorSystem;
  readonly onLine: (process: string, line: string) => void;
  readonly signal: AbortSignal;
}

const STOP_MS = 600;

/** Starts the index in a process of its own and resolves when it serves. @throws PlatformError STORE_LOCKED and the like when it cannot */
export async function startIndexProcess({ config, paths, clock, random, system, onLine, signal }: IndexProcessOptions): Promise<IndexAccess> {
  const listeners: ((note: IndexNote) => void)[] = [];
  let newest: IndexNote | undefined;
  const actor = new ProcessActor({
    name: 'index', role: 'index', settings: () => indexSettings(config, paths), threadPoolSize: 4, clock, onLine, stopMs: STOP_MS,
    onNote: note => {
      newest = note as IndexNote; // sent by the role of the same version
      for (const listener of listeners) listener(newest);
    },
  });
  const supervised = system.supervise(actor, POLICIES.process);
  await Promise.race([actor.untilReady(), failureOf(supervised)]);
  const link: IpcNode = connectIpc({ path: join(paths.sockets, 'index.sock'), clock, random, backoffMs: 10, backoffMaxMs: 200 });
  return {
    store: remoteStore(link, clock, signal),
    get note() { return actor.isReady ? newest : undefined; },
    get isReady() { return actor.isReady; },
    get pid() { return actor.pid; },
    records: (after, camera, until) => followRecords(link, { after, camera, signal: AbortSignal.any([until, signal]), clock }),
    tree: () => actor.tree,
    metrics: async () => {
      const snapshot = await actor.metrics();
      return snapshot === undefined ? [] : [snapshot as MetricsSnapshot]; // made by the recorder of the same version
    },
    onNote: listener => { listeners.push(listener); },
    close: () => link.close(),
  };
}

async function failureOf({ name, exit }: Supervised): Promise<never> {
  const how = await exit;
  throw how.reason === 'escalated' ? how.error : new PlatformError('PROCESS_EXITED', `process ${name} ended before it was ready`);
}
