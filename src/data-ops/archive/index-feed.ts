import type { Clock } from '../../engine/clock.ts';
import { fateOf } from '../../engine/errors.ts';
import type { ChunkRow } from '../store.ts';

/** Takes index rows; resolves when they are durable. A rejection with the fate `retry` is tried again, any other fails the recorder. */
export type IndexSink = (rows: readonly ChunkRow[]) => Promise<void>;

/** Chunks whose rows may wait while the store is away; then recording waits too. */
const MAX_WAITING = 1024;
const RETRY_MS = 200;

/** Brings index rows to the store without recording waiting for it: one call under way, the newest row of each chunk kept. */
export class IndexFeed {
  readonly #sink: IndexSink;
  readonly #waiting = new Map<string, ChunkRow>();
  #run: Promise<void> | undefined;
  #failure: { readonly error: unknown } | undefined;

  constructor(sink: IndexSink) { this.#sink = sink; }

  /** Hands a row over; waits only when `MAX_WAITING` chunks wait already. Throws what the sink failed with before. */
  async put(row: ChunkRow, clock: Clock, signal: AbortSignal): Promise<void> {
    this.throwFailure();
    this.#waiting.set(`${row.epoch}/${row.chunkSeq}`, row);
    this.#run ??= this.#drain(clock, signal);
    if (this.#waiting.size > MAX_WAITING) await this.#run;
  }

  /** Throws what the sink failed with. */
  throwFailure(): void { if (this.#failure !== undefined) throw this.#failure.error; }

  /** Resolves when nothing waits any more, or nothing will be sent any more. Never rejects. */
  async idle(): Promise<void> { await this.#run; }

  async #drain(clock: Clock, signal: AbortSignal): Promise<void> {
    try {
      while (this.#waiting.size > 0) {
        const rows = [...this.#waiting.values()];
        this.#waiting.clear();
        await this.#send(rows, clock, signal);
      }
    } catch (error) {
      this.#failure = { error };
    } finally {
      this.#run = undefined;
    }
  }

  async #send(rows: readonly ChunkRow[], clock: Clock, signal: AbortSignal): Promise<void> {
    for (;;) {
      try {
        return await this.#sink(rows);
      } catch (error) {
        if (fateOf(error) !== 'retry') throw error;
        await clock.sleep(RETRY_MS, signal);
      }
    }
  }
}
