import type { CameraId, EpochMicros } from '../../engine/units.ts';
import type { CameraPosition } from '../../messages/position.ts';
import type { DroppedRecord } from '../../messages/terminal-record.ts';
import { IntervalSet } from '../interval-set.ts';
import type { SeqRange } from '../store.ts';
import type { OpenRecord } from './open-records.ts';
import { PartitionBook, isDropped } from './partition-book.ts';
import type { Accepted, Ending, Feeding, TakeOver, Taken, TrackedPart } from './tracked-part.ts';

/** A record that later ones may be the difference to. */
interface Base { readonly offset: number; readonly atMs: number }

/** Where a feature of an epoch lies, and whether it has its record. */
interface Place { readonly offset: number; readonly open: OpenRecord | undefined }

class CameraFeatures {
  readonly places = new Map<number, Map<number, Place>>();
  /** Features that have a record, as the earlier owner said, and were not read again yet. */
  readonly ended = new Map<number, IntervalSet>();
  bases: Base[] = [];
  readTo = 0;
  recoveredTo = 0;
  feed = 0;
  isTouched = false;

  place(epoch: number, frameSeq: number): Place | undefined { return this.places.get(epoch)?.get(frameSeq); }

  set(epoch: number, frameSeq: number, place: Place): void {
    let places = this.places.get(epoch);
    if (!places) this.places.set(epoch, places = new Map<number, Place>());
    places.set(frameSeq, place);
  }

  /** Forgets what lies before the committed offset: it is never read again, but for reference. */
  forget(commitOffset: number): void {
    for (const [epoch, places] of this.places) {
      for (const [frameSeq, { offset }] of places) if (offset < commitOffset) places.delete(frameSeq);
      if (places.size === 0) this.places.delete(epoch);
    }
    const first = this.bases.findLastIndex(({ offset }) => offset <= commitOffset);
    if (first > 0) this.bases.splice(0, first);
  }

  /** Runs of frames with a record, at or behind the committed offset. */
  doneOf(epoch: number): readonly SeqRange[] {
    const done = new IntervalSet();
    for (const range of this.ended.get(epoch)?.ranges() ?? []) done.add(range);
    for (const [frameSeq, { open }] of this.places.get(epoch) ?? []) if (!open || open.left === 0) done.add({ from: frameSeq, to: frameSeq });
    return done.ranges();
  }
}

/** How the progress of a partition of features is kept. */
export interface FeatureProgressOptions {
  readonly group: string;
  /** Reading starts at most this long before the record where the group goes on, by the times of the records. */
  readonly maxRewindMs: number;
}

/**
 * How far a partition of features is processed: one feature a record (more are taken too), in the order of presentation, and without the frames
 * that were dropped before. So nothing follows from a frame's number but which frame it is. Each feature gets exactly one record; a restart
 * begins at the last one of each camera that is no difference to another (`isKey`).
 */
export class FeatureProgress<Part extends TrackedPart, Out extends Ending> {
  readonly #options: FeatureProgressOptions;
  readonly #cameras = new Map<CameraId, CameraFeatures>();
  readonly #book = new PartitionBook<Out>();

  constructor(options: FeatureProgressOptions) {
    this.#options = options;
  }

