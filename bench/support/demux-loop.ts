// The floor of a camera that is recorded only: its stream is read and thrown away.
// Arguments: a JSON of PlatformOrder. Prints a PlatformResult as JSON.
import { systemClock } from '../../src/engine/system-clock.ts';
import { openReader } from '../../src/media/index.ts';
import type { PlatformOrder, PlatformResult } from './platform-order.ts';
import { processCpuMs } from './process-tree.ts';

const order = JSON.parse(process.argv[2] ?? '') as PlatformOrder;
let received = 0;
const readers = await Promise.all(order.uris.map(uri => openReader({ uri, openTimeoutMs: 10_000, skipProbe: true, libavOptions: { rtsp_transport: 'tcp' } })));
for (const reader of readers) {
  void (async () => { for (;;) { await reader.read(); received += 1; } })().catch(() => { /* the process ends */ });
}
await systemClock.sleep(order.warmUpMs);
const before = { atMs: systemClock.monotonicMs(), cpuMs: processCpuMs(process.pid), received };
await systemClock.sleep(order.measureMs);
const cpuMs = processCpuMs(process.pid) - before.cpuMs;
const result: PlatformResult = { wallMs: systemClock.monotonicMs() - before.atMs, cpuMs, cpuMsOf: { demuxer: cpuMs }, received: received - before.received, memoryBytes: 0, timings: [], dropped: {} };
process.stdout.write(`${JSON.stringify(result)}\n`, () => process.exit(0)); // a pipe takes a long line in pieces
