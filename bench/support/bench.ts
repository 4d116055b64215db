import { execFileSync, spawn } from 'node:child_process';
import { availableParallelism, cpus, totalmem } from 'node:os';
import { fileURLToPath } from 'node:url';

/** One measured figure. */
export interface BenchRow {
  /** What it is, with its conditions where they differ from the bench's. */
  readonly what: string;
  /** The median of `runs`, or what the bench says. */
  readonly figure: number;
  readonly unit: string;
  /** `≥` or `≤` a number in the same unit; absent: told for comparison only. */
  readonly target?: { readonly is: '≥' | '≤'; readonly value: number };
  /** What bounds the figure, where that is known. */
  readonly bound?: string;
  readonly runs: readonly number[];
}

/** What a bench found. */
export interface BenchResult { readonly conditions: readonly string[]; readonly rows: readonly BenchRow[] }

/** How a bench is run. */
export interface BenchOptions {
  /** A short form that shows that everything works; its figures are rough. */
  readonly isQuick: boolean;
  readonly say: (line: string) => void;
}

/** One question and how it is answered. */
export interface Bench {
  readonly name: string;
  readonly question: string;
  /** Undefined: what it needs is not here, which it has said. */
  run(options: BenchOptions): Promise<BenchResult | undefined>;
}

/** The middle value; the mean of the two in the middle for an even count. */
export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

/** The value below which this share of the values lies, interpolated. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (sorted.length - 1) * share;
  const low = sorted[Math.floor(at)] ?? Number.NaN;
  return low + ((sorted[Math.ceil(at)] ?? low) - low) * (at - Math.floor(at));
}

/** True when the row has no target or meets it. */
export function isMet({ target, figure }: BenchRow): boolean {
  return target === undefined || (target.is === '≥' ? figure >= target.value : figure <= target.value);
}

/** The machine, without its name. */
export function machineText(): string {
  return `${cpus()[0]?.model ?? 'unknown processor'}, ${availableParallelism()} cores, ${Math.round(totalmem() / 2 ** 30)} GiB, ${process.platform}, Node ${process.versions.node}`;
}

/** The cores that everything measured runs on: the last ones, since interrupts and the rest of the system prefer the first. */
export function coresText(count: number): string {
  const last = availableParallelism() - 1;
  return count === 1 ? String(last) : `${Math.max(0, last - count + 1)}-${last}`;
}

let hasTaskset: boolean | undefined;

/** True when processes can be pinned to a core here. */
export function canPin(): boolean {
  if (hasTaskset === undefined) {
    try {
      execFileSync('taskset', ['--version'], { stdio: 'ignore' });
      hasTaskset = true;
    } catch {
      hasTaskset = false;
    }
  }
  return hasTaskset;
}

/** Says how processes are placed. */
export function placementText(cores = 1): string {
  return canPin() ? `all measured processes pinned to ${cores === 1 ? 'one core' : `${cores} cores`} (taskset -c ${coresText(cores)})` : 'not pinned: taskset (util-linux) is not there';
}

/** Command and arguments of a Node program, pinned where that is possible. Children inherit the cores. */
export function pinned(args: readonly string[], cores = 1): readonly [command: string, args: readonly string[]] {
  const node = ['--disable-warning=ExperimentalWarning', ...args];
  return canPin() ? ['taskset', ['-c', coresText(cores), process.execPath, ...node]] : [process.execPath, node];
}

/** How a measured program runs. */
export interface Running {
  /** Cores that it is pinned to; 0: not pinned. @default 1 */
  readonly cores?: number;
  readonly env?: Readonly<Record<string, string>>;
  /** Told each line that it prints. */
  readonly onLine?: (line: string) => void;
}

/** Runs a program of `bench/support` with one JSON argument, and gives the JSON of its last line. @throws Error with its output when it fails */
export async function runProgram<Result>(name: string, order: unknown, { cores = 1, env = {}, onLine }: Running = {}): Promise<Result> {
  const program = [fileURLToPath(new URL(`${name}.ts`, import.meta.url)), JSON.stringify(order)];
  const [command, args] = cores > 0 ? pinned(program, cores) : [process.execPath, ['--disable-warning=ExperimentalWarning', ...program]];
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, ...env } });
  let out = '';
  let errors = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    const from = out.lastIndexOf('\n') + 1;
    out += text;
    if (onLine !== undefined) for (const line of out.slice(from).split('\n').slice(0, -1)) onLine(line);
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => { errors += text; });
  const code = await new Promise<number | null>((resolve, reject) => { child.once('error', reject); child.once('close', resolve); });
  const last = out.trim().split('\n').at(-1) ?? '';
  if (code !== 0 || last === '') throw new Error(`${name} ended with ${String(code)}: ${errors.trim()}`);
  return JSON.parse(last) as Result;
}
