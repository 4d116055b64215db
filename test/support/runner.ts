import { spawn, type ChildProcess } from 'node:child_process';
import { glob } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { relative } from 'node:path';

/** How a set of test files is run. */
export interface RunOptions {
  readonly root: string;
  /** Glob below `root`. */
  readonly pattern: string;
  /** Runs only files whose path contains it. */
  readonly filter?: string | undefined;
  /** Files at a time. */
  readonly jobs?: number;
  /** Files below this folder run after the others, one by one: each starts many processes and measures times. */
  readonly alone?: string;
  /** A file that takes longer is killed and failed. */
  readonly fileTimeoutMs?: number;
  /** A file that has not ended so long after its last test is killed and failed: something that a test left open keeps it alive. @default 20 s */
  readonly endGraceMs?: number;
  /** Counts every skip as a failure: for machines that have what the tests need. */
  readonly areSkipsFailures?: boolean;
  /** How long processes that a file started may outlive it before they are called left over. */
  readonly strayGraceMs?: number;
  readonly env?: Readonly<Record<string, string>>;
  readonly print?: (line: string) => void;
}

/** Sums over all files. */
export interface RunCounts { readonly passed: number; readonly failed: number; readonly skipped: number }

interface FileResult extends RunCounts { readonly file: string; readonly reasons: readonly string[]; readonly why: string; readonly output: string; readonly ms: number }

const running = new Set<ChildProcess>();

/**
 * Runs uvu files, one process each. A file fails that has no summary, no tests and no `SKIP:` line, a non-zero exit,
 * takes too long, or leaves processes behind.
 */
export async function runFiles(options: RunOptions): Promise<RunCounts> {
  const print = options.print ?? console.log;
  const files: string[] = [];
  for await (const file of glob(options.pattern, { cwd: options.root })) if (file.includes(options.filter ?? '')) files.push(file);
  files.sort();
  if (files.length === 0) {
    print(`FAIL no file matches ${options.pattern}${options.filter === undefined ? '' : ` and '${options.filter}'`}`);
    return { passed: 0, failed: 1, skipped: 0 };
  }
  const results: FileResult[] = [];
  const work = async (queue: Iterable<string>): Promise<void> => {
    for (const file of queue) {
      const result = await runFile(file, options);
      results.push(result);
      printResult(result, print);
    }
  };
  const isAlone = (file: string): boolean => options.alone !== undefined && file.startsWith(options.alone);
  const shared = files.filter((file) => !isAlone(file)).values(); // one iterator for all workers
  await Promise.all(Array.from({ length: options.jobs ?? jobsDefault() }, () => work(shared)));
  await work(files.filter(isAlone));
  printSkips(results, options.areSkipsFailures === true, print);
  return sum(results.map((result) => (options.areSkipsFailures === true ? { ...result, failed: result.failed + result.skipped, skipped: 0 } : result)));
}

/** Adds counts up. */
export function sum(counts: readonly RunCounts[]): RunCounts {
  return counts.reduce((a, b) => ({ passed: a.passed + b.passed, failed: a.failed + b.failed, skipped: a.skipped + b.skipped }), { passed: 0, failed: 0, skipped: 0 });
}

/** Prints the one line that says how a run ended, and sets the exit code. Nothing may be printed after it. */
export function conclude(counts: RunCounts): void {
  console.log(`${counts.passed} passed, ${counts.failed} failed${counts.skipped > 0 ? `, ${counts.skipped} skipped` : ''}`);
  process.exitCode = counts.failed > 0 ? 1 : 0;
}

/** `JOBS`, else one job per core. */
export function jobsDefault(): number {
  return Math.max(1, Number(process.env['JOBS'] ?? availableParallelism()) || 1);
}

/** Ends every test process when this one is told to end. */
export function endFilesOnSignals(): void {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => {
      for (const child of running) killGroup(child);
      process.exit(130);
    });
  }
}

