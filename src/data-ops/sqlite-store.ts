import { PlatformError } from '../engine/errors.ts';
import type { Clock } from '../engine/clock.ts';
import type { CameraId, EpochMicros } from '../engine/units.ts';
import type { FeatureTensor } from '../messages/feature-tensor.ts';
import type { FrameId } from '../messages/frame-id.ts';
import type { PlatformEvent } from '../messages/platform-event.ts';
import type { TerminalRecord } from '../messages/terminal-record.ts';
import { countOf, difference } from './interval-set.ts';
import { balanceOf } from './ledger.ts';
import type { Balance, CameraRow, ChunkRow, CommittedRecord, FeatureQuery, LogBatch, LogOffset, SeqRange, Spool, Store, StoredEvent, StoredFeature } from './store.ts';
import { CameraTable } from './store/camera-table.ts';
import { type ChunkQuery, ChunkTable } from './store/chunk-table.ts';
import { Database, type Lock, lockDatabase } from './store/database.ts';
import { EpochBook, type EpochEntry } from './store/epoch-book.ts';
import { type CameraStateEvent, EventTable } from './store/event-table.ts';
import { FeatureTable } from './store/feature-table.ts';
import { OffsetTable } from './store/offset-table.ts';
import { RecordTable } from './store/record-table.ts';
import { SCHEMA_VERSION, migrate, schemaVersion } from './store/schema.ts';

/** How to open a store. */
export interface SqliteStoreOptions {
  readonly clock: Clock;
  /**
   * How long to wait for a process that owns the file to end: children outlive a killed root for up to 2 s. Blocks the thread.
   * @default 3000
   */
  readonly lockWaitMs?: number;
  /**
   * Takes no ownership and shows the file as it was at this moment, also while another process writes it; every change throws.
   * @default false
   */
  readonly isReadOnly?: boolean;
}

/** How long a statement waits for a reader of another process. */
const BUSY_MS = 5000;

/**
 * Opens, and makes when missing, a store in one SQLite file: WAL, every commit synced. One process owns it, until it closes it or dies.
 * @throws PlatformError STORE_LOCKED when another process owns the file; STORE_FAILED when it cannot be used
 */
export function openSqliteStore(file: string, options: SqliteStoreOptions): Store {
  const isReadOnly = options.isReadOnly ?? false;
  const lock = isReadOnly ? undefined : lockDatabase(file, options.lockWaitMs ?? 3000);
  let database: Database | undefined;
  try {
    database = new Database(file, { isReadOnly, busyMs: BUSY_MS });
    if (isReadOnly) openSnapshot(database); else prepareForWriting(database);
    return new SqliteStore(database, lock, options.clock);
  } catch (error) {
    database?.close();
    lock?.release();
    throw error;
  }
}

function prepareForWriting(database: Database): void {
  database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; PRAGMA journal_size_limit = 67108864; PRAGMA cache_size = -2000');
  migrate(database);
}

function openSnapshot(database: Database): void {
  const found = schemaVersion(database);
  if (found !== SCHEMA_VERSION) {
    throw new PlatformError('STORE_FAILED', `the database has version ${found}, this build reads ${SCHEMA_VERSION}`, { found, known: SCHEMA_VERSION });
  }
  database.exec('BEGIN'); // one transaction for all reads: what is loaded now and what is asked later belong together
}

class SqliteStore implements Store {
  readonly #database: Database;
  readonly #lock: Lock | undefined;
  readonly #book: EpochBook;
  readonly #records: RecordTable;
  readonly #chunks: ChunkTable;
  readonly #events: EventTable;
  readonly #cameras: CameraTable;
  readonly #offsets: OffsetTable;
  readonly #features: FeatureTable;

  constructor(database: Database, lock: Lock | undefined, clock: Clock) {
    this.#database = database;
    this.#lock = lock;
    this.#book = new EpochBook(database, clock);
    this.#records = new RecordTable(database, this.#book);
    this.#chunks = new ChunkTable(database, this.#book);
    this.#events = new EventTable(database, this.#book, this.#chunks);
    this.#cameras = new CameraTable(database);
    this.#offsets = new OffsetTable(database);
    this.#features = new FeatureTable(database, this.#book);
  }

  append(records: readonly TerminalRecord[]): { readonly committed: readonly CommittedRecord[]; readonly repeated: number } {
    for (const record of records) checkRange(record);
    return records.length === 0 ? { committed: [], repeated: 0 } : this.#commit(() => this.#records.append(records));
  }

