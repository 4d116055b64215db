import type { Feeding, TrackedPart } from '../../src/data-ops/progress/tracked-part.ts';
import { PlatformError } from '../../src/engine/errors.ts';
import { untilAborted } from '../../src/engine/timers.ts';
import type { CameraId } from '../../src/engine/units.ts';
import type { Fetched, KafkaRecord, PartitionReader } from '../../src/transports/kafka-types.ts';
import type { ChildLink } from './host-task.ts';
import { recordKey, Suspects, type RecordKey } from './suspects.ts';

/** A partition as its feed sees it. */
export interface FedPartition {
  readonly partition: number;
  /** False: enough is in flight or waits to be committed. */
  readonly hasRoom: boolean;
  /** The vision process knows nothing of its cameras. Returns the offset to read from. */
  rewind(): number;
  /** `isGuilty`: no vision process may be given it. */
  take(record: KafkaRecord, isGuilty: boolean): Promise<Taking>;
  passed(fetched: Fetched): void;
}

/** What came of a record. */
export interface Taking {
  /** The offset to read from instead: the partition has to be read again. */
  readonly again?: number;
  /** Resolves when the vision process is through with it, rejects when it was lost with the process. Absent: nothing was fed. */
  readonly done?: Promise<unknown>;
}

interface Batch { readonly fetched: Fetched; next: number }

/**
 * Reads the partitions of one vision process, as fast as it takes them. What it does not take is not fetched.
 * Partitions come, go and start over between two reads, so that nothing fetched before is taken for something fetched after.
 */
export class ChildFeed<Part extends TrackedPart> {
  readonly #link: ChildLink<Part>;
  readonly #reader: PartitionReader;
  readonly #partitions = new Map<number, FedPartition>();
  #changes: (() => void)[] = [];
  #batches: Batch[] = [];
  #wake = new AbortController();
  #isAttached = false;
  /** Another process is there, and nothing has been rewound for it yet. */
  #isStale = false;
  readonly #suspects: Suspects;
  readonly #onRewind: (partitions: number) => void;

  constructor(options: { readonly link: ChildLink<Part>; readonly reader: PartitionReader; readonly tries: number; readonly onRewind: (partitions: number) => void }) {
    this.#link = options.link;
    this.#reader = options.reader;
    this.#onRewind = options.onRewind;
    this.#suspects = new Suspects(options.tries);
  }

  /** Partitions that it reads, or will read next. */
  load = 0;

  /** Reads a partition from `start()` on, called when nothing of an earlier reading is under way. */
  add(partition: FedPartition, start: () => number): void {
    this.between(() => {
      this.#partitions.set(partition.partition, partition);
      this.#seek(partition.partition, start());
    });
  }

  remove(partition: FedPartition): void {
    this.between(() => {
      if (this.#partitions.get(partition.partition) !== partition) return;
      this.#partitions.delete(partition.partition);
      this.#reader.drop(partition.partition);
      this.#suspects.forget(partition.partition);
      this.#forget(partition.partition);
    });
  }

  /** Hands a part on; see `ChildLink`. What is meant for the process before this one, in the middle of a GOP, is not for this one. */
  feed(feeding: Feeding<Part>): Promise<void> {
    return this.#isStale ? Promise.reject(new PlatformError('PORT_CLOSED', 'the vision process was replaced')) : this.#link.feed(feeding);
  }

  /** Another node has the camera now. */
  leave(camera: CameraId): void { this.#link.leave?.(camera); }

  /** Does something while no record is being taken. */
  between(change: () => void): void {
    this.#changes.push(change);
    this.#wake.abort();
  }

  /** Looks again whether there is room. */
  poke(): void { this.#wake.abort(); }

  /** Feeds until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    const detach = this.#link.onAttach(() => {
      this.#isStale = true;
      this.between(() => this.#startOver());
    });
    const wakeUp = (): void => this.#wake.abort();
    signal.addEventListener('abort', wakeUp);
    try {
      while (!signal.aborted) {
        if (this.#wake.signal.aborted) this.#wake = new AbortController();
        for (const change of this.#changes.splice(0)) change();
        await this.#step(this.#wake.signal, signal);
      }
    } finally {
      detach();
      signal.removeEventListener('abort', wakeUp);
      await this.#reader.close();
    }
  }

  async #step(wake: AbortSignal, signal: AbortSignal): Promise<void> {
    try {
      if (!this.#isAttached || this.#partitions.size === 0 || this.#isCrowded()) return await untilAborted(wake);
      await this.#link.room(wake);
      if (this.#batches.length === 0) this.#batches = (await this.#reader.read(wake)).map(fetched => ({ fetched, next: 0 }));
      for (let batch = this.#batches[0]; batch && !wake.aborted && !this.#isCrowded(); batch = this.#batches[0]) {
        await this.#link.room(wake);
        await this.#takeOne(batch);
      }
    } catch (error) {
      if (!wake.aborted && !signal.aborted) throw error;
    }
  }

  async #takeOne(batch: Batch): Promise<void> {
    const partition = this.#partitions.get(batch.fetched.partition);
    const record = batch.fetched.records[batch.next];
    batch.next += 1;
    const key = recordKey(batch.fetched.partition, record?.offset ?? -1);
    const { again, done }: Taking = record && partition ? await partition.take(record, this.#suspects.isGuilty(key)) : {};
    if (again !== undefined) return this.#seek(batch.fetched.partition, again);
    if (done) {
      this.#suspects.fed(key);
      done.then(() => this.#through(key), () => { /* it died with its process, and is suspected */ });
    }
    if (batch.next < batch.fetched.records.length) return;
    partition?.passed(batch.fetched);
    this.#batches = this.#batches.filter(other => other !== batch);
  }

  #through(key: RecordKey): void {
    const { isCareful } = this.#suspects;
    this.#suspects.done(key);
    if (isCareful) this.#wake.abort();
  }

  #isCrowded(): boolean {
    if (this.#suspects.underWay > 0 && this.#suspects.isCareful) return true;
    for (const partition of this.#partitions.values()) if (!partition.hasRoom) return true;
    return false;
  }

  #startOver(): void {
    this.#isAttached = true;
    this.#isStale = false;
    this.#suspects.died();
    for (const partition of this.#partitions.values()) this.#seek(partition.partition, partition.rewind());
    this.#onRewind(this.#partitions.size);
  }

  #seek(partition: number, offset: number): void {
    this.#forget(partition);
    this.#reader.seek(partition, offset);
  }

  #forget(partition: number): void {
    this.#batches = this.#batches.filter(({ fetched }) => fetched.partition !== partition);
  }
}
