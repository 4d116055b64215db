import { fork, type ChildProcess, type Serializable } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Actor, ActorContext, ActorReport } from '../../src/engine/actor.ts';
import type { Clock } from '../../src/engine/clock.ts';
import { PlatformError, reviveError } from '../../src/engine/errors.ts';
import { deferred, every, withTimeout } from '../../src/engine/timers.ts';
import { followLines } from './lines.ts';
import type { FromChild, Role, ToChild } from './protocol.ts';

/** The file next to the actors folder that every child runs, as source or compiled. */
const ENTRY = fileURLToPath(new URL(`../main${import.meta.url.endsWith('.ts') ? '.ts' : '.js'}`, import.meta.url));

/** Only compiled code needs maps: stripping types moves nothing, and each module's map would be kept in memory. */
const SOURCE_MAPS: readonly string[] = ENTRY.endsWith('.ts') ? [] : ['--enable-source-maps'];

/** Loading a model may block a process for long: until it is ready it is only watched for its death, up to this limit. */
const START_LIMIT_MS = 120_000;

/**
 * Left alone, V8 widens the space for new objects to three times 32 MB in a process that carries frames, and lets what outlived it pile up to four times what is
 * needed before it looks: some 100 MB a process for no gain.
 */
const HEAP: readonly string[] = ['--max-semi-space-size=4', '--heap-growing-percent=50'];

/** How long what a dead process wrote last may take to arrive. */
const LAST_WORDS_MS = 200;

/** How a role process is started and watched. */
export interface ProcessOptions {
  /** Shown by /readyz and in the process list. */
  readonly name: string;
  readonly role: Role;
  /** Asked at every start, so that a new generation gets what is wanted now. */
  readonly settings: () => unknown;
  /** Environment variables of its own, besides those of this process. @default none */
  readonly env?: Readonly<Record<string, string>>;
  /** libuv threads: a blocked camera holds up to two. */
  readonly threadPoolSize: number;
  readonly clock: Clock;
  /** A line the child wrote to its standard output or error. */
  readonly onLine: (process: string, line: string) => void;
  /** What the role itself tells. */
  readonly onNote?: (note: unknown) => void;
  /** How long the child may take to drain after `stop` before SIGKILL. */
  readonly stopMs: number;
  /** How long it may take until it is ready. @default 120 s, for models that are compiled at their first load */
  readonly startLimitMs?: number;
  /** The program it runs. @default the entry of this version's roles */
  readonly entry?: string;
}

/** One role in a process of its own. A generation is a process; its death is that generation's failure. */
export class ProcessActor implements Actor {
  readonly name: string;
  readonly #options: ProcessOptions;
  #child: ChildProcess | undefined;
  #report: ActorReport | undefined;
  #pendingMetrics = new Map<number, (snapshot: unknown) => void>();
  #metricsId = 0;
  #ready = deferred<void>();
  #isReady = false;

  constructor(options: ProcessOptions) {
    this.name = options.name;
    this.#options = options;
  }

