import { once } from 'node:events';
import { WebSocket } from 'ws';
import { spawnRtspServer } from '../test/support/rtsp-server-process.ts';
import { temporaryFolder } from '../test/support/temporary-folder.ts';
import { until, VtoRun } from '../test/support/vto-run.ts';
import { median, type Bench } from './support/bench.ts';
import { processCpuMs } from './support/process-tree.ts';

const SIZE = { width: 1280, height: 720, fps: 25, frames: 250, gop: 50 } as const;
const CAMERA = 'preview';
const SETTLE_MS = 1_500;

/** Viewers on WebSockets that take every picture. */
class Audience {
  received = 0;
  readonly #url: string;
  readonly #sockets: WebSocket[] = [];

  /** @param url of the API */
  constructor(url: string) { this.#url = url.replace(/^http/, 'ws'); }

  async become(count: number, format: 'units' | 'fmp4' = 'units'): Promise<void> {
    for (const socket of this.#sockets.splice(0)) {
      socket.close();
      await once(socket, 'close');
    }
    for (let viewer = 0; viewer < count; viewer += 1) {
      const socket = new WebSocket(`${this.#url}/api/v1/cameras/${CAMERA}/live?format=${format}`);
      socket.on('message', (_bytes, isBinary) => { if (isBinary) this.received += 1; });
      await once(socket, 'open');
      this.#sockets.push(socket);
    }
  }
}

interface Window { readonly cores: number; readonly fps: number }

/** What the whole platform takes while so many watch. */
async function measure(run: VtoRun, audience: Audience, ms: number): Promise<Window> {
  await new Promise(resolve => { setTimeout(resolve, SETTLE_MS); });
  const pids = run.processes().map(({ pid }) => pid);
  const cpuMs = (): number => pids.reduce((sum, pid) => sum + processCpuMs(pid), 0);
  const [startMs, startCpuMs, startCount] = [performance.now(), cpuMs(), audience.received];
  await new Promise(resolve => { setTimeout(resolve, ms); });
  const wallMs = performance.now() - startMs;
  return { cores: (cpuMs() - startCpuMs) / wallMs, fps: (audience.received - startCount) / wallMs * 1_000 };
}

/** One camera, watched by nobody, by one, by four, in turns on one running platform. */
export const liveViewers: Bench = {
  name: 'live-viewers',
  question: 'What do those cost who watch a camera live?',
  async run({ isQuick, say }) {
    const [runs, ms] = isQuick ? [1, 2_000] : [7, 6_000];
    const server = await spawnRtspServer();
    const cameras = { [CAMERA]: await server.add(CAMERA, { ...SIZE }) };
    const platform = await VtoRun.start({ data: temporaryFolder(), cameras: {}, env: { VTO__CAMERAS: JSON.stringify([{ id: CAMERA, uri: cameras[CAMERA], isDetecting: false }]) } });
    try {
      await until(async () => (await platform.cameras()).some(({ counts }) => counts.received > 2 * SIZE.fps), 'the camera is live');
      const audience = new Audience(platform.url);
      const figures = { none: [] as number[], first: [] as number[], more: [] as number[], fragments: [] as number[] };
      for (let turn = 0; turn < runs; turn += 1) {
        const windows: Window[] = [];
        for (const [count, format] of [[0, 'units'], [1, 'units'], [4, 'units'], [4, 'fmp4']] as const) {
          await audience.become(count, format);
          const window = await measure(platform, audience, ms);
          windows.push(window);
          if (window.fps < count * SIZE.fps * 0.8) throw new Error(`${count} viewers got ${window.fps.toFixed(1)} pictures a second together`);
        }
        const [none = 0, one = 0, four = 0, fragments = 0] = windows.map(({ cores }) => cores);
        figures.none.push(none);
        figures.first.push(one - none);
        figures.more.push(four - one);
        figures.fragments.push(fragments - one);
        say(`cores: nobody ${none.toFixed(4)}, one ${one.toFixed(4)}, four ${four.toFixed(4)}, four with fragments ${fragments.toFixed(4)}; four got ${windows[2]?.fps.toFixed(1) ?? ''} pictures a second`);
      }
      await audience.become(0);
      return {
        conditions: [
          `one RTSP camera over TCP, H.264 ${SIZE.width}x${SIZE.height} at ${SIZE.fps} fps, recorded and not detected on, from a server in a process of its own; viewers are WebSockets in the bench's own process, which is not measured`,
          `nobody, one, four, and four with fragments take turns on one running platform: ${ms / 1000} s each after ${SETTLE_MS / 1000} s`, 'CPU: time on a processor of every thread of root, store, ingest and vision processes (schedstat)',
        ],
        rows: [
          { what: 'four viewers beyond one', figure: median(figures.more), unit: 'cores', target: { is: '≤', value: 0.03 }, runs: figures.more, bound: 'one copy of each picture crosses to the gateway, which writes the same bytes to each socket: a system call for each viewer and picture' },
          { what: 'four viewers of fragments beyond one viewer', figure: median(figures.fragments), unit: 'cores', runs: figures.fragments },
          { what: 'the first viewer', figure: median(figures.first), unit: 'cores', runs: figures.first },
          { what: 'the platform with the camera and no viewer', figure: median(figures.none), unit: 'cores', runs: figures.none },
        ],
      };
    } finally {
      platform.killAll();
      await server.close();
    }
  },
};