  /** Features that came, or were recorded, a second time since the last call. */
  takeRepeats(): number { return this.#book.takeRepeats(); }

  get inFlight(): number { return this.#book.inFlight; }
  get commitOffset(): number { return this.#book.commitOffset; }
  get oldestAtMs(): number | undefined { return this.#book.oldestAtMs; }
  get waiting(): number { return this.#book.waiting; }
  get cameras(): Iterable<CameraId> { return this.#cameras.keys(); }

  /** Begins with what an earlier owner committed. Returns the offset to read from. */
  start(from: TakeOver): number {
    this.#book.start(from);
    for (const position of from.positions) {
      const camera = this.#cameraOf(position.camera);
      for (const { epoch, terminalAbove, chunkOffset, chunkAtMs } of position.epochs) {
        const ended = new IntervalSet();
        for (const range of terminalAbove) ended.add(range);
        camera.ended.set(epoch, ended);
        camera.bases = [{ offset: chunkOffset, atMs: chunkAtMs }];
      }
    }
    return this.rewind([...this.#cameras.keys()], from.feed);
  }

  /** Starts cameras over for a process that knows nothing of them. Returns the offset to read from now. */
  rewind(cameras: Iterable<CameraId>, feed: number): number {
    const { offset: commitOffset, atMs } = this.#book.beginFeed(feed);
    for (const id of cameras) {
      const camera = this.#cameras.get(id);
      if (!camera) continue;
      camera.feed = feed;
      camera.recoveredTo = this.#book.recoveredTo;
      const base = camera.bases.findLast(({ offset }) => offset <= commitOffset);
      camera.readTo = base && atMs - base.atMs <= this.#options.maxRewindMs ? base.offset : commitOffset;
      this.#book.readFrom(camera.readTo);
    }
    return this.#book.readOffset;
  }

  /** Everything before `offset` was read, also where no record lies. */
  passed(offset: number): void { this.#book.passed(offset); }

  /** Takes the next record and returns what of it goes on. */
  accept(record: Accepted<Part>): readonly Feeding<Part>[] {
    const { offset, timestampMs, part } = record;
    const camera = this.#cameraOf(part.camera);
    const isSettled = offset < this.commitOffset;
    this.passed(offset + 1);
    if (offset < camera.readTo) return [];
    camera.readTo = offset + 1;
    this.#book.newestAtMs = Math.max(this.#book.newestAtMs, timestampMs);
    if (part.units[0]?.isKey === true && offset > (camera.bases.at(-1)?.offset ?? -1)) camera.bases.push({ offset, atMs: timestampMs });
    const feedings: Feeding<Part>[] = [];
    for (const [index, { frameSeq }] of part.units.entries()) {
      const isAccounted = isSettled || this.#note(camera, record, frameSeq);
      if (isAccounted === undefined) this.#book.repeats += 1;
      else feedings.push({ part, first: index, end: index + 1, isAccounted, isRecovered: offset < camera.recoveredTo, isEnd: false, feed: camera.feed });
    }
    return feedings;
  }

  /** Takes a record of features. What of it has one already is discarded. */
  ended(out: Out | DroppedRecord): void {
    const { from, to } = isDropped(out) ? out : { from: out.frameSeq, to: out.frameSeq };
    const camera = this.#cameras.get(out.camera);
    for (let frameSeq = from; frameSeq <= to; frameSeq += 1) {
      const open = camera?.place(out.epoch, frameSeq)?.open;
      if (!camera || !open || open.left === 0) { this.#book.repeats += 1; continue; }
      open.left = 0;
      this.#book.inFlight -= 1;
      camera.isTouched = true;
      this.#book.publish(isDropped(out) ? { ...out, from: frameSeq, to: frameSeq } : out);
    }
  }

  /** Endings alone, ahead of the next `take`: they are not given again. */
  takeRecords(): readonly (Out | DroppedRecord)[] { return this.#book.takeRecords(); }

  /** What there is to commit; undefined: nothing new. When the transaction fails, this object is done with. */
  take(): Taken<Out | DroppedRecord, CameraPosition> | undefined {
    return this.#book.take([...this.#cameras].filter(([, camera]) => camera.isTouched), ([id, camera], at) => this.#positionOf(id, camera, at));
  }

  #cameraOf(id: CameraId): CameraFeatures {
    const known = this.#cameras.get(id);
    if (known) return known;
    const camera = new CameraFeatures();
    camera.feed = this.#book.feed;
    camera.recoveredTo = this.#book.recoveredTo;
    this.#cameras.set(id, camera);
    return camera;
  }

  /** False: it needs a record; true: it has one; undefined: it is a repeat. */
  #note(camera: CameraFeatures, { offset, timestampMs, part: { epoch } }: Accepted<Part>, frameSeq: number): boolean | undefined {
    const known = camera.place(epoch, frameSeq);
    if (known) return known.offset === offset ? !known.open || known.open.left === 0 : undefined;
    const ended = camera.ended.get(epoch);
    if (ended?.has(frameSeq)) {
      ended.delete({ from: frameSeq, to: frameSeq });
      camera.set(epoch, frameSeq, { offset, open: undefined });
      return true;
    }
    const open = { offset, atMs: timestampMs, from: frameSeq, to: frameSeq, left: 1 };
    this.#book.open.add(open);
    camera.set(epoch, frameSeq, { offset, open });
    this.#book.inFlight += 1;
    return false;
  }

  #positionOf(id: CameraId, camera: CameraFeatures, at: EpochMicros): CameraPosition {
    const { commitOffset } = this;
    camera.isTouched = false;
    camera.forget(commitOffset);
    // What an earlier owner had ended was read again by now.
    if (commitOffset >= this.#book.recoveredTo) camera.ended.clear();
    const [base = { offset: commitOffset, atMs: this.#book.newestAtMs }] = camera.bases;
    const epochs = [...new Set([...camera.places.keys(), ...camera.ended.keys()])].sort((a, b) => a - b);
    const known = epochs.map(epoch => ({ epoch, chunkOffset: base.offset, chunkAtMs: base.atMs, terminalTo: -1, terminalAbove: camera.doneOf(epoch), isOver: false }));
    return { group: this.#options.group, camera: id, at, epochs: known.length > 0 ? known : [{ epoch: 0, chunkOffset: base.offset, chunkAtMs: base.atMs, terminalTo: -1, terminalAbove: [], isOver: false }] };
  }
}
