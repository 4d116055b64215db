import type { Clock } from '../../src/engine/clock.ts';
import { PlatformError } from '../../src/engine/errors.ts';
import { away } from '../../src/ingress/knock.ts';
import type { Source, SourceSession } from '../../src/ingress/source.ts';
import type { SourceUnit } from '../../src/messages/access-unit.ts';
import { PARAMETERS } from './fake-media.ts';

/** What a fake camera does when it is opened. */
export type Mood = 'up' | 'away' | 'silent' | 'refusing' | 'login' | 'broken';

/** A camera of a clock: a picture every `periodMs`, a key frame every `gop` of them from the begin of each session on. */
export class FakeCamera implements Source {
  readonly label: string;
  mood: Mood = 'up';
  /** Sessions stay open and deliver nothing. */
  isStalled = false;
  /** Sessions opened so far. */
  opened = 0;
  /** Those not closed yet. */
  readonly #sessions = new Set<SourceSession>();
  /** When it was asked, in ms of the clock. */
  readonly askedAtMs: number[] = [];
  readonly periodMs: number;
  readonly gop: number;
  readonly stallMs: number;
  readonly unitBytes: number;
  readonly #clock: Clock;
  #hangUps = new AbortController();

  constructor(label: string, clock: Clock, { periodMs = 100, gop = 5, stallMs = 2000, unitBytes = 10 } = {}) {
    this.label = label;
    this.#clock = clock;
    this.periodMs = periodMs;
    this.gop = gop;
    this.stallMs = stallMs;
    this.unitBytes = unitBytes;
  }

  get sessions(): number { return this.#sessions.size; }

  /** Closes the connections of all sessions. */
  hangUp(): void {
    this.#hangUps.abort(new PlatformError('SOURCE_UNREACHABLE', `${this.label} ended the session`));
    this.#hangUps = new AbortController();
  }

  async open(signal: AbortSignal): Promise<SourceSession> {
    signal.throwIfAborted();
    this.askedAtMs.push(this.#clock.monotonicMs());
    switch (this.mood) {
      case 'away': await this.#clock.sleep(1, signal); throw away(this.label, 'ECONNREFUSED');
      case 'silent': await this.#clock.sleep(60_000, signal); throw away(this.label, 'no answer');
      case 'refusing': throw new PlatformError('SOURCE_REFUSED', `${this.label} says 404`, {});
      case 'login': throw new PlatformError('SOURCE_REFUSED', `${this.label} says 401`, { isLogin: true });
      case 'broken': throw new PlatformError('MEDIA_UNSUPPORTED', `${this.label} has no codec of ours`);
      case 'up': break;
    }
    await this.#clock.sleep(20, signal);
    return this.#session();
  }

  #session(): SourceSession {
    this.opened += 1;
    const clock = this.#clock;
    const hangUp = this.#hangUps.signal;
    const closed = new AbortController();
    let position = 0;
    let dueMs = clock.monotonicMs();
    let lastMs = dueMs;
    const until = async (ms: number, signal: AbortSignal): Promise<void> => {
      const waitMs = ms - clock.monotonicMs();
      const either = AbortSignal.any([signal, hangUp, closed.signal]);
      either.throwIfAborted();
      if (waitMs > 0) await clock.sleep(waitMs, either);
    };
    const session: SourceSession = {
      isLive: true, expectedUnits: null, unreadablePackets: 0, lastUnreadable: undefined,
      next: async (signal): Promise<SourceUnit> => {
        await until(dueMs, signal);
        while (this.isStalled) {
          await until(clock.monotonicMs() + this.periodMs, signal);
          if (clock.monotonicMs() - lastMs >= this.stallMs) throw new PlatformError('SOURCE_STALLED', `${this.label} sent no picture for ${this.stallMs} ms`);
          dueMs = clock.monotonicMs();
        }
        lastMs = dueMs;
        dueMs += this.periodMs;
        const index = position++;
        const at = clock.now();
        const ticks = index * this.periodMs * 90;
        return {
          data: new Uint8Array(this.unitBytes).fill(index % 256), pts: ticks, dts: ticks, duration: this.periodMs * 90, isKey: index % this.gop === 0, isCorrupt: false,
          capturedAt: at, arrivedAt: at, ...index === 0 && { parameters: PARAMETERS },
        };
      },
      close: async () => {
        closed.abort(new Error('closed'));
        this.#sessions.delete(session);
      },
    };
    this.#sessions.add(session);
    return session;
  }
}
