import { spawnRtspServer } from '../test/support/rtsp-server-process.ts';
import { median, placementText, runProgram, type Bench } from './support/bench.ts';
import type { PlatformOrder, PlatformResult } from './support/platform-order.ts';

const CAMERAS = 4;
const SIZE = { width: 1920, height: 1080, fps: 30, frames: 300, gop: 60 } as const;

/** Processor time as a share of wall time, in per cent. */
const share = (result: PlatformResult): number => result.cpuMs / result.wallMs * 100;

/** The share of one camera at its full rate, in per cent, without what the platform takes anyway. By frames received, so that a server that lags does not flatter. */
function shareOfCamera(result: PlatformResult, idleShare: number): number {
  return (result.cpuMs - idleShare / 100 * result.wallMs) / result.received * SIZE.fps / 10;
}

/** Four recorded cameras against an idle platform and a bare demux loop, from a camera server outside the measured processes. */
export const recordedOnly: Bench = {
  name: 'recorded-only',
  question: 'What does a camera cost that is recorded and not detected on?',
  async run({ isQuick, say }) {
    const runs = isQuick ? 1 : 5;
    const server = await spawnRtspServer();
    try {
      const uris: string[] = [];
      for (let camera = 0; camera < CAMERAS; camera += 1) uris.push(await server.add(`camera-${camera}`, { ...SIZE }));
      const times = { isDetecting: false, warmUpMs: 1_000, measureMs: 4_000 };
      const order: PlatformOrder = { uris, ...times };
      const figures = { beyond: [] as number[], camera: [] as number[], floor: [] as number[], idle: [] as number[] };
      for (let run = 0; run < runs; run += 1) {
        const demux = await runProgram<PlatformResult>('demux-loop', order);
        const platform = await runProgram<PlatformResult>('platform-loop', order);
        const idle = await runProgram<PlatformResult>('platform-loop', { ...order, uris: [] });
        for (const [name, result] of [['demux loop', demux], ['platform', platform]] as const) {
          const wanted = CAMERAS * SIZE.fps * result.wallMs / 1000;
          if (result.received < wanted / 2) throw new Error(`the ${name} received ${result.received} frames of about ${wanted.toFixed(0)}`);
        }
        const [floor, camera] = [shareOfCamera(demux, 0), shareOfCamera(platform, share(idle))];
        figures.floor.push(floor);
        figures.idle.push(share(idle));
        figures.camera.push(camera);
        figures.beyond.push(camera - floor);
        say(`a camera ${figures.camera.at(-1)?.toFixed(2)} %, demuxer alone ${figures.floor.at(-1)?.toFixed(2)} %, idle platform ${figures.idle.at(-1)?.toFixed(2)} % of a core`);
      }
      return {
        conditions: [
          placementText(), `${CAMERAS} RTSP cameras over TCP, H.264 1920x1080 at 30 fps, one key frame in 2 s, from a server in a process of its own outside the measured ones`,
          `platform: root, store, ingest and (idle) vision processes; ${times.measureMs / 1000} s after ${times.warmUpMs / 1000} s of warm-up; the share of one camera is the processor time less the idle platform's, by frame received, at ${SIZE.fps} frames a second`,
          'floor: one process that reads the same streams through the same demuxer and throws the packets away', 'CPU: time on a processor of every thread of the tree (schedstat)',
        ],
        rows: [
          { what: 'a recorded-only 1080p30 camera beyond the demuxer', figure: median(figures.beyond), unit: '% of a core', target: { is: '≤', value: 0.5 }, runs: figures.beyond, bound: 'what is recorded is written and handed to the operating system frame by frame: a frame is durable when it is received' },
          { what: 'the camera as a whole', figure: median(figures.camera), unit: '% of a core', runs: figures.camera },
          { what: 'the demuxer alone', figure: median(figures.floor), unit: '% of a core', runs: figures.floor },
          { what: 'the platform without cameras', figure: median(figures.idle), unit: '% of a core', runs: figures.idle },
        ],
      };
    } finally {
      await server.close();
    }
  },
};
