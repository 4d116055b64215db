import { epochMicros, type CameraId, type EpochMicros } from '../../engine/units.ts';
import type { FeatureTensor } from '../../messages/feature-tensor.ts';
import type { FeatureQuery, StoredFeature } from '../store.ts';
import type { Database } from './database.ts';
import type { EpochBook } from './epoch-book.ts';

interface Row { readonly id: number; readonly epoch: number; readonly frame_seq: number; readonly encoder: string; readonly captured_at: number; readonly head: string; readonly payload: Uint8Array }

interface Place { readonly id: number; readonly bytes: number }

/** What a row keeps as JSON: nobody searches by it. */
type Head = Pick<FeatureTensor, 'arrivedAt' | 'ptsSeconds' | 'modality' | 'dtype' | 'shape' | 'decodeMs'>;

/** What a row takes besides its payload, about. */
const ROW_BYTES = 300;

/** Payloads that one answer takes, which crosses a link. */
const LIST_BYTES = 16 << 20;

/** Rows that one deletion takes, so that it stalls its process for tens of milliseconds only. */
const REMOVE_ROWS = 2_000;

/** Features of frames, the newest that there is room for. Its changes happen inside a transaction of the caller's. */
export class FeatureTable {
  readonly #book: EpochBook;
  readonly #statements;
  /** Of all rows; undefined: not counted yet. */
  #bytes: number | undefined;

  constructor(database: Database, book: EpochBook) {
    this.#book = book;
    const wanted = 'camera_key = ?1 AND (?2 IS NULL OR encoder = ?2 OR encoder LIKE ?2 || \'@%\') AND captured_at >= ?3 AND captured_at < ?4';
    this.#statements = {
      insert: database.prepare('INSERT OR IGNORE INTO features (camera_key, epoch, frame_seq, encoder, captured_at, head, payload) VALUES (?, ?, ?, ?, ?, ?, ?)'),
      newest: database.prepare<Place>(`SELECT id, length(payload) AS bytes FROM features INDEXED BY features_by_camera WHERE ${wanted} ORDER BY id DESC LIMIT ?5`),
      after: database.prepare<Place>(`SELECT id, length(payload) AS bytes FROM features INDEXED BY features_by_camera WHERE ${wanted} AND id > ?6 ORDER BY id LIMIT ?5`),
      row: database.prepare<Row>('SELECT * FROM features WHERE id = ?'),
      total: database.prepare<{ readonly bytes: number | null }>(`SELECT sum(length(payload) + ${ROW_BYTES}) AS bytes FROM features`),
      oldest: database.prepare<Place>(`SELECT id, length(payload) + ${ROW_BYTES} AS bytes FROM features ORDER BY id LIMIT ?`),
      old: database.prepare<Place>(`SELECT id, length(payload) + ${ROW_BYTES} AS bytes FROM features WHERE captured_at < ? ORDER BY captured_at LIMIT ?`),
      remove: database.prepare('DELETE FROM features WHERE id = ?'),
    };
  }

  /** Inserts what is new, then deletes the oldest while all exceed `maxBytes`. Returns how many were new. */
  put(features: readonly FeatureTensor[], maxBytes: number): number {
    let added = 0;
    for (const { camera, epoch, frameSeq, encoder, capturedAt, payload, arrivedAt, ptsSeconds, modality, dtype, shape, decodeMs } of features) {
      const head: Head = { arrivedAt, ptsSeconds, modality, dtype, shape, decodeMs };
      const bytes = this.#total();
      const { changes } = this.#statements.insert.run(this.#book.ensureCamera(camera), epoch, frameSeq, encoder, Math.round(capturedAt), JSON.stringify(head), payload);
      if (changes === 0) continue;
      this.#bytes = bytes + payload.byteLength + ROW_BYTES;
      added += 1;
    }
    while (this.#total() > maxBytes) {
      const rows = this.#statements.oldest.all(16);
      if (rows.length === 0) break;
      for (const row of rows) if (this.#total() > maxBytes) this.#remove(row);
    }
    return added;
  }

  list({ camera, encoder, from, to, after, max }: FeatureQuery): readonly StoredFeature[] {
    const cameraKey = this.#book.cameraKey(camera);
    if (cameraKey === undefined) return [];
    const wanted = [cameraKey, encoder ?? null, from ?? Number.MIN_SAFE_INTEGER, to ?? Number.MAX_SAFE_INTEGER, max] as const;
    const places = after === undefined ? this.#statements.newest.all(...wanted) : this.#statements.after.all(...wanted, after);
    let left = LIST_BYTES;
    const within = places.filter(({ bytes }, index) => { left -= bytes; return left >= 0 || index === 0; });
    const rows = within.flatMap(({ id }) => this.#statements.row.get(id) ?? []);
    return (after === undefined ? rows.reverse() : rows).map((row) => ({ id: row.id, feature: featureOf(camera, row) }));
  }

  /** Deletes the oldest from before a time, a bounded number. */
  prune(before: EpochMicros): void {
    for (const row of this.#statements.old.all(before, REMOVE_ROWS)) this.#remove(row);
  }

  /** Counts anew: what was in memory may not be in the file. */
  load(): void { this.#bytes = undefined; }

  #total(): number { return this.#bytes ??= this.#statements.total.get()?.bytes ?? 0; }

  #remove({ id, bytes }: Place): void {
    const total = this.#total();
    this.#statements.remove.run(id);
    this.#bytes = total - bytes;
  }
}

function featureOf(camera: CameraId, row: Row): FeatureTensor {
  const head = JSON.parse(row.head) as Head; // written by put only
  return {
    ...head, camera, epoch: row.epoch, frameSeq: row.frame_seq, capturedAt: epochMicros(row.captured_at), encoder: row.encoder, geometry: null,
    encoding: 'raw', baseSeq: -1, payload: row.payload,
  };
}
