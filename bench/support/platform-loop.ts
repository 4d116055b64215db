// A whole platform (root, store, ingest, vision) below this process, as `vto start` runs it without its API.
// Arguments: a JSON of PlatformOrder. Prints a PlatformResult as JSON.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Orchestrator } from '../../actors/root/orchestrator.ts';
import type { CameraId } from '../../src/engine/units.ts';
import { systemRandom } from '../../src/engine/seeded-random.ts';
import { systemClock } from '../../src/engine/system-clock.ts';
import { loadConfig } from '../../src/utility-ops/config/load-config.ts';
import { createLogger } from '../../src/utility-ops/log.ts';
import { createRecorder } from '../../src/utility-ops/telemetry/recorder.ts';
import type { DetectedRecord } from '../../src/messages/terminal-record.ts';
import { MEASURING, type PlatformOrder, type PlatformResult } from './platform-order.ts';
import { processCpuMs, proportionalBytes, titleOf, treeOf } from './process-tree.ts';

const order = JSON.parse(process.argv[2] ?? '') as PlatformOrder;
const folder = mkdtempSync(join(tmpdir(), 'vto-bench-'));
const cameras = order.uris.map((uri, index) => ({ id: `bench-${index}`, uri, isDetecting: order.isDetecting, isLooping: !/^(?:rtsp|synthetic):/.test(uri) }));
const { staggerMs } = order;
const config = loadConfig({
  environment: {}, cwd: process.cwd(),
  flags: {
    data: folder, cameras: staggerMs === undefined ? cameras : [],
    ...order.model === undefined ? {} : { modelOps: { model: order.model } }, ...order.visionProcesses === undefined ? {} : { vision: { processes: order.visionProcesses } },
  },
});
let isMeasuring = false;
const records: DetectedRecord[] = [];
const dropped: Record<string, number> = {};
const root = new Orchestrator({
  config, clock: systemClock, random: systemRandom, telemetry: createRecorder({ process: 'root' }), onLine: (name, line) => process.stderr.write(`${name} ${line}\n`),
  log: createLogger({ level: 'warn', format: 'json', isTerminal: false, scrub: text => text, fields: {}, write: line => { process.stderr.write(line); } }),
  onRecords: committed => {
    for (const { record } of isMeasuring ? committed : []) {
      if (record.kind === 'detected') records.push(record);
      else dropped[record.reason] = (dropped[record.reason] ?? 0) + record.to - record.from + 1;
    }
  },
});

/** Processor time so far by role. */
function cpuMsOf(): Readonly<Record<string, number>> {
  const sums: Record<string, number> = {};
  for (const pid of treeOf(process.pid)) {
    const role = /^vto ([a-z]+)/.exec(titleOf(pid))?.[1] ?? 'root';
    sums[role] = (sums[role] ?? 0) + processCpuMs(pid);
  }
  return sums;
}

const received = async (): Promise<number> => (await root.store.balances()).reduce((sum, balance) => sum + balance.received, 0);

try {
  await root.start();
  for (const { id, ...row } of staggerMs === undefined ? [] : cameras) {
    await root.addCamera({ id: id as CameraId, maxFps: null, ...row }, true); // of the form the schema asks for
    await systemClock.sleep(staggerMs ?? 0);
  }
  const giveUpMs = systemClock.monotonicMs() + 30_000 + 500 * cameras.length;
  while (root.unready().length > 0 || await received() < cameras.length) {
    if (systemClock.monotonicMs() > giveUpMs) throw new Error(`the platform was not up in time: ${root.unready().join(', ')}`);
    await systemClock.sleep(100);
  }
  await systemClock.sleep(order.warmUpMs);
  const before = { atMs: systemClock.monotonicMs(), cpuMsOf: cpuMsOf(), received: await received() };
  isMeasuring = true;
  process.stdout.write(`${MEASURING}\n`);
  await systemClock.sleep(order.measureMs);
  isMeasuring = false;
  const spent = Object.fromEntries(Object.entries(cpuMsOf()).map(([role, ms]) => [role, ms - (before.cpuMsOf[role] ?? 0)]));
  const result: PlatformResult = {
    wallMs: systemClock.monotonicMs() - before.atMs, cpuMs: Object.values(spent).reduce((sum, ms) => sum + ms, 0), cpuMsOf: spent, received: await received() - before.received,
    memoryBytes: treeOf(process.pid).reduce((sum, pid) => sum + proportionalBytes(pid), 0), timings: records.map(record => record.timings), dropped,
  };
  await root.stop();
  await new Promise<void>(done => { process.stdout.write(`${JSON.stringify(result)}\n`, () => done()); }); // a pipe takes a long line in pieces
} finally {
  rmSync(folder, { recursive: true, force: true });
}
process.exit(0);
