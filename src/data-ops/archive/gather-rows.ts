import type { ChunkRow } from '../store.ts';
import type { IndexSink } from './index-feed.ts';

interface Waiting { readonly rows: readonly ChunkRow[]; resolve(): void; reject(error: unknown): void }

/**
 * Lets the recorders of a process share their calls of the index: one is under way, and what comes meanwhile goes together with the next. A call that fails is
 * made again for each of those who shared it, so that nobody fails for another's rows.
 */
export function gatherRows(sink: IndexSink): IndexSink {
  let waiting: Waiting[] = [];
  let isSending = false;

  async function send(gathered: readonly Waiting[]): Promise<void> {
    try {
      await sink(gathered.flatMap(({ rows }) => rows));
      for (const each of gathered) each.resolve();
    } catch (error) {
      if (gathered.length === 1) gathered[0]?.reject(error);
      else for (const each of gathered) await send([each]);
    }
  }

  async function drain(): Promise<void> {
    isSending = true;
    while (waiting.length > 0) {
      const gathered = waiting;
      waiting = [];
      await send(gathered);
    }
    isSending = false;
  }

  return rows => new Promise((resolve, reject) => {
    waiting.push({ rows, resolve, reject });
    if (!isSending) void drain();
  });
}
