import type { Clock } from '../engine/clock.ts';
import { fateOf, type PlatformError } from '../engine/errors.ts';
import type { StreamParameters } from '../messages/stream-parameters.ts';
import { keepReading, keepWaiting, type KeptSession } from './kept-session.ts';
import type { KeepLimits } from './kept-pictures.ts';
import type { Patience } from './patience.ts';
import type { Source, SourceSession } from './source.ts';

/** One of a camera's sources. */
export interface RungSource {
  readonly source: Source;
  /** False: a recording, which is always there and waits until it is wanted. */
  readonly isCamera: boolean;
}

/** What a rung works with. */
export interface RungOptions extends RungSource, KeepLimits {
  readonly clock: Clock;
  readonly patience: Patience;
  /** Something about the rung changed. */
  onChange(): void;
}

/** A session under way that a rung takes over. */
export interface Adopted { readonly session: SourceSession; readonly parameters: StreamParameters | undefined }

/** A source that has been opening for so long is not counted on. */
const OVERDUE_MS = 3_000;

/** A session that delivered for so long was a good one: its source is opened again at once. */
const STEADY_MS = 2_000;

/** One source of a ladder: tried again and again while it is wanted, and its session kept until it is taken. */
export class Rung {
  readonly label: string;
  readonly isCamera: boolean;
  readonly #options: RungOptions;
  #failure: unknown;
  #hasFailed = false;
  #isOverdue = false;
  #isOver = false;
  #kept: KeptSession | undefined;
  #work: { readonly stop: AbortController; readonly ended: Promise<void> } | undefined;
  #notBeforeMs = 0;
  /** Resolves when the session that was taken is closed: many cameras have few. */
  #released: Promise<void> = Promise.resolve();

  constructor(options: RungOptions) {
    this.#options = options;
    this.label = options.source.label;
    this.isCamera = options.isCamera;
  }

  /** Its session, when it delivers. */
  get kept(): KeptSession | undefined { return this.#kept?.readySinceMs === undefined ? undefined : this.#kept; }
  /** Its last try failed, or takes long. */
  get isFailing(): boolean { return this.#hasFailed || this.#isOverdue || this.#isOver; }
  /** It failed for good, or has ended: trying again is no use. */
  get isOver(): boolean { return this.#isOver; }
  /** Its last failure, until it delivers again. */
  get failure(): unknown { return this.#failure; }
  /** It is being tried, or kept. */
  get isWanted(): boolean { return this.#work !== undefined; }

  /** From now on it is tried until it delivers, and then kept; with a session it is kept at once. */
  want(adopted?: Adopted): void {
    if (this.#isOver || (this.#work !== undefined && adopted === undefined)) return;
    const before = this.#work?.ended ?? this.#released;
    this.#work?.stop.abort(UNWANTED);
    const stop = new AbortController();
    const work = { stop, ended: before.then(() => this.#keep(stop.signal, adopted)).finally(() => { if (this.#work === work) this.#work = undefined; }) };
    this.#work = work;
  }

  /** Ends what `want` began. */
  async unwant(): Promise<void> {
    const work = this.#work;
    if (work === undefined) return;
    work.stop.abort(UNWANTED);
    await work.ended;
    if (this.#work === undefined && !this.#isOver) this.#hasFailed = this.#isOverdue = false; // next time it is a new try
  }

  /** Its session is taken by somebody who says later how that went. */
  take(until: Parameters<KeptSession['take']>[0]): ReturnType<KeptSession['take']> {
    return this.#kept?.take(until) ?? Promise.resolve(undefined);
  }

  /** The session that was taken failed, `aliveMs` after its first picture; `released` when it is closed. */
  lost(error: unknown, aliveMs: number): void {
    this.#fail(error, aliveMs, this.#options.clock.monotonicMs());
  }

  /** The taken session is being closed. */
  release(closed: Promise<void>): void {
    this.#released = closed;
  }

  /** It played to its end: it is not opened again before a better source was there. */
  ended(error: PlatformError): void {
    this.#isOver = true;
    this.#hasFailed = true;
    this.#failure = error;
  }

  /** A better source is there: a recording that ended may be played again. */
  renew(): void {
    if (this.#isOver && fateOf(this.#failure) === 'stop') return;
    this.#isOver = false;
    if (!this.isCamera) this.#hasFailed = false;
  }

  async #keep(signal: AbortSignal, adopted: Adopted | undefined): Promise<void> {
    const { clock } = this.#options;
    if (adopted !== undefined && await this.#hold(adopted, signal)) return;
    while (!signal.aborted && !this.#isOver) {
      const beganMs = Math.max(clock.monotonicMs(), this.#notBeforeMs);
      let session: SourceSession;
      try {
        session = await this.#open(signal);
      } catch (error) {
        if (signal.aborted) return;
        this.#fail(error, 0, beganMs);
        this.#options.onChange();
        continue;
      }
      if (await this.#hold({ session, parameters: undefined }, signal)) return;
    }
  }

  async #open(signal: AbortSignal): Promise<SourceSession> {
    const { clock, source } = this.#options;
    const waitMs = this.#notBeforeMs - clock.monotonicMs();
    if (waitMs > 0) await clock.sleep(waitMs, signal);
    const opened = new AbortController();
    const overdue = clock.sleep(OVERDUE_MS, opened.signal).then(() => {
      if (signal.aborted) return;
      this.#isOverdue = true;
      this.#options.onChange();
    });
    overdue.catch(() => { /* it opened, or failed */ });
    try {
      return await source.open(signal);
    } finally {
      opened.abort(UNWANTED);
    }
  }

  /** Keeps the session until it is taken (true), unwanted or lost. */
  async #hold({ session, parameters }: Adopted, signal: AbortSignal): Promise<boolean> {
    const { clock, coverMs, maxBytes, isCamera } = this.#options;
    const onReady = (): void => {
      this.#failure = undefined;
      this.#hasFailed = this.#isOverdue = false;
      queueMicrotask(() => this.#options.onChange());
    };
    const kept = isCamera && session.isLive ? keepReading(session, { clock, coverMs, maxBytes, parameters, onReady, label: this.label }) : keepWaiting(session, { clock, onReady });
    const stop = (): void => { void kept.close(); };
    this.#kept = kept;
    signal.addEventListener('abort', stop, { once: true });
    if (signal.aborted) stop();
    try {
      await kept.over;
      return true;
    } catch (error) {
      if (signal.aborted) return true;
      const { readySinceMs } = kept;
      this.#fail(error, readySinceMs === undefined ? 0 : clock.monotonicMs() - readySinceMs, clock.monotonicMs());
      return false;
    } finally {
      signal.removeEventListener('abort', stop);
      this.#kept = undefined;
      await kept.close();
      this.#options.onChange();
    }
  }

  #fail(error: unknown, aliveMs: number, beganMs: number): void {
    if (this.#options.source.isAwaited === true && fateOf(error) !== 'stop') { // nobody sends now: that is no failure, but the next source is wanted
      this.#isOverdue = true;
      return;
    }
    this.#failure = error;
    this.#hasFailed = true;
    this.#isOverdue = false;
    if (fateOf(error) === 'stop') this.#isOver = true;
    if (aliveMs >= STEADY_MS) {
      this.#options.patience.worked();
      this.#notBeforeMs = 0;
    } else this.#notBeforeMs = beganMs + this.#options.patience.failed(error);
  }
}

/** A reason of its own, or the abort makes an exception with a stack. */
const UNWANTED = new Error('the source is not wanted any more');
