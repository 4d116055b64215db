import { spawnSync } from 'node:child_process';
import { spawnRtspServer, type RtspServerProcess } from '../test/support/rtsp-server-process.ts';
import { median, runProgram, type Bench, type BenchRow } from './support/bench.ts';
import { MEASURING, type PlatformOrder, type PlatformResult } from './support/platform-order.ts';

const COUNTS = [1, 10, 50] as const;
const SIZE = { width: 1280, height: 720, fps: 15, frames: 150, gop: 30 } as const;
const STORM_CAMERAS = 50;
/** The cameras are away for so long. */
const AWAY_MS = 2_000;
const MIB = 2 ** 20;

/** Processor time of one camera at its full rate, in per cent of a core: by frames received, so that a server that lags does not flatter. */
const shareOf = ({ cpuMs, received }: PlatformResult, idleCpuMs = 0): number => (cpuMs - idleCpuMs) / received * SIZE.fps / 10;

/** Takes all cameras away and lets them come back, while a platform measures. Resolves with the time until all are read again. */
async function storm(server: RtspServerProcess, names: readonly string[]): Promise<number> {
  await server.listen(false);
  for (const name of names) await server.fault(name, { kind: 'close' });
  await new Promise(resolve => { setTimeout(resolve, AWAY_MS); });
  await server.listen(true);
  const startMs = performance.now();
  for (const name of names) while ((await server.state(name)).playing === 0) await new Promise(resolve => { setTimeout(resolve, 20); });
  return performance.now() - startMs;
}

function row(what: string, unit: string, runs: readonly number[], bound?: string): BenchRow {
  return { what, unit, runs, figure: median(runs), ...bound === undefined ? {} : { bound } };
}

/** The platform and ffmpeg in turns on the same streams, from a camera server outside the measured processes. */
export const recordedCameras: Bench = {
  name: 'recorded-cameras',
  question: 'What do 1, 10 and 50 recorded cameras cost, against one ffmpeg a camera, and what when all of them drop out and return?',
  async run({ isQuick, say }) {
    const hasFfmpeg = spawnSync('ffmpeg', ['-version'], { stdio: 'ignore' }).status === 0;
    if (!hasFfmpeg) { say('skipped: ffmpeg is not there'); return undefined; }
    const runs = isQuick ? 1 : 3;
    const server = await spawnRtspServer();
    try {
      const names = Array.from({ length: Math.max(...COUNTS) }, (_, index) => `camera-${index}`);
      const uris: string[] = [];
      for (const name of names) uris.push(await server.add(name, { ...SIZE }));
      const times = { isDetecting: false, warmUpMs: isQuick ? 1_000 : 3_000, measureMs: isQuick ? 3_000 : 8_000 };
      const running = { cores: 0 };
      const figures = new Map<string, number[]>();
      const keep = (what: string, figure: number): void => { figures.set(what, [...figures.get(what) ?? [], figure]); };
      for (let run = 0; run < runs; run += 1) {
        const idle = await runProgram<PlatformResult>('platform-loop', { ...times, uris: [] } satisfies PlatformOrder, running);
        const memory: { ours: number; theirs: number; cameras: number }[] = [];
        for (const count of COUNTS) {
          const order: PlatformOrder = { ...times, uris: uris.slice(0, count) };
          const ours = await runProgram<PlatformResult>('platform-loop', order, running);
          const theirs = await runProgram<PlatformResult>('ffmpeg-loop', order, running);
          for (const [who, { received, wallMs }] of [['platform', ours], ['ffmpeg', theirs]] as const) {
            const wanted = count * SIZE.fps * wallMs / 1000;
            if (received < wanted * 0.5) throw new Error(`${who}: ${received} frames of about ${wanted.toFixed(0)}`);
          }
          keep(`platform ${count}`, shareOf(ours, idle.cpuMs / idle.wallMs * ours.wallMs));
          keep(`whole ${count}`, shareOf(ours));
          keep(`ffmpeg ${count}`, shareOf(theirs));
          memory.push({ cameras: count, ours: ours.memoryBytes, theirs: theirs.memoryBytes });
          say(`${count} cameras: ours ${shareOf(ours, idle.cpuMs / idle.wallMs * ours.wallMs).toFixed(2)} (all told ${shareOf(ours).toFixed(2)}), ffmpeg ${shareOf(theirs).toFixed(2)} % of a core each; memory ${(ours.memoryBytes / MIB).toFixed(0)} and ${(theirs.memoryBytes / MIB).toFixed(0)} MiB`);
        }
        const [first, last] = [memory[0], memory.at(-1)];
        if (first && last) {
          keep('platform memory', (last.ours - first.ours) / (last.cameras - first.cameras) / MIB);
          keep('ffmpeg memory', (last.theirs - first.theirs) / (last.cameras - first.cameras) / MIB);
        }
        const steady = median(figures.get(`whole ${STORM_CAMERAS}`) ?? []);
        let back = Promise.resolve(0);
        const stormy = await runProgram<PlatformResult>('platform-loop', { ...times, uris, measureMs: 10_000 } satisfies PlatformOrder, { ...running, onLine: line => { if (line === MEASURING) back = storm(server, names); } });
        keep('storm', (stormy.cpuMs - steady * stormy.received / SIZE.fps * 10) / STORM_CAMERAS);
        keep('back', await back);
        say(`storm: ${figures.get('storm')?.at(-1)?.toFixed(1)} ms of processor time a camera, all read again after ${figures.get('back')?.at(-1)?.toFixed(0)} ms`);
      }
      const of = (what: string): readonly number[] => figures.get(what) ?? [];
      return {
        conditions: [
          'not pinned: root, store and ingest processes, or one ffmpeg a camera, on all cores; the camera server in a process of its own beside them, not counted',
          `RTSP cameras over TCP on loopback, H.264 ${SIZE.width}x${SIZE.height} at ${SIZE.fps} frames a second, one key frame in 2 s`,
          `${times.measureMs / 1000} s after all cameras gave frames and ${times.warmUpMs / 1000} s of warm-up; idle platform, platform and ffmpeg in turns`,
          'ffmpeg: `-rtsp_transport tcp -i … -c copy -f segment -segment_time 10 -segment_format mp4`, frames by its own count; it neither flushes by the frame, nor keeps a ledger, nor comes back when a camera drops out',
          'CPU: time on a processor of every thread of the tree (schedstat), by frame received; memory: Pss of the tree', `storm: all ${STORM_CAMERAS} connections closed and the port shut for ${AWAY_MS / 1000} s; the cost is what ten seconds took beyond that of the frames that came`,
        ],
        rows: [
          ...COUNTS.flatMap(count => [
            row(`one of ${count} recorded cameras, beyond the idle platform`, '% of a core', of(`platform ${count}`)),
            row(`one of ${count}, the platform's own needs shared among them`, '% of a core', of(`whole ${count}`)),
            row(`one of ${count} with ffmpeg`, '% of a core', of(`ffmpeg ${count}`)),
          ]),
          row('memory of one more camera', 'MiB', of('platform memory')),
          row('memory of one more ffmpeg', 'MiB', of('ffmpeg memory')),
          row(`processor time of losing a camera and finding it again, of ${STORM_CAMERAS} at once`, 'ms', of('storm')),
          row(`all ${STORM_CAMERAS} read again after their return`, 'ms', of('back')),
        ],
      };
    } finally {
      await server.close();
    }
  },
};
