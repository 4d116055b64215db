import { availableParallelism, loadavg } from 'node:os';
import type { ClipOptions } from './clip.ts';
import type { Verdict } from './ledger-oracle.ts';
import { describe, judge } from './ledger-oracle.ts';
import { RecordClient } from './record-client.ts';
import { spawnRtspServer, type RtspServerProcess } from './rtsp-server-process.ts';
import { temporaryFolder } from './temporary-folder.ts';
import { until, VtoRun, wallMicros, type VtoOptions } from './vto-run.ts';

/** Small pictures, so that two shared cores are no overload: 15 a second, a key frame a second. */
export const CLIP = { fps: 15, gop: 15, frames: 90, width: 320, height: 240 } as const;
const FRAME_MS = 1000 / CLIP.fps;
/** Longest wait for a key frame. */
export const GOP_MS = CLIP.gop * FRAME_MS;

/** What of the set-up a test chooses. */
export interface SiteOptions extends Partial<Omit<VtoOptions, 'data' | 'cameras'>> {
  readonly ids?: readonly string[];
  /** Cameras beside those of the test server. */
  readonly others?: Readonly<Record<string, string>>;
  readonly clip?: ClipOptions;
  /** Begins the clip again once the platform listens, so that nobody waits for its key frame. */
  readonly beginsWhenPlaying?: boolean;
}

/** Three cameras outside, the program as a process tree, and a client that follows every camera. */
export class Site {
  readonly server: RtspServerProcess;
  readonly ids: readonly string[];
  readonly clients: readonly RecordClient[];
  readonly #options: VtoOptions;
  #run: VtoRun;

  private constructor(server: RtspServerProcess, ids: readonly string[], options: VtoOptions, run: VtoRun) {
    this.server = server;
    this.ids = ids;
    this.#options = options;
    this.#run = run;
    this.clients = ids.map((id) => new RecordClient(run, id));
  }

  /** Starts all of it and resolves when every camera of the server is live and detected on. */
  static async open(options: SiteOptions = {}): Promise<Site> {
    const { ids = ['gate', 'dock', 'yard'], others = {}, clip = CLIP, beginsWhenPlaying = false, ...rest } = options;
    const server = await spawnRtspServer();
    const urls: Record<string, string> = {};
    for (const id of ids) urls[id] = await server.add(id, clip);
    const run = { ...rest, data: temporaryFolder(), cameras: { ...others, ...urls } };
    const site = new Site(server, ids, run, await VtoRun.start(run).catch(async (error: unknown) => { await server.close(); throw error; }));
    if (beginsWhenPlaying) await site.beginAgain(clip);
    await site.#detected().catch(async (error: unknown) => { await site.close(); throw error; });
    return site;
  }

  get run(): VtoRun { return this.#run; }

  /** Every camera goes on with the first frame of a clip, once somebody plays it. */
  async beginAgain(clip: ClipOptions): Promise<void> {
    for (const id of this.ids) {
      await until(async () => (await this.server.state(id)).playing > 0, `${id} is played`);
      await this.server.fault(id, { kind: 'content', clip });
    }
  }

  /** SIGKILL to all of these at once; wall microseconds. */
  kill(...names: readonly string[]): number { return Math.min(...names.map((name) => this.#run.kill(name))); }

  /** Starts again over the same data after a death of the root. */
  async startAgain(): Promise<void> {
    this.#run = await VtoRun.start(this.#options);
    for (const client of this.clients) client.moveTo(this.#run);
  }

  /** Resolves with the milliseconds from `sinceMicros` until a frame captured after it was detected on every camera and seen by its client. */
  async detectedAgain(sinceMicros: number, ids: readonly string[] = this.ids): Promise<number> {
    const seen = await until(() => {
      const times = this.clients.filter(({ camera }) => ids.includes(camera)).map(({ lines }) => lines.findLast((line) => line.kind === 'detected' && Date.parse(line.capturedAt) * 1000 > sinceMicros) && lines.find((line) => line.kind === 'detected' && Date.parse(line.capturedAt) * 1000 > sinceMicros)?.seenAtMicros);
      return times.every((time) => time !== undefined) ? Math.max(...times.map((time) => time ?? 0)) : undefined;
    }, 'every camera is detected on again', 40_000);
    return (seen - sinceMicros) / 1000;
  }

  /** Lets `frames` more frames of every camera get their record. */
  async moreFrames(frames: number): Promise<void> {
    const goals = this.clients.map(({ lines }) => lines.length + frames);
    await until(() => this.clients.every(({ lines }, index) => lines.length >= (goals[index] ?? 0)), `${frames} more records of every camera`, 40_000);
  }

  /** Stops in order and judges every camera by what the outside knows. */
  async judge(signal: NodeJS.Signals = 'SIGINT'): Promise<{ readonly verdicts: readonly Verdict[]; readonly stopMs: number; readonly code: number | null }> {
    const stoppedAtMicros = wallMicros();
    const { ms, code } = await this.#run.stop(signal);
    await Promise.all(this.clients.map((client) => client.close()));
    console.log(`  stop took ${ms.toFixed(0)} ms`);
    const verdicts: Verdict[] = [];
    for (const client of this.clients) {
      const verdict = await judge({ data: this.#run.data, camera: client.camera, sent: await this.server.sent(client.camera), stoppedAtMicros, frameMs: FRAME_MS, lines: client.lines, isAtRest: true });
      console.log(describe(client.camera, verdict));
      verdicts.push(verdict);
    }
    return { verdicts, stopMs: ms, code };
  }

  async close(): Promise<void> {
    this.#run.killAll();
    await Promise.all(this.clients.map((client) => client.close()));
    await this.server.close();
  }

  async #detected(): Promise<void> {
    await until(() => this.clients.every(({ lines }) => lines.some(({ kind }) => kind === 'detected')), 'every camera is detected on', 40_000);
  }
}

/** Opens a site, runs `act` and closes whatever is left. */
export async function withSite(options: SiteOptions, act: (site: Site) => Promise<void>): Promise<void> {
  const site = await Site.open(options);
  try {
    await act(site);
  } catch (error) {
    console.log(site.run.output.slice(-6000));
    throw error;
  } finally {
    await site.close();
  }
}

/**
 * The machine is shared with other tests, and a frame that waited for a core is not what these tests are about: frames may wait long before
 * they count as stale.
 */
export const PATIENT = { VTO__VISION__STALENESS_MS: '5000', VTO__VISION__CATCH_UP_MS: '20000' } as const;

/** Processes that want to run, per core, from which on the machine itself is overloaded. */
const CROWDED = 2;

/**
 * Fails when less than 95 % of durable frames were detected, over all cameras. `stale` and `expired` say that the machine was too slow: on a
 * machine that others have overloaded they are no fault, and only the rest is judged.
 */
export function checkDetected(verdicts: readonly Verdict[]): void {
  const sum = (of: (verdict: Verdict) => number): number => verdicts.reduce((total, verdict) => total + of(verdict), 0);
  const received = sum((verdict) => verdict.received);
  const share = sum(({ detected }) => detected) / received;
  const tooSlow = sum(({ dropped }) => (dropped['stale'] ?? 0) + (dropped['expired'] ?? 0)) / received;
  const load = (loadavg()[0] ?? 0) / availableParallelism();
  console.log(`  ${(share * 100).toFixed(1)} % of durable frames detected, ${(tooSlow * 100).toFixed(1)} % stale or expired; load ${load.toFixed(1)} a core`);
  if (load < CROWDED ? share < 0.95 : share + tooSlow < 0.95) throw new Error(`only ${(share * 100).toFixed(1)} % of durable frames were detected`);
}
