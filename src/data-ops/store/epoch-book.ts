import type { Clock } from '../../engine/clock.ts';
import type { CameraId, EpochMicros } from '../../engine/units.ts';
import type { DropReason } from '../../messages/terminal-record.ts';
import { IntervalSet } from '../interval-set.ts';
import type { SeqRange } from '../store.ts';
import type { Database } from './database.ts';

const RECEIVED = 0;
const ACCOUNTED = 1;

/** The ledger of one camera and epoch, in memory. Change it inside a transaction that ends with `EpochBook.flush`. */
export interface EpochEntry {
  readonly key: number;
  readonly cameraKey: number;
  readonly camera: CameraId;
  readonly epoch: number;
  /** Frames that chunk files hold, as the index knows. */
  readonly received: Coverage;
  /** Frames with a terminal record. */
  readonly accounted: Coverage;
  detected: number;
  readonly dropped: Partial<Record<DropReason, number>>;
  gaps: number;
  pruned: number;
  /** The first frame behind the last one that is on Kafka; 0: none is. */
  handedOver: number;
}

/** An interval set that remembers what of it the table does not hold yet. */
export class Coverage {
  readonly set = new IntervalSet();
  readonly touched = new Set<number>();

  add(range: SeqRange): readonly SeqRange[] { return this.set.add(range, this.touched); }
  delete(range: SeqRange): void { this.set.delete(range, this.touched); }
}

interface EpochRow {
  readonly key: number; readonly camera_key: number; readonly epoch: number;
  readonly detected: number; readonly dropped: string; readonly gaps: number; readonly pruned: number; readonly handed_over: number;
}
interface CoverageRow { readonly epoch_key: number; readonly kind: number; readonly from_seq: number; readonly to_seq: number }

/** All ledgers of the store: loaded from the coverage ranges at start, written back range by range. */
export class EpochBook {
  readonly #database: Database;
  readonly #clock: Clock;
  readonly #cameraKeys = new Map<CameraId, number>();
  readonly #byKey = new Map<number, EpochEntry>();
  readonly #byCamera = new Map<CameraId, Map<number, EpochEntry>>();
  readonly #changed = new Set<EpochEntry>();
  /** Of these the counts too. */
  readonly #recounted = new Set<EpochEntry>();
  readonly #statements;

  constructor(database: Database, clock: Clock) {
    this.#database = database;
    this.#clock = clock;
    this.#statements = {
      addCamera: database.prepare('INSERT INTO camera_names (camera) VALUES (?)'),
      addEpoch: database.prepare('INSERT INTO epochs (camera_key, epoch, reserved_at) VALUES (?, ?, ?)'),
      saveEpoch: database.prepare('UPDATE epochs SET detected = ?, dropped = ?, gaps = ?, pruned = ?, handed_over = ? WHERE key = ?'),
      saveRange: database.prepare('INSERT INTO coverage (epoch_key, kind, from_seq, to_seq) VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET to_seq = excluded.to_seq'),
      dropRange: database.prepare('DELETE FROM coverage WHERE epoch_key = ? AND kind = ? AND from_seq = ?'),
    };
    this.load();
  }

  /** Forgets what is in memory and reads the tables: at start, and after a transaction that failed. */
  load(): void {
    for (const map of [this.#cameraKeys, this.#byKey, this.#byCamera, this.#changed, this.#recounted]) map.clear();
    const names = new Map<number, CameraId>();
    for (const { key, camera } of this.#database.prepare<{ readonly key: number; readonly camera: CameraId }>('SELECT key, camera FROM camera_names').all()) {
      names.set(key, camera);
      this.#cameraKeys.set(camera, key);
    }
    for (const row of this.#database.prepare<EpochRow>('SELECT * FROM epochs ORDER BY camera_key, epoch').all()) {
      const camera = names.get(row.camera_key);
      if (camera === undefined) continue; // cannot be: a foreign key
      const dropped = JSON.parse(row.dropped) as Partial<Record<DropReason, number>>; // written by flush only
      this.#remember({ key: row.key, cameraKey: row.camera_key, camera, epoch: row.epoch, received: new Coverage(), accounted: new Coverage(), detected: row.detected, dropped, gaps: row.gaps, pruned: row.pruned, handedOver: row.handed_over });
    }
    for (const row of this.#database.prepare<CoverageRow>('SELECT * FROM coverage').all()) {
      const entry = this.#byKey.get(row.epoch_key);
      (row.kind === RECEIVED ? entry?.received : entry?.accounted)?.set.add({ from: row.from_seq, to: row.to_seq });
    }
  }

  /** Every ledger, cameras in order of first sight, epochs ascending. */
  entries(): Iterable<EpochEntry> { return this.#byKey.values(); }

  byKey(key: number): EpochEntry | undefined { return this.#byKey.get(key); }

  find(camera: CameraId, epoch: number): EpochEntry | undefined { return this.#byCamera.get(camera)?.get(epoch); }

  /** Ledgers of a camera, oldest epoch first. */
  ofCamera(camera: CameraId): readonly EpochEntry[] {
    return [...this.#byCamera.get(camera)?.values() ?? []].sort((a, b) => a.epoch - b.epoch);
  }

  cameraKey(camera: CameraId): number | undefined { return this.#cameraKeys.get(camera); }

  /** The key of a camera, made when missing. */
  ensureCamera(camera: CameraId): number {
    const known = this.#cameraKeys.get(camera);
    if (known !== undefined) return known;
    const key = this.#statements.addCamera.run(camera).lastId;
    this.#cameraKeys.set(camera, key);
    return key;
  }

  /** The ledger of an epoch, made when missing. */
  ensure(camera: CameraId, epoch: number, at: EpochMicros = this.#clock.now()): EpochEntry {
    const known = this.find(camera, epoch);
    if (known !== undefined) return known;
    const cameraKey = this.ensureCamera(camera);
    const key = this.#statements.addEpoch.run(cameraKey, epoch, Math.round(at)).lastId;
    return this.#remember({ key, cameraKey, camera, epoch, received: new Coverage(), accounted: new Coverage(), detected: 0, dropped: {}, gaps: 0, pruned: 0, handedOver: 0 });
  }

  /** Notes that an entry differs from its row. */
  changed(entry: EpochEntry): void {
    this.#changed.add(entry);
    this.#recounted.add(entry);
  }

  /** Notes that an entry covers other frames than its rows of ranges say; its counts are the same. */
  covered(entry: EpochEntry): void { this.#changed.add(entry); }

  /** Writes what changed; the last step of a transaction. */
  flush(): void {
    for (const entry of this.#changed) {
      if (this.#recounted.has(entry)) this.#statements.saveEpoch.run(entry.detected, JSON.stringify(entry.dropped), entry.gaps, entry.pruned, entry.handedOver, entry.key);
      this.#saveRanges(entry.key, RECEIVED, entry.received);
      this.#saveRanges(entry.key, ACCOUNTED, entry.accounted);
    }
    this.#changed.clear();
    this.#recounted.clear();
  }

  #saveRanges(key: number, kind: number, coverage: Coverage): void {
    for (const from of coverage.touched) {
      const to = coverage.set.endOf(from);
      if (to === undefined) this.#statements.dropRange.run(key, kind, from);
      else this.#statements.saveRange.run(key, kind, from, to);
    }
    coverage.touched.clear();
  }

  #remember(entry: EpochEntry): EpochEntry {
    this.#byKey.set(entry.key, entry);
    const epochs = this.#byCamera.get(entry.camera) ?? new Map<number, EpochEntry>();
    this.#byCamera.set(entry.camera, epochs.set(entry.epoch, entry));
    return entry;
  }
}