  /** Process id of the running generation. */
  get pid(): number | undefined { return this.#child?.pid; }
  get isReady(): boolean { return this.#isReady; }
  /** The child's own supervision tree, as last reported. */
  get tree(): ActorReport | undefined { return this.#report; }

  /** Resolves when the first, or the running, generation is ready. */
  async untilReady(): Promise<void> {
    await this.#ready.promise;
  }

  /** Metrics of the process; undefined when it does not answer within a second. */
  async metrics(): Promise<unknown> {
    if (!this.#isReady) return undefined;
    const id = ++this.#metricsId;
    const answer = new Promise<unknown>(resolve => { this.#pendingMetrics.set(id, resolve); });
    this.#send({ type: 'metrics', id });
    try {
      return await withTimeout(answer, 1000, this.#options.clock, new PlatformError('STALLED', `${this.name} gave no metrics within 1 s`));
    } catch {
      return undefined; // a process that is being restarted has none
    } finally {
      this.#pendingMetrics.delete(id);
    }
  }

  receive(message: unknown): void {
    this.#send({ type: 'tell', message });
  }

  async run(ctx: ActorContext): Promise<void> {
    ctx.status('starting');
    const child = this.#start();
    this.#child = child;
    const failure: { error?: Error } = {};
    const { clock, startLimitMs = START_LIMIT_MS } = this.#options;
    const untilMs = clock.monotonicMs() + startLimitMs;
    // One that reports but is not ready in time counts as stalled, like one that says nothing.
    const progress = (): void => { if (this.#isReady || clock.monotonicMs() < untilMs) ctx.progress(); };
    child.on('message', (message: FromChild) => { this.#receive(message, ctx, failure); progress(); });
    const lastLines = this.#follow(child);
    const ended = this.#endOf(child);
    this.#send({ type: 'start', role: this.#options.role, settings: this.#options.settings() });
    const stop = (): void => {
      if (this.#isReady) this.#send({ type: 'stop' });
      else child.kill('SIGKILL'); // it may be blocked by loading; what it recorded by then, the next start finishes
    };
    ctx.signal.addEventListener('abort', stop, { once: true });
    if (ctx.signal.aborted) stop();
    const starting = new AbortController();
    void every(1_000, clock, starting.signal, () => { if (!this.#isReady) progress(); });
    const how = await Promise.race([ended, this.#killWhenLate(child, ctx.signal, ended)]);
    starting.abort();
    ctx.signal.removeEventListener('abort', stop);
    this.#forget();
    if (ctx.signal.aborted) return;
    if (failure.error) throw failure.error;
    const said = lastLines.findLast(line => !line.startsWith('{')); // log lines are told elsewhere; the rest is native code, or the watch over the process
    throw new PlatformError('PROCESS_EXITED', `process ${this.name} (pid ${child.pid ?? 'none'}) ended: ${how}${said === undefined ? '' : `, and said last: ${said.slice(0, 200)}`}`, { process: this.name, last: lastLines.join(' | ').slice(-500) });
  }

  /** How the process ended, once what it wrote last is here too. */
  async #endOf(child: ChildProcess): Promise<string> {
    const closed = new AbortController();
    child.once('close', () => closed.abort());
    const how = await new Promise<string>(resolve => {
      child.once('error', error => {
        child.kill('SIGKILL'); // it may be one that runs but cannot be reached
        resolve(error.message);
      });
      child.once('exit', (code, signal) => resolve(signal ? `signal ${signal}` : `exit code ${code ?? 'unknown'}`));
    });
    if (!closed.signal.aborted) await this.#options.clock.sleep(LAST_WORDS_MS, closed.signal).catch(() => {});
    return how;
  }

  #start(): ChildProcess {
    return fork(this.#options.entry ?? ENTRY, [this.name], {
      execArgv: ['--disable-warning=ExperimentalWarning', ...HEAP, ...SOURCE_MAPS],
      serialization: 'advanced', stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      env: { ...process.env, ...this.#options.env, UV_THREADPOOL_SIZE: String(this.#options.threadPoolSize) },
    });
  }

  #receive(message: FromChild, ctx: ActorContext, failure: { error?: Error }): void {
    if (message.type === 'ready') {
      this.#isReady = true;
      ctx.status('ready');
      this.#ready.resolve();
    } else if (message.type === 'note') this.#options.onNote?.(message.note);
    else if (message.type === 'report') this.#report = message.report;
    else if (message.type === 'metrics') this.#pendingMetrics.get(message.id)?.(message.snapshot);
    else failure.error = reviveError(message.error);
  }

  /** Hands the child's lines on and keeps the last few for the message of its end. */
  #follow(child: ChildProcess): string[] {
    const last: string[] = [];
    for (const stream of [child.stdout, child.stderr]) {
      if (!stream) continue;
      followLines(stream, line => {
        if (stream === child.stderr) { last.push(line); last.splice(0, Math.max(0, last.length - 5)); }
        this.#options.onLine(this.name, line);
      });
    }
    return last;
  }

  async #killWhenLate(child: ChildProcess, signal: AbortSignal, ended: Promise<string>): Promise<string> {
    await new Promise<void>(resolve => {
      if (signal.aborted) resolve();
      else signal.addEventListener('abort', () => resolve(), { once: true });
    });
    const done = new AbortController();
    void ended.then(() => done.abort());
    await this.#options.clock.sleep(this.#options.stopMs, done.signal).catch(() => {});
    if (!done.signal.aborted) child.kill('SIGKILL');
    return ended;
  }

  #forget(): void {
    this.#child = undefined;
    this.#report = undefined;
    if (this.#isReady) this.#ready = deferred<void>();
    this.#isReady = false;
  }

  #send(message: ToChild): void {
    // A channel that is closing loses the message together with the process it was for.
    if (this.#child?.connected) this.#child.send(message as Serializable, () => {});
  }
}
