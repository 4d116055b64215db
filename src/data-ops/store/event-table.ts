import type { CameraId, EpochMicros } from '../../engine/units.ts';
import type { PlatformEvent } from '../../messages/platform-event.ts';
import type { StoredEvent } from '../store.ts';
import type { ChunkTable } from './chunk-table.ts';
import type { Database } from './database.ts';
import type { EpochBook, EpochEntry } from './epoch-book.ts';

interface Row { readonly body: string }

/** How a camera is, as its newest event says. */
export type CameraStateEvent = Extract<PlatformEvent, { type: 'camera-state' }>;

type ReceivedEvent = Extract<PlatformEvent, { type: 'received' }>;

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
      // Ids begin anew when retention has removed every event.
      after: database.prepare<{ readonly id: number; readonly body: string }>('SELECT id, body FROM events WHERE id > CASE WHEN ?1 > (SELECT coalesce(max(id), 0) FROM events) THEN 0 ELSE ?1 END ORDER BY id LIMIT ?2'),
      newest: database.prepare<Row>('SELECT body FROM events ORDER BY id DESC LIMIT ?'),
      newestOfCamera: database.prepare<Row>('SELECT body FROM events WHERE camera_key = ? ORDER BY id DESC LIMIT ?'),
      same: database.prepare<{ readonly id: number }>('SELECT id FROM events WHERE at = ? AND body = ? LIMIT 1'),
      // A node that was cut off tells late what has long changed.
      putState: database.prepare('INSERT INTO camera_states (camera_key, at, body) VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET at = excluded.at, body = excluded.body WHERE excluded.at >= at'),
      states: database.prepare<Row>('SELECT body FROM camera_states ORDER BY camera_key'),
      removeOld: database.prepare('DELETE FROM events WHERE id IN (SELECT id FROM events WHERE at < ? ORDER BY at LIMIT 10000)'),
    };
  }

  /** Appends events, each once; a gap is counted on the epoch after whose frames it lies. What a node received is kept in its ledger only. */
  put(events: readonly PlatformEvent[]): void {
    for (const event of events) {
      if (event.type === 'received') this.#receive(event);
      else this.#append(event);
    }
  }

  #append(event: Exclude<PlatformEvent, ReceivedEvent>): void {
    const at = Math.round(event.at);
    const body = JSON.stringify(event);
    if (this.#statements.same.get(at, body) !== undefined || (event.type === 'gap' && this.#isTold(event))) return;
    const cameraKey = 'camera' in event ? this.#book.ensureCamera(event.camera) : null;
    this.#statements.insert.run(cameraKey, at, body);
    if (event.type === 'camera-state') this.#statements.putState.run(cameraKey, at, body);
    if (event.type !== 'gap') return;
    const entry = this.#epochOf(event.camera, event.from);
    if (entry === undefined) return;
    entry.gaps += 1;
    this.#book.changed(entry);
  }

  /** The newest count stands: a node that was cut off from power may have to take frames back. */
  #receive({ camera, epoch, at, received }: ReceivedEvent): void {
    const entry = this.#book.ensure(camera, epoch, at);
    entry.received.delete({ from: received, to: Number.MAX_SAFE_INTEGER });
    if (received > 0) entry.received.add({ from: 0, to: received - 1 });
    this.#book.changed(entry);
  }

  /**
   * Recovery may tell again of a gap that was told: at another time, as longer where it does not know what another node had meanwhile, or as what of it was not
   * back-filled.
   */
  #isTold(gap: Extract<PlatformEvent, { type: 'gap' }>): boolean {
    return this.newest(REPEAT_WITHIN, gap.camera).some((event) => event.type === 'gap' && event.to === gap.to);
  }

  /** The newest `max`, oldest of them first. */
  newest(max: number, camera: CameraId | undefined): readonly PlatformEvent[] {
    const rows = camera === undefined ? this.#statements.newest.all(max) : this.#statements.newestOfCamera.all(this.#book.cameraKey(camera) ?? -1, max);
    return rows.map((row) => JSON.parse(row.body) as PlatformEvent).reverse(); // written by put only
  }

  /** The newest state of each camera that ever told one. */
  states(): readonly CameraStateEvent[] { return this.#statements.states.all().map(row => JSON.parse(row.body) as CameraStateEvent); } // written by put only

  /** Events with id > `after`, oldest first. */
  after(after: number, max: number): readonly StoredEvent[] {
    return this.#statements.after.all(after, max).map(({ id, body }) => ({ id, event: JSON.parse(body) as PlatformEvent })); // written by put only
  }

  /** Deletes events from before a time; the gaps stay counted. */
  prune(before: EpochMicros): void { this.#statements.removeOld.run(before); }

  /** The newest epoch that had started by then; without chunks the newest that received frames, else the newest of all. */
  #epochOf(camera: CameraId, from: EpochMicros): EpochEntry | undefined {
    const epoch = this.#chunks.epochAt(this.#book.ensureCamera(camera), from);
    const known = epoch === undefined ? undefined : this.#book.find(camera, epoch);
    if (known !== undefined) return known;
    const entries = this.#book.ofCamera(camera);
    return entries.findLast(entry => entry.received.set.count > 0) ?? entries.at(-1);
  }
}
