import type { Clock } from '../engine/clock.ts';
import { PlatformError, reportError } from '../engine/errors.ts';
import type { Random } from '../engine/random.ts';
import { deferred, type Deferred } from '../engine/timers.ts';
import type { EpochMicros } from '../engine/units.ts';
import type { KeptSession } from './kept-session.ts';
import { OnwardTimes } from './onward-times.ts';
import { Patience } from './patience.ts';
import { Rung, type RungSource } from './rung.ts';
import { RungSession, type SessionEnd } from './rung-session.ts';
import type { Source, SourceSession } from './source.ts';

/** What a ladder is made of. */
export interface LadderOptions {
  /** In order of preference. */
  readonly rungs: readonly [RungSource, ...RungSource[]];
  /** `cold`: a source is opened when all before it fail. `warm`: the next one is kept connected, with its newest pictures. */
  readonly standby: 'cold' | 'warm';
  /** A better source must deliver for so long before it is used again; `restoreAfter` changes it. */
  readonly restoreAfterMs: number;
  /** How long a camera may be silent before it counts as failed: a warm standby keeps that much, and what a switch takes. */
  readonly stallMs: number;
  /** How one that answers, but cannot be read, is tried again. */
  readonly backoffMs: number;
  readonly backoffMaxMs: number;
  /** Goes on with the times of a ladder before. @default a camera begins */
  readonly times?: OnwardTimes;
  readonly clock: Clock;
  readonly random: Random;
  /** Another source is used from now on. `reason`: error code of the one that failed; absent on the way back to a better one. */
  readonly onSwitch?: (change: { readonly from: string; readonly to: string; readonly reason?: string }) => void;
  /** What is known of the sources changed. */
  readonly onChange?: (sources: readonly RungView[]) => void;
}

/** How one source of a ladder is. */
export interface RungView {
  /** Without credentials. */
  readonly label: string;
  /**
   * `active`: its pictures are recorded. `standby`: connected, its newest pictures are kept. `trying`: being opened. `away`: the last try failed, it is
   * tried again. `failed`: for good. `idle`: not wanted now.
   */
  readonly state: 'active' | 'standby' | 'trying' | 'away' | 'failed' | 'idle';
  readonly code?: string;
  readonly message?: string;
}

/** Several sources as one, which ends with `close` only. */
export interface Ladder extends Source {
  /** Of all its sessions. */
  readonly times: OnwardTimes;
  close(): Promise<void>;
  sources(): readonly RungView[];
  /** From now on a better source must deliver for so long before it is used again. */
  restoreAfter(ms: number): void;
}

/** What closing a session and opening the next one may take: a warm standby covers that besides the stall. */
const SWITCH_MS = 1_500;

/** Bound of what a warm standby keeps. */
const KEEP_BYTES_MAX = 16 << 20;

/** Whoever waits for a source is told again why there is none after so long, or soon when the reason is another. */
const TELL_EVERY_MS = 10_000;
const TELL_NEWS_MS = 1_000;

/**
 * Makes one source of several, and gives each the patience that its failures call for: one that is away is asked twice a second whether it is
 * back, one that answers and refuses less and less often. Sessions follow each other in time: see `OnwardTimes`.
 */
export function createLadder(options: LadderOptions): Ladder {
  return new SourceLadder(options);
}

class SourceLadder implements Ladder {
  readonly label: string;
  readonly isAwaited: boolean;
  readonly times: OnwardTimes;
  readonly #options: LadderOptions;
  readonly #rungs: readonly Rung[];
  #restoreAfterMs: number;
  #active: { readonly rung: Rung; readonly session: RungSession } | undefined;
  /** The rung whose pictures were last recorded; the first before any were. */
  #recorded: Rung | undefined;
  #lastCapturedAt: EpochMicros | undefined;
  #told: { readonly code: string; readonly atMs: number } | undefined;
  #changed: Deferred<void> = deferred();
  #shown = '';
  /** Why the source that was recorded last failed. */
  #reason: string | undefined;
  /** Sessions of better sources whose time is being waited for. */
  readonly #proving = new WeakMap<KeptSession, number>();
  /** Sessions that are being closed. */
  readonly #closing = new Set<Promise<void>>();
  /** From the first `open` to `close`. */
  #life: AbortController | undefined;

