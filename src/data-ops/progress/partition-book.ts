import { epochMicros, type EpochMicros } from '../../engine/units.ts';
import type { CameraPosition } from '../../messages/position.ts';
import type { DroppedRecord } from '../../messages/terminal-record.ts';
import { OpenRecords } from './open-records.ts';
import type { Ending, TakeOver, Taken } from './tracked-part.ts';

/** What is kept of an input partition whatever lies in it: how far it was read and committed, what is in flight, and the endings that wait for a transaction. */
export class PartitionBook<Out extends Ending> {
  /** Input records with frames that have no record yet. */
  readonly open = new OpenRecords();
  /** Frames that were read and have no record. */
  inFlight = 0;
  /** Frames that came, or were recorded, a second time since `takeRepeats`. */
  repeats = 0;
  /** The newest time of a record. */
  newestAtMs = 0;
  #feed = 0;
  #recoveredTo = 0;
  #records: (Out | DroppedRecord)[] = [];
  #committedOffset = 0;
  #takenOffset = 0;
  /** Behind the last record that was read; where the present reading stands. */
  #endOffset = 0;
  #readOffset = 0;

  /** Where the earlier owner stopped. */
  get committedOffset(): number { return this.#committedOffset; }
  /** Everything before it has its records. Never falls. */
  get commitOffset(): number { return Math.max(this.#committedOffset, this.open.first?.offset ?? this.#endOffset); }
  /** Where the present reading stands. */
  get readOffset(): number { return this.#readOffset; }
  /** What lies before it was read before, here or by an earlier owner. */
  get recoveredTo(): number { return this.#recoveredTo; }
  /** Number of the present feed. */
  get feed(): number { return this.#feed; }
  /** When the oldest record with frames without a record was written; undefined when there is none. */
  get oldestAtMs(): number | undefined { return this.open.first?.atMs; }
  /** Endings that wait for a transaction. */
  get waiting(): number { return this.#records.length; }

  /** Begins where an earlier owner stopped. */
  start(from: TakeOver): void {
    this.#committedOffset = from.committedOffset;
    this.#takenOffset = from.committedOffset;
    this.#endOffset = from.committedOffset;
    this.#readOffset = from.committedOffset;
    this.#recoveredTo = from.endOffset;
    for (const { at } of from.positions) this.newestAtMs = Math.max(this.newestAtMs, at / 1000);
  }

  /** Begins a feed: what was read so far is read again. Returns the offset and the time where the group goes on. */
  beginFeed(feed: number): { readonly offset: number; readonly atMs: number } {
    this.#feed = feed;
    this.#recoveredTo = Math.max(this.#recoveredTo, this.#endOffset);
    return { offset: this.commitOffset, atMs: this.oldestAtMs ?? this.newestAtMs };
  }

  /** Reading goes on here, or before it where it was told so already. */
  readFrom(offset: number): void { this.#readOffset = Math.min(this.#readOffset, offset); }

  /** Everything before `offset` was read, also where no record lies. */
  passed(offset: number): void {
    this.#readOffset = Math.max(this.#readOffset, offset);
    this.#endOffset = Math.max(this.#endOffset, offset);
  }

  /** Takes an ending for the next transaction; runs of dropped frames that follow each other become one. */
  publish(record: Out | DroppedRecord): void {
    const last = this.#records.at(-1);
    if (last && isDropped(last) && isDropped(record) && last.camera === record.camera && last.epoch === record.epoch && last.reason === record.reason && last.to + 1 === record.from) {
      this.#records[this.#records.length - 1] = { ...last, to: record.to };
    } else this.#records.push(record);
  }

  /** The number of `repeats`, which begins anew. */
  takeRepeats(): number {
    const { repeats } = this;
    this.repeats = 0;
    return repeats;
  }

  /** Endings alone, ahead of the next `take`: they are not given again. */
  takeRecords(): readonly (Out | DroppedRecord)[] {
    const records = this.#records;
    this.#records = [];
    return records;
  }

  /** What there is to commit, with the positions of the cameras that changed; undefined: nothing new. */
  take<Camera>(touched: readonly Camera[], positionOf: (camera: Camera, at: EpochMicros) => CameraPosition): Taken<Out | DroppedRecord, CameraPosition> | undefined {
    const { commitOffset } = this;
    if (this.#records.length === 0 && touched.length === 0 && commitOffset === this.#takenOffset) return undefined;
    const at = epochMicros(Math.round((this.oldestAtMs ?? this.newestAtMs) * 1000));
    const records = this.takeRecords();
    this.#takenOffset = commitOffset;
    return { records, positions: touched.map(camera => positionOf(camera, at)), commitOffset };
  }
}

/** True for a record of dropped frames. */
export function isDropped(record: Ending): record is DroppedRecord { return 'from' in record; }