  appendFrom({ records, events, features = [], featuresMaxBytes = Number.POSITIVE_INFINITY, offsets }: LogBatch): { readonly committed: readonly CommittedRecord[]; readonly repeated: number } {
    for (const record of records) checkRange(record);
    return this.#commit(() => {
      this.#events.put(events);
      if (features.length > 0) this.#features.put(features, featuresMaxBytes);
      const appended = this.#records.append(records);
      this.#offsets.put(offsets);
      return appended;
    });
  }

  logOffsets(): readonly LogOffset[] { return this.#offsets.list(); }

  recordsAfter(after: number, max: number, camera?: CameraId): readonly CommittedRecord[] { return this.#records.after(after, max, camera); }

  lastRecordId(): number { return this.#records.lastId; }

  nextEpoch(camera: CameraId, at: EpochMicros, floor = 0): number {
    return this.#commit(() => {
      const epoch = Math.max(this.#book.ofCamera(camera).at(-1)?.epoch ?? 0, floor) + 1;
      return this.#book.ensure(camera, epoch, at).epoch;
    });
  }

  putChunks(rows: readonly ChunkRow[]): void { if (rows.length > 0) this.#commit(() => this.#chunks.put(rows)); }

  chunks(query: ChunkQuery): readonly ChunkRow[] { return this.#chunks.list(query); }

  unaccounted(camera: CameraId): readonly { readonly epoch: number; readonly ranges: readonly SeqRange[] }[] {
    return this.#book.ofCamera(camera)
      .map((entry) => ({ epoch: entry.epoch, ranges: difference(entry.received.set.ranges(), entry.accounted.set.ranges()) }))
      .filter(({ ranges }) => ranges.length > 0);
  }

  hasRecord(id: FrameId): boolean { return this.#book.find(id.camera, id.epoch)?.accounted.set.has(id.frameSeq) ?? false; }

  putFeatures(features: readonly FeatureTensor[], maxBytes: number): number { return features.length === 0 ? 0 : this.#commit(() => this.#features.put(features, maxBytes)); }

  features(query: FeatureQuery): readonly StoredFeature[] { return this.#features.list(query); }

  putEvents(events: readonly PlatformEvent[]): void { if (events.length > 0) this.#commit(() => this.#events.put(events)); }

  events(query: { readonly camera?: CameraId; readonly max: number }): readonly PlatformEvent[] { return this.#events.newest(query.max, query.camera); }

  cameraStates(): readonly CameraStateEvent[] { return this.#events.states(); }

  eventsAfter(after: number, max: number): readonly StoredEvent[] { return this.#events.after(after, max); }

  putCamera(row: CameraRow): void { this.#commit(() => this.#cameras.put(row)); }

  deleteCamera(id: CameraId): boolean { return this.#commit(() => this.#cameras.remove(id)); }

  cameras(): readonly CameraRow[] { return this.#cameras.list(); }

  balances(): readonly Balance[] {
    return [...this.#book.entries()].map(toBalance).filter((balance) => balance.received > 0);
  }

  expireChunks(maxBytes: number): readonly ChunkRow[] { return this.#commit(() => this.#chunks.expire(maxBytes)); }

  expireAccounted(): readonly ChunkRow[] { return this.#commit(() => this.#chunks.expireAccounted()); }

  spool(): Spool {
    const cameras = new Set<CameraId>();
    let frames = 0;
    let bytes = 0;
    for (const entry of this.#book.entries()) {
      const missing = difference(entry.received.set.ranges(), entry.accounted.set.ranges());
      if (missing.length === 0) continue;
      cameras.add(entry.camera);
      frames += countOf(missing);
      bytes += this.#chunks.waitingBytes(entry, missing);
    }
    return { frames, bytes, cameras: [...cameras] };
  }

  pruneRecords(before: EpochMicros): number {
    return this.#commit(() => {
      this.#events.prune(before);
      this.#features.prune(before);
      return this.#records.prune(before);
    });
  }

  close(): void {
    this.#database.close();
    this.#lock?.release();
  }

  /** One transaction; when it fails, what is in memory is read again, so that it never says more than the file. */
  #commit<T>(work: () => T): T {
    try {
      return this.#database.transaction(() => {
        const result = work();
        this.#book.flush();
        return result;
      });
    } catch (error) {
      this.#recover();
      throw error;
    }
  }

  /** A store that cannot even be read again is closed: with half its ledger in memory it would let a frame in twice. */
  #recover(): void {
    try {
      this.#book.load();
      this.#records.load();
      this.#features.load();
    } catch {
      this.close();
    }
  }
}

function toBalance(entry: EpochEntry): Balance {
  return balanceOf({ ...entry, indexed: entry.received.set.ranges(), accounted: entry.accounted.set.ranges() });
}

function checkRange(record: TerminalRecord): void {
  const { from, to } = record.kind === 'dropped' ? record : { from: record.frameSeq, to: record.frameSeq };
  if (Number.isSafeInteger(from) && Number.isSafeInteger(to) && from >= 0 && from <= to) return;
  throw new PlatformError('REQUEST_INVALID', `terminal record of camera '${record.camera}' covers ${from} to ${to}`, { camera: record.camera, from, to });
}
