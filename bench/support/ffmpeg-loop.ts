// What ffmpeg takes to record the same cameras: one process a camera, as people run it.
// Arguments: a JSON of PlatformOrder. Prints a PlatformResult as JSON.
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '../../src/engine/system-clock.ts';
import type { PlatformOrder, PlatformResult } from './platform-order.ts';
import { processCpuMs, proportionalBytes } from './process-tree.ts';

const order = JSON.parse(process.argv[2] ?? '') as PlatformOrder;
const folder = mkdtempSync(join(tmpdir(), 'vto-bench-'));
const frames = order.uris.map(() => 0);
const children = order.uris.map((uri, index) => {
  const child = spawn('ffmpeg', [
    '-nostdin', '-loglevel', 'error', '-progress', 'pipe:1', '-stats_period', '0.5', '-rtsp_transport', 'tcp', '-i', uri,
    '-c', 'copy', '-f', 'segment', '-segment_time', '10', '-segment_format', 'mp4', '-reset_timestamps', '0', join(folder, `camera-${index}-%d.mp4`),
  ], { stdio: ['ignore', 'pipe', 'inherit'] });
  child.stdout.setEncoding('utf8').on('data', (text: string) => { frames[index] = Number(/frame=(\d+)\n(?![\s\S]*frame=)/.exec(text)?.[1] ?? frames[index]); });
  return child;
});
const sum = (of: (pid: number) => number): number => children.reduce((total, { pid }) => total + (pid === undefined ? 0 : of(pid)), 0);
const received = (): number => frames.reduce((total, count) => total + count, 0);

try {
  const giveUpMs = systemClock.monotonicMs() + 30_000 + 500 * order.uris.length;
  while (frames.some(count => count === 0)) {
    if (systemClock.monotonicMs() > giveUpMs) throw new Error('ffmpeg was not up in time');
    await systemClock.sleep(100);
  }
  await systemClock.sleep(order.warmUpMs);
  const before = { atMs: systemClock.monotonicMs(), cpuMs: sum(processCpuMs), received: received() };
  await systemClock.sleep(order.measureMs);
  const cpuMs = sum(processCpuMs) - before.cpuMs;
  const result: PlatformResult = {
    wallMs: systemClock.monotonicMs() - before.atMs, cpuMs, cpuMsOf: { ffmpeg: cpuMs }, memoryBytes: sum(proportionalBytes), received: received() - before.received, timings: [], dropped: {},
  };
  await new Promise<void>(done => { process.stdout.write(`${JSON.stringify(result)}\n`, () => done()); }); // a pipe takes a long line in pieces
} finally {
  for (const child of children) child.kill('SIGKILL');
  await systemClock.sleep(200);
  rmSync(folder, { recursive: true, force: true });
}
process.exit(0);
