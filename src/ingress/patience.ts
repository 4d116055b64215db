import type { Random } from '../engine/random.ts';
import { PlatformError } from '../engine/errors.ts';
import { isAway } from './knock.ts';

/** How a source that fails is tried again. */
export interface PatienceOptions {
  /** First wait before one that answers, but cannot be read, is tried again; doubles with each failure. */
  readonly backoffMs: number;
  readonly backoffMaxMs: number;
  readonly random: Random;
}

/** One that is away is asked so often: it must be back within a second of its return, and asking is cheap. */
const AWAY_MS = 500;
const AWAY_JITTER = 0.2;

/** One that was away so many times in a row is asked as seldom as that second allows. */
const LONG_AWAY = 600;
const LONG_AWAY_MS = 800;
const LONG_AWAY_JITTER = 0.1;

/** Cameras lock accounts: the longest wait after a refused login is so many times as long. */
const LOGIN_FACTOR = 6;
const JITTER = 0.3;

/** Says when a source that failed may be tried again. */
export class Patience {
  readonly #options: PatienceOptions;
  #failures = 0;
  #logins = 0;
  #away = 0;

  constructor(options: PatienceOptions) {
    this.#options = options;
  }

  /** Enters a failure. Milliseconds, from the begin of the try that failed, to the next one. */
  failed(error: unknown): number {
    const { backoffMs, backoffMaxMs, random } = this.#options;
    if (isAway(error)) {
      this.#failures = 0; // whatever it refused before it went away
      this.#away += 1;
      const [ms, jitter] = this.#away > LONG_AWAY ? [LONG_AWAY_MS, LONG_AWAY_JITTER] : [AWAY_MS, AWAY_JITTER];
      return ms * (1 + jitter * (2 * random.next() - 1));
    }
    this.#away = 0;
    const isLogin = error instanceof PlatformError && error.facts['isLogin'] === true;
    const count = isLogin ? this.#logins++ : this.#failures++;
    return Math.min(backoffMs * 2 ** Math.min(count, 30), backoffMaxMs * (isLogin ? LOGIN_FACTOR : 1)) * (1 - JITTER * random.next());
  }

  /** It works: a later failure is a first one. */
  worked(): void {
    this.#failures = 0;
    this.#logins = 0;
    this.#away = 0;
  }
}
