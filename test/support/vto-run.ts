import { spawn, type ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { ActorReport } from '../../src/engine/actor.ts';
import { processesOfGroup, type ProcessRow } from './process-table.ts';

/** How `vto start` is run. */
export interface VtoOptions {
  readonly data: string;
  readonly cameras: Readonly<Record<string, string>>;
  readonly args?: readonly string[];
  /** Settings as environment, such as `VTO__VISION__STALENESS_MS`. */
  readonly env?: Readonly<Record<string, string>>;
  /** Shows what the program writes. @default the environment has VTO_RUN_OUTPUT */
  readonly isLoud?: boolean;
}

/** A camera as the API shows it. */
export interface CameraStatus {
  readonly id: string;
  readonly state: string;
  readonly counts: { readonly received: number; readonly detected: number; readonly dropped: Readonly<Record<string, number>>; readonly gaps: number };
}

const LAUNCHER = fileURLToPath(new URL('../../src/cli/vto.mjs', import.meta.url));

/** Waits for something asked of the outside, looking every 20 ms. Fails naming `what`. */
export async function until<Value>(look: () => Promise<Value | undefined | false> | Value | undefined | false, what: string, limitMs = 20_000): Promise<Value> {
  const end = performance.now() + limitMs;
  for (;;) {
    const found = await look();
    if (found !== undefined && found !== false) return found;
    if (performance.now() > end) throw new Error(`${what}: not within ${limitMs} ms`);
    await new Promise((resolve) => { setTimeout(resolve, 20); });
  }
}

/** Microseconds since the Unix epoch, of the clock the cameras use. */
export const wallMicros = (): number => Math.round((performance.timeOrigin + performance.now()) * 1000);

/** `vto start` as its users start it: launcher, root and children, in a process group of their own. */
export class VtoRun {
  readonly data: string;
  /** Resolves when the launcher has ended. */
  readonly ended: Promise<number | null>;
  readonly #child: ChildProcess;
  readonly #group: number;
  #output = '';
  #url: string | undefined;

  private constructor(options: VtoOptions) {
    this.data = options.data;
    const cameras = Object.entries(options.cameras).flatMap(([id, uri]) => ['--camera', `${id}=${uri}`]);
    this.#child = spawn(process.execPath, [LAUNCHER, 'start', '--no-table', '--port', '0', '--data', options.data, ...cameras, ...options.args ?? []], {
      detached: true, // a group of its own: whoever is left of it can be found
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, npm_lifecycle_event: 'vto-run', VTO__UTILITY_OPS__LOG_FORMAT: 'json', ...options.env }, // under npm the launcher ends with whoever started it
    });
    this.#group = this.#child.pid ?? 0;
    const isLoud = options.isLoud ?? process.env['VTO_RUN_OUTPUT'] !== undefined;
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.on('data', (bytes: Buffer) => {
        this.#output += bytes.toString();
        this.#url ??= /API +(http:\S+?)\/api\/v1\/cameras/.exec(this.#output)?.[1];
        if (isLoud) process.stderr.write(bytes);
      });
    }
    this.ended = new Promise((resolve) => this.#child.on('exit', (code) => resolve(code)));
  }

  /** Starts; resolves when the API answers. */
  static async start(options: VtoOptions): Promise<VtoRun> {
    const run = new VtoRun(options);
    let hasEnded = false;
    void run.ended.then(() => { hasEnded = true; });
    try {
      await until(() => { if (hasEnded) throw new Error('vto ended'); return run.#url; }, 'the API listens', 30_000);
    } catch (error) {
      run.killAll();
      throw new Error(`vto did not start:\n${run.#output}`, { cause: error });
    }
    return run;
  }

  get url(): string { return this.#url ?? ''; }
  /** Everything it wrote. */
  get output(): string { return this.#output; }
  get launcherPid(): number { return this.#group; }

  /** Every process of it that lives. */
  processes(): readonly ProcessRow[] { return processesOfGroup(this.#group); }

  /** Process id of `root`, `store`, `ingest-0` …; undefined while it is down. */
  pid(name: string): number | undefined {
    const rows = this.processes();
    if (name === 'root') return rows.find((row) => row.parent === this.#group && /\bstart\b/.test(row.title))?.pid;
    return rows.find((row) => row.title === `vto ${name}`)?.pid;
  }

  /** SIGKILL by process id; the moment it was sent, in wall microseconds. */
  kill(name: string): number {
    const pid = name === 'launcher' ? this.#group : this.pid(name);
    if (pid === undefined) throw new Error(`${name} does not run`);
    const at = wallMicros();
    process.kill(pid, 'SIGKILL');
    return at;
  }

  /** A JSON answer of the API; undefined when it does not answer. */
  async get<Answer>(path: string): Promise<Answer | undefined> {
    try {
      return await (await fetch(`${this.url}${path}`, { signal: AbortSignal.timeout(2000) })).json() as Answer; // the test states what the API answers
    } catch {
      return undefined;
    }
  }

  async cameras(): Promise<readonly CameraStatus[]> { return (await this.get<{ cameras?: readonly CameraStatus[] }>('/api/v1/cameras'))?.cameras ?? []; }

  async tree(): Promise<ActorReport | undefined> { return (await this.get<{ tree: ActorReport }>('/readyz'))?.tree; }

  /** Resolves when these cameras are live, all when none is named. */
  async live(ids: readonly string[], limitMs = 20_000): Promise<void> {
    await until(async () => {
      const cameras = await this.cameras();
      return ids.every((id) => cameras.some((camera) => camera.id === id && camera.state === 'live'));
    }, `${ids.join(', ')} live`, limitMs);
  }

  /** Tells it to stop and waits for the end of the whole group. Milliseconds it took and the launcher's exit code. */
  async stop(signal: NodeJS.Signals = 'SIGINT'): Promise<{ readonly ms: number; readonly code: number | null }> {
    const startMs = performance.now();
    this.#child.kill(signal);
    const code = await Promise.race([this.ended, new Promise<never>((_, reject) => { setTimeout(() => reject(new Error(`vto did not stop:\n${this.#output.slice(-3000)}`)), 20_000).unref(); })]);
    const ms = performance.now() - startMs;
    await this.gone();
    return { ms, code };
  }

  /** Resolves when no process of it is left; the milliseconds that took. */
  async gone(limitMs = 10_000): Promise<number> {
    const startMs = performance.now();
    await until(() => this.processes().length === 0, 'all processes end', limitMs).catch((error: unknown) => {
      throw new Error(`left over: ${JSON.stringify(this.processes())}`, { cause: error });
    });
    return performance.now() - startMs;
  }

  /** Last resort: ends whatever is left. */
  killAll(): void {
    try { process.kill(-this.#group, 'SIGKILL'); } catch { /* nobody is left */ }
  }
}