async function runFile(file: string, options: RunOptions): Promise<FileResult> {
  const startedAt = performance.now();
  const limitMs = options.fileTimeoutMs ?? Number(process.env['FILE_TIMEOUT_MS'] ?? 180_000);
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', '--enable-source-maps', file], {
    cwd: options.root, stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, ...options.env, FORCE_COLOR: '0' },
    detached: true, // its own process group, so that what it started can be found and ended
  });
  running.add(child);
  let output = '';
  let trouble = '';
  const endGraceMs = options.endGraceMs ?? 20_000;
  let lingering: NodeJS.Timeout | undefined;
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (bytes: Buffer) => {
      output += bytes.toString();
      if (!hasConcluded(output)) { clearTimeout(lingering); lingering = undefined; }
      else lingering ??= setTimeout(() => { trouble = `did not end within ${endGraceMs} ms of its last test`; killGroup(child); }, endGraceMs);
    });
  }
  const timer = setTimeout(() => { trouble = `took longer than ${limitMs} ms`; killGroup(child); }, limitMs);
  const closed = new Promise<void>((resolve) => child.on('close', () => resolve()));
  const exit = await new Promise<string>((resolve) => {
    child.on('exit', (code, signal) => resolve(signal === null ? (code === 0 ? '' : `exit ${code}`) : `killed by ${signal}`));
    child.on('error', (error) => resolve(error.message));
  });
  clearTimeout(timer);
  clearTimeout(lingering);
  if (!(await areStraysGone(child, options.strayGraceMs ?? 3000))) {
    trouble ||= 'left processes running';
    killGroup(child);
  }
  if (child.pid !== undefined) await closed;
  running.delete(child);
  return { file: relative(options.root, `${options.root}/${file}`), ...judge(output, trouble || exit), output, ms: performance.now() - startedAt };
}

/** True behind a summary that no test's mark follows: what a test prints of another run comes before its own. */
function hasConcluded(output: string): boolean {
  const summary = output.lastIndexOf('\n  Duration: ');
  return summary >= 0 && !/[•✘]/.test(output.slice(summary));
}

/** Reads the outcome of a file out of what it printed. */
export function judge(output: string, trouble: string): RunCounts & { readonly reasons: readonly string[]; readonly why: string } {
  const text = output.replace(/\x1b\[[0-9;]*m/g, '');
  // The last match: what a test prints of another run comes before its own summary.
  const count = (label: string): number => Number([...text.matchAll(new RegExp(`^ {2}${label}: +(\\d+)`, 'gm'))].at(-1)?.[1] ?? NaN);
  const [total, passed, skippedTests] = [count('Total'), count('Passed'), count('Skipped')];
  const reasons = [...text.matchAll(/(?:^|[•✘\s])SKIP: (.+)$/gm)].map((match) => match[1] as string);
  for (let i = 0; i < (skippedTests || 0); i++) reasons.push('test.skip in the file');
  let why = trouble.startsWith('exit') && total > passed ? '' : trouble;
  if (why === '' && Number.isNaN(total)) why = 'printed no summary (is test.run() missing?)';
  if (why === '' && total === 0 && reasons.length === 0) why = 'ran no test';
  if (why === '' && total !== passed) why = `${total - passed} failed`;
  const failedTests = (total || 0) - (passed || 0);
  return { passed: passed || 0, failed: why !== '' ? Math.max(1, failedTests) : 0, skipped: reasons.length, reasons, why };
}

function printResult(result: FileResult, print: (line: string) => void): void {
  print(`${result.why === '' ? 'ok  ' : 'FAIL'} ${result.file} ${result.passed} passed ${result.ms.toFixed(0)} ms${result.why === '' ? '' : ` ${result.why}`}`);
  if (result.why === '') return;
  const lines = result.output.trimEnd().split('\n');
  const shown = lines.length > 80 ? [...lines.slice(0, 40), `… ${lines.length - 80} lines …`, ...lines.slice(-40)] : lines;
  for (const line of shown) print(`     ${line}`);
}

function printSkips(results: readonly FileResult[], areFailures: boolean, print: (line: string) => void): void {
  for (const result of results) for (const reason of result.reasons) print(`${areFailures ? 'FAIL' : 'skip'} ${result.file}: ${reason}`);
}

async function areStraysGone(child: ChildProcess, graceMs: number): Promise<boolean> {
  const deadline = performance.now() + graceMs;
  while (isGroupAlive(child)) {
    if (performance.now() > deadline) return false;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return true;
}

function isGroupAlive(child: ChildProcess): boolean {
  try {
    return child.pid !== undefined && process.kill(-child.pid, 0);
  } catch {
    return false; // ESRCH: nobody is left in the group
  }
}

function killGroup(child: ChildProcess): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, 'SIGKILL');
  } catch {
    // ESRCH: it ended by itself between the look and the kill
  }
}
