import { join, resolve } from 'node:path';
import { existsSync } from 'node:fs';
import { PlatformError } from '../engine/errors.ts';
import { systemClock } from '../engine/system-clock.ts';
import { openSqliteStore } from '../data-ops/sqlite-store.ts';
import { verifyArchive } from '../data-ops/verify-archive.ts';
import { verifyLedger } from '../data-ops/verify-ledger.ts';
import { readChunkFile } from '../media/index.ts';
import { loadConfig } from '../utility-ops/config/load-config.ts';
import { contentHashOf } from '../../actors/ingest/chunk-tools.ts';
import type { Invocation } from './arguments.ts';
import { formatLedger } from './ledger-text.ts';
import { verifyTopics } from './verify-topics.ts';

type VerifyInvocation = Extract<Invocation, { command: 'verify' }>;

/** `vto verify`: ledger and recorded chunks, or the topics of a cluster, as they stand, also while vto runs. Exit code 1 when something is wrong. */
export async function verifyCommand(invocation: VerifyInvocation, cwd: string): Promise<number> {
  const config = loadConfig({ files: invocation.configFiles, environment: process.env, flags: invocation.flags, cwd });
  if (invocation.topics !== undefined) return verifyTopics(config, invocation.topics);
  const { data } = config;
  const folder = resolve(data);
  const file = join(folder, 'store.sqlite');
  if (!existsSync(file) && existsSync(join(folder, 'index.sqlite'))) throw new PlatformError('CONFIG_INVALID', `'${folder}' holds the index of a cluster, which is made from its topics: check those with --kafka HOST:PORT`, { path: 'kafka' });
  if (!existsSync(file)) throw new PlatformError('SOURCE_NOT_FOUND', `no vto data in '${folder}'; name the folder with --data`, { folder });
  const store = openSqliteStore(file, { clock: systemClock, isReadOnly: true });
  try {
    process.stdout.write(`${formatLedger(store.balances())}\n`);
    const ledger = verifyLedger(store);
    for (const problem of ledger.problems) process.stdout.write(`PROBLEM ledger: ${problem.message}\n`);
    if (invocation.isLedgerOnly) return ledger.isSound ? 0 : 1;
    const archive = await verifyArchive({ folder: join(folder, 'archive'), rows: store.chunks({}), openReader: readChunkFile, createHash: contentHashOf });
    for (const problem of archive.problems) process.stdout.write(`PROBLEM ${problem.path}: ${problem.message}\n`);
    const megabytes = (archive.verifiedBytes / 1e6).toFixed(1);
    process.stdout.write(`archive: ${archive.verified} chunks (${archive.verifiedFrames} frames, ${megabytes} MB) read again and equal to their manifests; ${archive.open} still open, ${archive.expired} removed by retention\n`);
    const isSound = ledger.isSound && archive.isSound;
    process.stdout.write(isSound ? 'sound\n' : 'NOT SOUND\n');
    return isSound ? 0 : 1;
  } finally {
    store.close();
  }
}
