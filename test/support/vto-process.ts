import { spawn } from 'node:child_process';
import { readFileSync, readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { eventually } from './eventually.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const LAUNCHER = fileURLToPath(new URL('../../src/cli/vto.mjs', import.meta.url));

/** A running `vto start`. */
export interface VtoProcess {
  /** Of the HTTP API. */
  readonly url: string;
  /** Everything that its processes wrote so far, standard output and error. */
  output(): string;
  /** GET of a path, as the JSON that the test expects. */
  json<Body>(path: string): Promise<Body>;
  text(path: string): Promise<string>;
  /** Process ids of launcher, root and children. */
  pids(): readonly number[];
  /** Tells it to stop and resolves with its exit code. */
  stop(): Promise<number | null>;
}

/** Starts `vto start --data folder --port 0 --no-table …args` through its launcher; resolves when the API listens. It is killed when the test ends. */
export async function startVto(folder: string, args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<VtoProcess> {
  const child = spawn(process.execPath, [LAUNCHER, 'start', '--data', folder, '--port', '0', '--no-table', ...args], {
    cwd: ROOT, stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, ...env },
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (bytes: Buffer) => { output += bytes.toString(); });
  const exited = new Promise<number | null>((resolve) => child.on('exit', (code) => resolve(code)));
  let hasExited = false;
  void exited.then(() => { hasExited = true; });
  const pids = (): readonly number[] => (child.pid === undefined || hasExited ? [] : familyOf(child.pid));
  process.on('exit', () => { for (const pid of pids()) process.kill(pid, 'SIGKILL'); });
  const url = (): string | undefined => /API +(http:\/\/[^/\s]+)/.exec(output)?.[1];
  await eventually(() => url() !== undefined || hasExited, `vto start with its API:\n${output}`, 30_000);
  const base = url();
  if (base === undefined) throw new Error(`vto start ended:\n${output}`);
  const text = async (path: string): Promise<string> => (await fetch(base + path)).text();
  return {
    url: base, text, pids, output: () => output,
    json: async <Body>(path: string) => JSON.parse(await text(path)) as Body, // the test knows what it asks for
    async stop() {
      child.kill('SIGTERM');
      return exited;
    },
  };
}

/** A finished command. */
export interface VtoRun { readonly code: number | null; readonly stdout: string; readonly stderr: string }

/** Runs `vto …args` to its end. */
export function runVto(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<VtoRun> {
  const child = spawn(process.execPath, [LAUNCHER, ...args], { cwd: ROOT, stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, ...env } });
  const texts: [string[], string[]] = [[], []];
  for (const [index, stream] of [child.stdout, child.stderr].entries()) stream.setEncoding('utf8').on('data', (text: string) => { texts[index]?.push(text); });
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, stdout: texts[0].join(''), stderr: texts[1].join('') }));
  });
}

/** The process and all that descend from it. */
function familyOf(root: number): number[] {
  const parents = new Map<number, number>();
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    try {
      const stat = readFileSync(`/proc/${name}/stat`, 'utf8');
      parents.set(Number(name), Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]));
    } catch {
      // it ended between the listing and the look
    }
  }
  const family = [root];
  for (const pid of family) family.push(...[...parents].filter(([, parent]) => parent === pid).map(([child]) => child));
  return family;
}