  constructor(options: LadderOptions) {
    const { clock, random, stallMs, backoffMs, backoffMaxMs, rungs } = options;
    this.#options = options;
    this.label = rungs[0].source.label;
    this.isAwaited = rungs.length === 1 && rungs[0].source.isAwaited === true;
    this.times = options.times ?? new OnwardTimes();
    this.#restoreAfterMs = options.restoreAfterMs;
    this.#rungs = rungs.map(rung => new Rung({
      ...rung, clock, coverMs: stallMs + SWITCH_MS, maxBytes: KEEP_BYTES_MAX, patience: new Patience({ backoffMs, backoffMaxMs, random }), onChange: () => this.#onChange(),
    }));
  }

  /**
   * Waits for the first source that delivers.
   * @throws what the best source fails with: at once when that is news, else every ten seconds, while the sources are tried on; at once for good when none can ever be opened
   */
  async open(signal: AbortSignal): Promise<SourceSession> {
    signal.throwIfAborted();
    this.#life ??= new AbortController();
    const wake = (): void => this.#changed.resolve();
    const over = new AbortController();
    signal.addEventListener('abort', wake, { once: true });
    void this.#options.clock.sleep(TELL_EVERY_MS, over.signal).then(wake, () => { /* opened before */ });
    try {
      for (;;) {
        this.#plan();
        const session = await this.#takeFirst();
        if (signal.aborted) await session?.close();
        signal.throwIfAborted();
        if (session !== undefined) return session;
        this.#tell();
        await this.#changed.promise;
        this.#changed = deferred();
      }
    } finally {
      over.abort(OVER);
      signal.removeEventListener('abort', wake);
    }
  }

  async close(): Promise<void> {
    this.#life?.abort(OVER);
    this.#life = undefined;
    await Promise.all([...this.#rungs.map(rung => rung.unwant()), ...this.#closing]);
    await Promise.all(this.#options.rungs.map(async ({ source }) => { await source.close?.(); }));
  }

  sources(): readonly RungView[] {
    return this.#rungs.map(rung => {
      const { code, message } = rung.failure === undefined ? {} as { code?: string; message?: string } : reportError(rung.failure);
      return { label: rung.label, state: this.#stateOf(rung), ...code !== undefined && message !== undefined && { code, message } };
    });
  }

  restoreAfter(ms: number): void {
    if (ms === this.#restoreAfterMs) return;
    this.#restoreAfterMs = ms;
    this.#restore();
  }

  #stateOf(rung: Rung): RungView['state'] {
    if (rung === this.#active?.rung) return 'active';
    if (rung.kept !== undefined) return 'standby';
    if (rung.isOver) return 'failed';
    if (rung.failure !== undefined && rung.isFailing) return 'away';
    return rung.isWanted ? 'trying' : 'idle';
  }

  #onChange(): void {
    this.#plan();
    this.#restore();
    this.#changed.resolve();
    this.#show();
  }

  #show(): void {
    const { onChange } = this.#options;
    if (onChange === undefined) return;
    const sources = this.sources();
    const text = JSON.stringify(sources);
    if (text === this.#shown) return;
    this.#shown = text;
    onChange(sources);
  }

  /** Tries the sources that are wanted; while one is recorded, no others. */
  #plan(): void {
    if (this.#life === undefined) return;
    const wanted = this.#wanted();
    for (const rung of this.#rungs) {
      if (wanted.has(rung)) rung.want();
      else if (this.#active !== undefined && rung !== this.#active.rung && rung.isWanted) void rung.unwant();
    }
  }

  /**
   * While nothing is recorded, the sources down to the first that may work. While one is recorded, all better ones, and with a warm standby the next
   * ones down to the first that may work. Recordings are always there: they are opened when they are needed.
   */
  #wanted(): ReadonlySet<Rung> {
    const wanted = new Set<Rung>();
    const active = this.#active?.rung;
    let isBelow = active === undefined;
    for (const rung of this.#rungs) {
      if (rung === active) {
        if (this.#options.standby === 'cold') break;
        isBelow = true;
        continue;
      }
      if (active === undefined || rung.isCamera) wanted.add(rung);
      if (isBelow && !rung.isFailing) break;
    }
    return wanted;
  }

  /** Lets a better source take over that has delivered for long enough. */
  #restore(): void {
    const { clock } = this.#options;
    const active = this.#active;
    if (active === undefined || this.#life === undefined) return;
    for (const rung of this.#rungs.slice(0, this.#rungs.indexOf(active.rung))) {
      const { kept } = rung;
      if (kept?.readySinceMs === undefined) continue;
      const leftMs = kept.readySinceMs + this.#restoreAfterMs - clock.monotonicMs();
      if (leftMs <= 0) active.session.replace(rung.label);
      else if (this.#proving.get(kept) !== this.#restoreAfterMs) {
        this.#proving.set(kept, this.#restoreAfterMs);
        void clock.sleep(leftMs, this.#life.signal).then(() => {
          this.#proving.delete(kept); // timers may ring a little early
          if (rung.kept === kept) this.#restore();
        }, () => { /* closed */ });
      }
    }
  }

  /** A session of the best source that has one. */
  async #takeFirst(): Promise<SourceSession | undefined> {
    const rung = this.#rungs.find(({ kept }) => kept !== undefined);
    const taken = await rung?.take(this.#lastCapturedAt);
    if (rung === undefined || taken === undefined) return undefined;
    const released = deferred<void>();
    rung.release(released.promise);
    const session = new RungSession({
      ...taken, label: rung.label, clock: this.#options.clock, place: this.times.follow(taken.session),
      onFirst: () => this.#begin(rung),
      onUnit: unit => { this.#lastCapturedAt = unit.capturedAt; },
      onEnd: end => this.#end(rung, taken.session, end),
      onReleased: () => released.resolve(),
      onClosing: closed => this.#watch(closed),
    });
    this.#active = { rung, session };
    for (const lower of this.#rungs.slice(this.#rungs.indexOf(rung) + 1)) lower.renew();
    this.#onChange();
    return session;
  }

  #watch(closed: Promise<void>): void {
    this.#closing.add(closed);
    void closed.finally(() => this.#closing.delete(closed));
  }

  /** The first picture of a session goes to be recorded. */
  #begin(rung: Rung): void {
    const before = this.#recorded ?? this.#rungs[0];
    this.#recorded = rung;
    this.#told = undefined;
    if (before === undefined || before === rung) return;
    const isWorse = this.#rungs.indexOf(rung) > this.#rungs.indexOf(before);
    const reason = before.failure === undefined ? this.#reason ?? 'SOURCE_UNREACHABLE' : reportError(before.failure).code;
    this.#options.onSwitch?.({ from: before.label, to: rung.label, ...isWorse && { reason } });
  }

  #end(rung: Rung, inner: SourceSession, end: SessionEnd): { readonly error?: unknown; readonly isKept?: boolean } {
    this.#active = undefined;
    switch (end.kind) {
      case 'lost': this.#lose(rung, end.error, end.aliveMs); return {};
      case 'replaced': {
        const isKept = this.#options.standby === 'warm' && rung.isCamera && inner.isLive;
        if (isKept) rung.want({ session: inner, parameters: end.parameters });
        return { isKept };
      }
      case 'ended': return this.#rungs.length > 1 && (rung.isCamera || rung !== this.#rungs[0]) ? { error: this.#finish(rung) } : {};
      case 'closed': return {};
    }
  }

  /** The source has ended in front of others, which is a failure of it. */
  #finish(rung: Rung): PlatformError {
    const error = new PlatformError('SOURCE_UNREACHABLE', `${rung.label} has ended`);
    if (rung.isCamera) this.#lose(rung, error, 0);
    else {
      rung.ended(error);
      this.#onChange();
    }
    return error;
  }

  #lose(rung: Rung, error: unknown, aliveMs: number): void {
    const { code } = reportError(error);
    this.#reason = code;
    this.#told = { code, atMs: this.#options.clock.monotonicMs() }; // by the session's end
    rung.lost(error, aliveMs);
    this.#onChange();
  }

  /** @throws what keeps all sources that are wanted from delivering, when that is news or was not told for long */
  #tell(): void {
    const [first] = this.#rungs;
    if (this.#rungs.every(({ isOver }) => isOver)) throw first?.failure;
    if (this.#rungs.some(rung => rung.isWanted && !rung.isFailing)) return;
    const failing = this.#rungs.find(({ failure, isOver }) => failure !== undefined && !isOver);
    if (failing === undefined) return;
    const { code } = reportError(failing.failure);
    const nowMs = this.#options.clock.monotonicMs();
    if (this.#told !== undefined && nowMs - this.#told.atMs < (this.#told.code === code ? TELL_EVERY_MS : TELL_NEWS_MS)) return;
    this.#told = { code, atMs: nowMs };
    throw failing.failure;
  }
}

/** A reason of its own, or the abort makes an exception with a stack. */
const OVER = new Error('the wait is over');
