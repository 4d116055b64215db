import type { CameraId, EpochMicros } from '../../engine/units.ts';
import type { DetectedRecord, DroppedRecord, TerminalRecord } from '../../messages/terminal-record.ts';
import type { CommittedRecord } from '../store.ts';
import type { Database } from './database.ts';
import type { EpochBook, EpochEntry } from './epoch-book.ts';
import { type ModelName, type RecordRow, decodeRecord, encodeBody } from './record-codec.ts';

/** Rows that one `prune` deletes at most, so that it stalls its process for tens of milliseconds only. */
const PRUNE_ROWS = 10_000;

/** The terminal records in their commit order. Its changes happen inside a transaction of the caller's. */
export class RecordTable {
  readonly #book: EpochBook;
  readonly #statements;
  readonly #models = new Map<number, ModelName>();
  readonly #modelKeys = new Map<string, number>();
  readonly #loadModels: () => void;
  #lastId = 0;

  constructor(database: Database, book: EpochBook) {
    this.#book = book;
    this.#statements = {
      insert: database.prepare('INSERT INTO records (camera_key, epoch_key, from_seq, to_seq, captured_at, reason, model_key, body) VALUES (?, ?, ?, ?, ?, ?, ?, ?)'),
      after: database.prepare<RecordRow>('SELECT * FROM records WHERE id > ? ORDER BY id LIMIT ?'),
      ofCameraAfter: database.prepare<RecordRow>('SELECT * FROM records WHERE camera_key = ? AND id > ? ORDER BY id LIMIT ?'),
      old: database.prepare<{ readonly id: number; readonly epoch_key: number; readonly frames: number }>('SELECT id, epoch_key, to_seq - from_seq + 1 AS frames FROM records WHERE captured_at < ? ORDER BY captured_at LIMIT ?'),
      remove: database.prepare('DELETE FROM records WHERE id = ?'),
      addModel: database.prepare('INSERT INTO models (model, digest, provider) VALUES (?, ?, ?)'),
      models: database.prepare<{ readonly key: number; readonly model: string; readonly digest: string; readonly provider: string }>('SELECT * FROM models'),
      last: database.prepare<{ readonly seq: number }>("SELECT seq FROM sqlite_sequence WHERE name = 'records'"),
    };
    this.#loadModels = () => {
      for (const row of this.#statements.models.all()) this.#rememberModel(row.key, { model: row.model, modelDigest: row.digest, provider: row.provider });
    };
    this.load();
  }

  /** Id of the newest record ever committed, deleted ones included. */
  get lastId(): number { return this.#lastId; }

  /** Forgets what is in memory and reads the tables. */
  load(): void {
    this.#models.clear();
    this.#modelKeys.clear();
    this.#loadModels();
    this.#lastId = this.#statements.last.get()?.seq ?? 0;
  }

  /** Inserts what is new of each record; the frames that already had one are counted. */
  append(records: readonly TerminalRecord[]): { readonly committed: readonly CommittedRecord[]; readonly repeated: number } {
    const committed: CommittedRecord[] = [];
    let repeated = 0;
    for (const record of records) {
      const entry = this.#book.ensure(record.camera, record.epoch);
      repeated += record.kind === 'detected' ? this.#addDetected(entry, record, committed) : this.#addDropped(entry, record, committed);
    }
    return { committed, repeated };
  }

  /** Records with id > `after`, oldest first, at most `max`. */
  after(after: number, max: number, camera: CameraId | undefined): readonly CommittedRecord[] {
    const cameraKey = camera === undefined ? undefined : this.#book.cameraKey(camera);
    if (camera !== undefined && cameraKey === undefined) return [];
    const rows = cameraKey === undefined ? this.#statements.after.all(after, max) : this.#statements.ofCameraAfter.all(cameraKey, after, max);
    return rows.flatMap((row) => {
      const entry = this.#book.byKey(row.epoch_key);
      return entry === undefined ? [] : [{ id: row.id, record: decodeRecord(row, entry, this.#models.get(row.model_key ?? 0)) }];
    });
  }

  /** Deletes the oldest records from before a time, at most `PRUNE_ROWS`; their counts stay. */
  prune(before: EpochMicros): number {
    const rows = this.#statements.old.all(before, PRUNE_ROWS);
    for (const row of rows) {
      this.#statements.remove.run(row.id);
      const entry = this.#book.byKey(row.epoch_key);
      if (entry === undefined) continue; // cannot be: a foreign key
      entry.pruned += row.frames;
      this.#book.changed(entry);
    }
    return rows.length;
  }

  #addDetected(entry: EpochEntry, record: DetectedRecord, committed: CommittedRecord[]): number {
    const { frameSeq } = record;
    if (entry.accounted.add({ from: frameSeq, to: frameSeq }).length === 0) return 1;
    entry.detected += 1;
    this.#book.changed(entry);
    this.#lastId = this.#statements.insert.run(entry.cameraKey, entry.key, frameSeq, frameSeq, Math.round(record.capturedAt), null, this.#modelKey(record), encodeBody(record)).lastId;
    committed.push({ id: this.#lastId, record });
    return 0;
  }

  #addDropped(entry: EpochEntry, record: DroppedRecord, committed: CommittedRecord[]): number {
    let repeated = record.to - record.from + 1;
    const isHandedOver = record.reason === 'handed-over';
    if (isHandedOver) entry.handedOver = Math.max(entry.handedOver, record.to + 1);
    for (const { from, to } of entry.accounted.add(record)) {
      repeated -= to - from + 1;
      entry.dropped[record.reason] = (entry.dropped[record.reason] ?? 0) + to - from + 1;
      if (isHandedOver) {
        entry.pruned += to - from + 1; // several a second and camera that nobody reads: the count says it all
        continue;
      }
      this.#lastId = this.#statements.insert.run(entry.cameraKey, entry.key, from, to, Math.round(record.capturedAt), record.reason, null, null).lastId;
      committed.push({ id: this.#lastId, record: from === record.from && to === record.to ? record : { ...record, from, to } });
    }
    this.#book.changed(entry);
    return repeated;
  }

  #modelKey(name: ModelName): number {
    const known = this.#modelKeys.get(modelText(name));
    if (known !== undefined) return known;
    const key = this.#statements.addModel.run(name.model, name.modelDigest, name.provider).lastId;
    this.#rememberModel(key, { model: name.model, modelDigest: name.modelDigest, provider: name.provider });
    return key;
  }

  #rememberModel(key: number, name: ModelName): void {
    this.#models.set(key, name);
    this.#modelKeys.set(modelText(name), key);
  }
}

function modelText(name: ModelName): string { return `${name.model}\n${name.modelDigest}\n${name.provider}`; }
