import type { Clock } from '../../src/engine/clock.ts';
import type { OutRecord } from '../../src/transports/kafka-types.ts';

/** What records are written ahead of their commit with. */
export interface PublisherOptions {
  readonly clock: Clock;
  /** What there is to write; it is not given again. */
  readonly take: () => readonly OutRecord[];
  /** Resolves when they are durable. */
  readonly write: (records: readonly OutRecord[]) => Promise<void>;
  readonly onWritten: (records: number) => void;
}

/** A busy partition writes this often: each request costs as much as dozens of records. */
const EVERY_MS = 5;

/** Writes records as soon as they come, one request at a time; what comes meanwhile goes together. For delivery at least once, where none waits for a transaction. */
export class Publisher {
  readonly #options: PublisherOptions;
  #dueMs = 0;
  #isBusy = false;
  #written: Promise<void> = Promise.resolve();

  constructor(options: PublisherOptions) {
    this.#options = options;
  }

  /** Resolves when everything that was taken up to now is durable. Rejects with what the writing threw: nothing is written after that. */
  get written(): Promise<void> { return this.#written; }

  /** There may be something to take. */
  wake(): void {
    if (this.#isBusy) return;
    this.#isBusy = true;
    this.#turn().then(isMore => {
      this.#isBusy = false;
      if (isMore) this.wake();
    }, () => { /* told by `written`; it stays busy */ });
  }

  /** True when something was written: more may have come meanwhile. */
  async #turn(): Promise<boolean> {
    const { clock, take, write, onWritten } = this.#options;
    await Promise.resolve(); // what comes in one turn goes together
    const waitMs = this.#dueMs - clock.monotonicMs();
    if (waitMs > 0) await clock.sleep(waitMs);
    const records = take();
    if (records.length === 0) return false;
    this.#dueMs = clock.monotonicMs() + EVERY_MS;
    this.#written = write(records);
    await this.#written;
    onWritten(records.length);
    return true;
  }
}
