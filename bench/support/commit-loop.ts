// The way of a terminal record from the process that made it to the disk: this process is the vision process, a store process is below it.
// Arguments: a JSON of CommitOrder. Prints the milliseconds of every record from push to acknowledgement, as JSON.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ProcessActor } from '../../actors/process/child-process.ts';
import type { StoreSettings } from '../../actors/store/store-role.ts';
import { POLICIES } from '../../actors/tree.ts';
import { createActorSystem } from '../../src/engine/actor-system.ts';
import { systemRandom } from '../../src/engine/seeded-random.ts';
import { systemClock } from '../../src/engine/system-clock.ts';
import { epochMicros, type CameraId } from '../../src/engine/units.ts';
import { terminalRecordCodec } from '../../src/messages/terminal-record-codec.ts';
import type { DetectedRecord } from '../../src/messages/terminal-record.ts';
import { connectIpc } from '../../src/transports/ipc/connect-ipc.ts';

/** How many records, and how far apart. */
export interface CommitOrder { readonly records: number; readonly everyMs: number }

const order = JSON.parse(process.argv[2] ?? '') as CommitOrder;
const folder = mkdtempSync(join(tmpdir(), 'vto-bench-'));
const socket = join(folder, 'store.sock');
const settings: StoreSettings = { file: join(folder, 'store.sqlite'), archive: join(folder, 'archive'), socket, maxArchiveBytes: 1e9, retentionMs: 0 , featuresMaxBytes: 2e9};
const system = createActorSystem({ name: 'bench', clock: systemClock, random: systemRandom, onEvent: () => {} });
const store = new ProcessActor({ name: 'store', role: 'store', settings: () => settings, threadPoolSize: 8, clock: systemClock, stopMs: 2_000, onLine: (_name, line) => process.stderr.write(`${line}\n`) });
system.supervise(store, POLICIES.link);
await store.untilReady();
const link = connectIpc({ path: socket, clock: systemClock, random: systemRandom, backoffMs: 10, backoffMaxMs: 200 });
const output = link.output('vto.detections', terminalRecordCodec, { maxItems: 1024, maxBytes: 1 << 20 });
const camera = 'bench' as CameraId;
const { signal } = new AbortController();
const times: number[] = [];
for (let frameSeq = 0; frameSeq < order.records; frameSeq += 1) {
  const record: DetectedRecord = {
    kind: 'detected', camera, epoch: 1, frameSeq, capturedAt: epochMicros(frameSeq * 40_000), ptsSeconds: frameSeq / 25, width: 768, height: 432,
    boxes: [{ classId: 0, label: 'motion', score: 0.7, x1: 10, y1: 10, x2: 60, y2: 90 }], model: 'motion@1', modelDigest: '0'.repeat(64), provider: 'cpu',
    timings: { decodeMs: 1, waitMs: 1, inferMs: 3, ageMs: 5 },
  };
  const startMs = systemClock.monotonicMs();
  await output.push([{ body: record, key: camera, capturedAt: record.capturedAt, trace: '' }], signal);
  times.push(systemClock.monotonicMs() - startMs);
  await systemClock.sleep(order.everyMs);
}
await system.stop();
await link.close();
rmSync(folder, { recursive: true, force: true });
process.stdout.write(`${JSON.stringify(times.slice(Math.floor(times.length / 10)))}\n`, () => process.exit(0)); // a pipe takes a long line in pieces
