import type { CameraId } from '../../engine/units.ts';
import type { CameraPosition } from '../../messages/position.ts';
import { EpochProgress } from './epoch-progress.ts';

/**
 * Sessions of a camera that are remembered. More than the newest are kept because a node that was cut off sends what it has when it is back,
 * some of it for the second time.
 */
const EPOCHS_MAX = 32;

/** What a restart of a camera's reading depends on. */
export interface Rewinding {
  /** Where the group goes on, and when that record was written. */
  readonly offset: number;
  readonly atMs: number;
  /** Decoding never starts further before it than this. */
  readonly maxRewindMs: number;
}

/** A camera's sessions, oldest first, and how far it was read. */
export class CameraProgress {
  readonly camera: CameraId;
  readonly #epochs = new Map<number, EpochProgress>();
  /** The newest session whose records the present reading has come to. */
  current = -1;
  /** Its records before this offset were dealt with. */
  readTo = 0;
  /** Records before this offset are no live ones. */
  recoveredTo = 0;
  feed = 0;
  /** When the last record that was read of it was written. */
  lastAtMs = 0;
  /** Its position changed since it was last taken. */
  isTouched = false;
  #newest = -1;
  /** Sessions up to this one are forgotten: each of their frames has its record. */
  #floor = -1;

  constructor(camera: CameraId, known?: CameraPosition) {
    this.camera = camera;
    for (const position of known?.epochs ?? []) {
      this.#epochs.set(position.epoch, new EpochProgress(position.epoch, { offset: position.chunkOffset, atMs: position.chunkAtMs }, position));
      this.#newest = Math.max(this.#newest, position.epoch);
    }
    if (this.#epochs.size >= EPOCHS_MAX) this.#floor = Math.min(...this.#epochs.keys()) - 1;
  }

  /** Its decoder was made to give up what it held. */
  get isFlushed(): boolean { return this.#epochs.get(this.current)?.decoder === 'flushed'; }
  get newest(): number { return this.#newest; }
  get floor(): number { return this.#floor; }
  get epochs(): Iterable<EpochProgress> { return this.#epochs.values(); }

  epoch(epoch: number): EpochProgress | undefined { return this.#epochs.get(epoch); }

  /** Remembers a session from its first record on. */
  begin(epoch: number, record: { readonly offset: number; readonly atMs: number }, commitOffset: number): EpochProgress {
    const progress = new EpochProgress(epoch, record);
    this.#epochs.set(epoch, progress);
    this.#newest = Math.max(this.#newest, epoch);
    this.isTouched = true;
    this.#forget(commitOffset);
    return progress;
  }

  /** Every frame that was read has its record, and no later one needs its decoder. */
  isOver(progress: EpochProgress): boolean {
    return progress.left === 0 && (progress.hasEnded || progress.epoch !== this.#newest) && (progress.isSettled || this.readTo >= this.recoveredTo);
  }

  /** Starts reading over. Returns the offset to read from, or `at.offset` when nothing before it is needed. */
  startOver(at: Rewinding, feed: number): number {
    const base = Math.max(at.offset, this.readTo);
    let from = base;
    for (const progress of this.#epochs.values()) {
      progress.decoder = 'joining';
      progress.fedNext = -1;
      if (this.isOver(progress)) { progress.feedFrom = Math.max(progress.feedFrom, base); continue; }
      const start = progress.start();
      const isNear = at.atMs - start.atMs <= at.maxRewindMs;
      progress.feedFrom = isNear ? Math.min(start.offset, progress.firstOpen?.offset ?? start.offset) : progress.firstOpen?.offset ?? base;
      from = Math.min(from, progress.feedFrom);
    }
    this.readTo = from;
    this.feed = feed;
    this.current = -1;
    for (const { epoch, beginOffset } of this.#epochs.values()) if (beginOffset < from) this.current = Math.max(this.current, epoch);
    return from;
  }

  #forget(commitOffset: number): void {
    for (const [epoch, progress] of [...this.#epochs].sort(([a], [b]) => a - b)) {
      // One with records behind the committed offset is read again after a crash, and known again by what it has done.
      if (this.#epochs.size <= EPOCHS_MAX || epoch === this.#newest || !this.isOver(progress) || progress.lastOffset >= commitOffset) return;
      this.#epochs.delete(epoch);
      this.#floor = Math.max(this.#floor, epoch);
    }
  }
}
