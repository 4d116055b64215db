import type { CameraId } from '../engine/units.ts';
import type { CommittedRecord } from './store.ts';

const PAGE = 256;

/**
 * Follows the commit order of the store. The newest records are kept in memory, so that many readers cost no queries;
 * a reader that fell behind them reads pages from the store. No reader can hold anything up.
 */
export class CommitLog {
  readonly #keep: number;
  readonly #page: (after: number, max: number, camera?: CameraId) => readonly CommittedRecord[];
  #recent: CommittedRecord[] = [];
  #lastId: number;
  #waiting: (() => void)[] = [];

  /** @param keep newest records held in memory */
  constructor(options: { readonly keep: number; readonly lastId: number; readonly page: (after: number, max: number, camera?: CameraId) => readonly CommittedRecord[] }) {
    this.#keep = options.keep;
    this.#lastId = options.lastId;
    this.#page = options.page;
  }

  /** Takes records that were just committed. */
  push(records: readonly CommittedRecord[]): void {
    const last = records.at(-1);
    if (!last) return;
    this.#lastId = last.id;
    this.#recent.push(...records);
    if (this.#recent.length > 2 * this.#keep) this.#recent = this.#recent.slice(-this.#keep);
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const wake of waiting) wake();
  }

  /** Batches of records with id > `after`, in order, as they are committed, until the signal aborts. */
  async *follow(after: number, camera: CameraId | undefined, signal: AbortSignal): AsyncGenerator<readonly CommittedRecord[]> {
    let cursor = after;
    while (!signal.aborted) {
      const isRecent = cursor >= this.#lastId || (this.#recent[0]?.id ?? Number.POSITIVE_INFINITY) <= cursor + 1;
      const all = isRecent ? this.#recentAfter(cursor) : this.#page(cursor, PAGE, camera);
      const batch = camera === undefined ? all : all.filter(({ record }) => record.camera === camera);
      if (batch.length > 0) yield batch;
      const last = all.at(-1);
      if (last) cursor = last.id;
      else if (!isRecent) cursor = this.#lastId; // the store holds nothing newer of this camera
      else await this.#next(signal);
    }
  }

  #recentAfter(cursor: number): readonly CommittedRecord[] {
    let from = this.#recent.length;
    while (from > 0 && (this.#recent[from - 1]?.id ?? 0) > cursor) from -= 1;
    return this.#recent.slice(from, from + PAGE);
  }

  #next(signal: AbortSignal): Promise<void> {
    return new Promise(resolve => {
      const done = (): void => { signal.removeEventListener('abort', done); resolve(); };
      this.#waiting.push(done);
      signal.addEventListener('abort', done, { once: true });
    });
  }
}
