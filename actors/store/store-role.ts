import { lastValueFrom } from 'rxjs';
import { CommitLog } from '../../src/data-ops/commit-log.ts';
import { expireFiles } from '../../src/data-ops/retention.ts';
import { openSqliteStore } from '../../src/data-ops/sqlite-store.ts';
import type { Store } from '../../src/data-ops/store.ts';
import { reportError } from '../../src/engine/errors.ts';
import { untilAborted } from '../../src/engine/timers.ts';
import { batchBy } from '../../src/flow/batch-by.ts';
import { fromPort, type Credited } from '../../src/flow/from-port.ts';
import { featureTensorCodec } from '../../src/messages/feature-tensor-codec.ts';
import type { FeatureTensor } from '../../src/messages/feature-tensor.ts';
import type { TerminalRecord } from '../../src/messages/terminal-record.ts';
import { terminalRecordCodec } from '../../src/messages/terminal-record-codec.ts';
import { listenIpc } from '../../src/transports/ipc/listen-ipc.ts';
import type { LinkInPort } from '../../src/transports/ipc-types.ts';
import { POLICIES } from '../tree.ts';
import type { RoleContext } from '../process/role-process.ts';
import { countRecord, retain, serveRecords } from './record-service.ts';

/** Settings of the store process. */
export interface StoreSettings {
  readonly file: string;
  readonly archive: string;
  readonly socket: string;
  readonly maxArchiveBytes: number;
  readonly retentionMs: number;
  /** Room for features. */
  readonly featuresMaxBytes: number;
  /** Recordings are kept only until another node has their frames. @default false */
  readonly isSpoolOnly?: boolean;
}

/** A transaction takes what came within this time: what one process sends in a turn. */
const COMMIT_WITHIN_MS = 1;

/** Transactions follow each other at the earliest after so long: it bounds what many cameras cost in fsyncs, and the wait of a record on its way to disk. */
const COMMIT_REST_MS = 15;

/** The one writer of desired state, archive index and ledger. */
export async function storeRole(settings: unknown, ctx: RoleContext): Promise<void> {
  const options = settings as StoreSettings; // sent by the root of the same version
  const store = openSqliteStore(options.file, { clock: ctx.clock });
  const commits = new CommitLog({ keep: 1024, lastId: store.lastRecordId(), page: (after, max, camera) => store.recordsAfter(after, max, camera) });
  const node = await listenIpc({ path: options.socket, clock: ctx.clock, random: ctx.random, onError: error => ctx.log.warn({ error: reportError(error) }, 'link error') });
  serveRecords(node, store, commits);
  const input = node.input('vto.detections', terminalRecordCodec, { maxItems: 8192, maxBytes: 64 << 20 });
  const expire = (): ReturnType<typeof expireFiles> => expireFiles({ folder: options.archive, rows: [...options.isSpoolOnly === true ? store.expireAccounted() : [], ...store.expireChunks(options.maxArchiveBytes)] });
  ctx.system.supervise({ name: 'writer', run: actor => writeRecords({ input, store, commits }, ctx, actor.signal) }, POLICIES.worker);
  const features = node.input('vto.features', featureTensorCodec, { maxItems: 1024, maxBytes: 64 << 20 });
  ctx.system.supervise({ name: 'features', run: actor => writeFeatures({ input: features, store, maxBytes: options.featuresMaxBytes }, ctx, actor.signal) }, POLICIES.worker);
  ctx.system.supervise({ name: 'retention', run: actor => retain(store, { retentionMs: options.retentionMs, expire }, ctx, actor.signal) }, POLICIES.worker);
  ctx.ready();
  await untilAborted(ctx.signal);
  await ctx.system.stop();
  await node.close();
  store.close();
}

interface Writer { readonly input: LinkInPort<TerminalRecord>; readonly store: Store; readonly commits: CommitLog }

/** Records in, one transaction per batch, acknowledged when it is on disk. */
async function writeRecords({ input, store, commits }: Writer, ctx: RoleContext, signal: AbortSignal): Promise<void> {
  const commit = async (batch: readonly Credited<TerminalRecord>[]): Promise<void> => {
    const { committed, repeated } = store.append(batch.map(item => item.envelope.body));
    for (const item of batch) item.settle();
    commits.push(committed);
    for (const { record } of committed) countRecord(ctx.telemetry, record);
    if (repeated > 0) ctx.telemetry.dropped('writer', 'repeated', repeated, true);
  };
  await lastValueFrom(fromPort(input, { credit: 4096, signal }).pipe(
    batchBy({ max: 512, withinMs: COMMIT_WITHIN_MS, restMs: COMMIT_REST_MS, maxPending: 8192, clock: ctx.clock, project: commit }),
  ), { defaultValue: undefined });
}

interface FeatureWriting { readonly input: LinkInPort<FeatureTensor>; readonly store: Store; readonly maxBytes: number }

/** Features in, one transaction per batch, acknowledged when it is on disk: their frames' records follow them. */
async function writeFeatures({ input, store, maxBytes }: FeatureWriting, ctx: RoleContext, signal: AbortSignal): Promise<void> {
  const commit = async (batch: readonly Credited<FeatureTensor>[]): Promise<void> => {
    const added = store.putFeatures(batch.map(item => item.envelope.body), maxBytes);
    for (const item of batch) item.settle();
    for (const { envelope } of batch) ctx.telemetry.count('features', { camera: envelope.body.camera, encoder: envelope.body.encoder });
    if (added < batch.length) ctx.telemetry.dropped('features', 'repeated', batch.length - added, true);
  };
  await lastValueFrom(fromPort(input, { credit: 1024, signal }).pipe(
    batchBy({ max: 256, withinMs: COMMIT_WITHIN_MS, restMs: COMMIT_REST_MS, maxPending: 2048, clock: ctx.clock, project: commit }),
  ), { defaultValue: undefined });
}
