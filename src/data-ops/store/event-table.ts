import type { CameraId, EpochMicros } from '../../engine/units.ts';
import type { PlatformEvent } from '../../messages/platform-event.ts';
import type { ChunkTable } from './chunk-table.ts';
import type { Database } from './database.ts';
import type { EpochBook, EpochEntry } from './epoch-book.ts';

interface Row { readonly body: string }

/** A gap that is among the newest events of its camera already is not told again. */
const REPEAT_WITHIN = 256;

/** What happened, in the order it was told. Its changes happen inside a transaction of the caller's. */
export class EventTable {
  readonly #book: EpochBook;
  readonly #chunks: ChunkTable;
  readonly #statements;

  constructor(database: Database, book: EpochBook, chunks: ChunkTable) {
    this.#book = book;
    this.#chunks = chunks;
    this.#statements = {
      insert: database.prepare('INSERT INTO events (camera_key, at, body) VALUES (?, ?, ?)'),
      newest: database.prepare<Row>('SELECT body FROM events ORDER BY id DESC LIMIT ?'),
      newestOfCamera: database.prepare<Row>('SELECT body FROM events WHERE camera_key = ? ORDER BY id DESC LIMIT ?'),
      removeOld: database.prepare('DELETE FROM events WHERE id IN (SELECT id FROM events WHERE at < ? ORDER BY at LIMIT 10000)'),
    };
  }

  /** Appends events; a gap is counted, once, on the epoch after whose frames it lies. */
  put(events: readonly PlatformEvent[]): void {
    for (const event of events) {
      if (event.type === 'gap' && this.#isTold(event)) continue;
      const cameraKey = 'camera' in event ? this.#book.ensureCamera(event.camera) : null;
      this.#statements.insert.run(cameraKey, Math.round(event.at), JSON.stringify(event));
      if (event.type !== 'gap') continue;
      const entry = this.#epochOf(event.camera, event.from);
      if (entry === undefined) continue;
      entry.gaps += 1;
      this.#book.changed(entry);
    }
  }

  /** A call whose answer was lost is made again, and recovery may tell what was told already. */
  #isTold(gap: Extract<PlatformEvent, { type: 'gap' }>): boolean {
    return this.newest(REPEAT_WITHIN, gap.camera).some((event) => event.type === 'gap' && event.from === gap.from && event.to === gap.to);
  }

  /** The newest `max`, oldest of them first. */
  newest(max: number, camera: CameraId | undefined): readonly PlatformEvent[] {
    const rows = camera === undefined ? this.#statements.newest.all(max) : this.#statements.newestOfCamera.all(this.#book.cameraKey(camera) ?? -1, max);
    return rows.map((row) => JSON.parse(row.body) as PlatformEvent).reverse(); // written by put only
  }

  /** Deletes events from before a time; the gaps stay counted. */
  prune(before: EpochMicros): void { this.#statements.removeOld.run(before); }

  /** The newest epoch that had started by then; the newest of all where none had. */
  #epochOf(camera: CameraId, from: EpochMicros): EpochEntry | undefined {
    const epoch = this.#chunks.epochAt(this.#book.ensureCamera(camera), from);
    return (epoch === undefined ? undefined : this.#book.find(camera, epoch)) ?? this.#book.ofCamera(camera).at(-1);
  }
}
