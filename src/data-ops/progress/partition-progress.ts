import { PlatformError } from '../../engine/errors.ts';
import type { CameraId, EpochMicros } from '../../engine/units.ts';
import type { CameraPosition } from '../../messages/position.ts';
import { DROP_REASONS, type DropReason, type DroppedRecord } from '../../messages/terminal-record.ts';
import { CameraProgress } from './camera-progress.ts';
import type { EpochProgress, Start } from './epoch-progress.ts';
import { PartitionBook, isDropped } from './partition-book.ts';
import type { Accepted, Ending, Feeding, TakeOver, Taken, TrackedPart } from './tracked-part.ts';

/** How the progress of a partition is kept. */
export interface ProgressOptions<Part extends TrackedPart> {
  /** Consumer group, for the positions. */
  readonly group: string;
  /** Decoding starts at most this long before the record where the group goes on, by the times of the records. */
  readonly maxRewindMs: number;
  /** True when the pictures behind a key frame need nothing before it. */
  readonly isClosedStart: (part: Part, index: number) => boolean;
}

/** No outage is so long: a hole of more frames, or a session number so far in the future, is a damaged record. */
const HOLE_MAX = 1e8;
const EPOCH_AHEAD_MAX = 86_400_000;
/** How long a camera may have been silent for its decoder to start again where it was flushed. */
const FLUSHED_MAX_MS = 120_000;

/**
 * How far one input partition is processed: which frames have their record, which positions a transaction has to write, and where reading
 * starts after a crash. Each frame that lies in the partition gets exactly one record, whatever is repeated, replayed or out of date.
 * Knows no Kafka and no time but that of the records. Memory grows with the frames in flight and the cameras, not with the frames read.
 */
export class PartitionProgress<Part extends TrackedPart, Out extends Ending> {
  readonly #options: ProgressOptions<Part>;
  readonly #cameras = new Map<CameraId, CameraProgress>();
  readonly #book = new PartitionBook<Out>();
  /** The part each decoder was given last, without its units. */
  readonly #lastParts = new Map<CameraId, Part>();

  constructor(options: ProgressOptions<Part>) {
    this.#options = options;
  }

  /** Frames that came, or were recorded, a second time since the last call. */
  takeRepeats(): number { return this.#book.takeRepeats(); }

  /** Frames that were read and have no record. */
  get inFlight(): number { return this.#book.inFlight; }
  /** Everything before it has its records. Never falls. */
  get commitOffset(): number { return this.#book.commitOffset; }
  /** When the oldest record with frames without a record was written; undefined when there is none. */
  get oldestAtMs(): number | undefined { return this.#book.oldestAtMs; }
  /** Endings that wait for a transaction. */
  get waiting(): number { return this.#book.waiting; }
  /** Cameras that were seen. */
  get cameras(): Iterable<CameraId> { return this.#cameras.keys(); }

  /** Begins with what an earlier owner committed. Returns the offset to read from. */
  start(from: TakeOver): number {
    this.#book.start(from);
    for (const position of from.positions) this.#cameras.set(position.camera, new CameraProgress(position.camera, position));
    return this.rewind([...this.#cameras.keys()], from.feed);
  }

  /** Starts cameras over for a decoder that knows nothing of them. Returns the offset to read from now. */
  rewind(cameras: Iterable<CameraId>, feed: number): number {
    const { offset, atMs: partitionAtMs } = this.#book.beginFeed(feed);
    for (const id of cameras) {
      const camera = this.#cameras.get(id);
      if (!camera) continue;
      camera.recoveredTo = this.#book.recoveredTo;
      // One that was flushed goes on where it stopped, as if no time had passed.
      const atMs = camera.isFlushed && this.#book.newestAtMs - camera.lastAtMs <= FLUSHED_MAX_MS ? camera.lastAtMs : partitionAtMs;
      this.#book.readFrom(camera.startOver({ offset, atMs, maxRewindMs: this.#options.maxRewindMs }, feed));
    }
    return this.#book.readOffset;
  }

  /**
   * The camera has gone silent: what its decoder holds back is to come out, or the group would stand still there. Returns what tells the decoder;
   * nothing when it holds nothing, unless it `isLeaving`: the partition is another owner's, and the decoder no longer needed.
   * The next part of the session finds a decoder that knows nothing: `mustStartOver` then.
   */
  flush(id: CameraId, isLeaving = false): readonly Feeding<Part>[] {
    const camera = this.#cameras.get(id);
    const epoch = camera?.epoch(camera.current);
    const part = this.#lastParts.get(id);
    if (!camera || !epoch || !part || part.epoch !== epoch.epoch || (epoch.left === 0 && !isLeaving) || epoch.decoder !== 'following') return [];
    epoch.decoder = 'flushed';
    return [{ part, first: 0, end: 0, isAccounted: false, isRecovered: false, isEnd: true, feed: camera.feed }];
  }

  /** Where decoding has to start for the frame of the camera that is fed next; undefined where no decoder stands in that session. */
  gopStart(id: CameraId, epoch: number): Start | undefined {
    const progress = this.#cameras.get(id)?.epoch(epoch);
    return progress?.decoder === 'following' ? progress.gopStart : undefined;
  }

  /** What was accepted last of the camera was not fed: its decoder cannot go on before the next key frame. */
  lose(id: CameraId): void {
    const camera = this.#cameras.get(id);
    const epoch = camera?.epoch(camera.current);
    if (epoch) epoch.decoder = 'joining';
  }

  /** True when the camera must be rewound before this part can be accepted. */
  mustStartOver(part: Part): boolean {
    const camera = this.#cameras.get(part.camera);
    return part.units.length > 0 && camera?.isFlushed === true && part.epoch === camera.current;
  }

  /** Everything before `offset` was read, also where no record lies. */
  passed(offset: number): void { this.#book.passed(offset); }

  /**
   * Takes the next record and returns what of it is to be decoded.
   * @throws PlatformError RECORD_INVALID when its numbers cannot be: it has changed nothing
   */
  accept(record: Accepted<Part>): readonly Feeding<Part>[] {
    const { offset, timestampMs, part } = record;
    const camera = this.#cameraOf(record);
    this.passed(offset + 1);
    if (!camera || offset < camera.readTo) return [];
    camera.readTo = offset + 1;
    camera.lastAtMs = timestampMs;
    this.#book.newestAtMs = Math.max(this.#book.newestAtMs, timestampMs);
    if (part.epoch <= camera.floor) { this.#book.repeats += part.units.length; return []; }
    const epoch = camera.epoch(part.epoch) ?? camera.begin(part.epoch, { offset, atMs: timestampMs }, this.commitOffset);
    const isSuperseded = part.epoch < camera.current;
    camera.current = Math.max(camera.current, part.epoch);
    epoch.lastOffset = Math.max(epoch.lastOffset, offset);
    if (offset < epoch.feedFrom) return [];
    const { head } = epoch;
    this.#keep(camera, epoch, record);
    if (isSuperseded) {
      for (const { frameSeq, capturedAt } of part.units) {
        // What came before the newer session began, the decoder has: a repeat does not change that.
        if (frameSeq < head) this.#book.repeats += 1;
        else this.#drop(camera, epoch, { from: frameSeq, to: frameSeq, reason: 'superseded', capturedAt });
      }
      return [];
    }
    const feedings = this.#feedingsOf(record, camera, epoch);
    if (feedings.length > 0) this.#lastParts.set(part.camera, { ...part, units: [] }); // one without units is a part too; the bytes of the others may go
    if (part.isEpochEnd) this.#endEpoch(record, camera, epoch, feedings);
    return feedings;
  }

  /** Takes a record of frames. What of it has one already is discarded. */
  ended(out: Out | DroppedRecord): void {
    const { from, to } = isDropped(out) ? out : { from: out.frameSeq, to: out.frameSeq };
    const camera = this.#cameras.get(out.camera);
    const epoch = camera?.epoch(out.epoch);
    const last = Math.min(to, (epoch?.head ?? 0) - 1); // a frame that was not read again yet will be fed again
    this.#book.repeats += to - from + 1;
    if (!camera || !epoch || from > last) return;
    for (const fresh of epoch.end({ from, to: last })) {
      this.#book.repeats -= fresh.to - fresh.from + 1;
      this.#book.inFlight -= fresh.to - fresh.from + 1;
      this.#publish(camera, isDropped(out) ? { ...out, ...fresh } : out);
    }
  }

  /** Endings alone, ahead of the next `take`: they are not given again. */
  takeRecords(): readonly (Out | DroppedRecord)[] { return this.#book.takeRecords(); }

  /** What there is to commit; undefined: nothing new. What it returned is not given again: when the transaction fails, this object is done with. */
  take(): Taken<Out | DroppedRecord, CameraPosition> | undefined {
    return this.#book.take([...this.#cameras.values()].filter(camera => camera.isTouched), (camera, at) => this.#positionOf(camera, at));
  }

  #cameraOf({ offset, timestampMs, part }: Accepted<Part>): CameraProgress | undefined {
    const known = this.#cameras.get(part.camera);
    const latest = Math.max(timestampMs, known?.newest ?? 0) + EPOCH_AHEAD_MAX;
    if (!(part.epoch >= 0 && part.epoch <= latest)) throw damaged(part, `epoch ${part.epoch} is beyond ${latest}`, offset);
    let head = known?.epoch(part.epoch)?.head ?? 0;
    let last = -1;
    for (const { frameSeq } of part.units) {
      if (!(frameSeq > last)) throw damaged(part, `frame ${frameSeq} follows frame ${last}`, offset);
      if (frameSeq - head > HOLE_MAX) throw damaged(part, `frame ${frameSeq} follows a hole of ${frameSeq - head} frames`, offset);
      last = frameSeq;
      head = Math.max(head, frameSeq + 1);
    }
    // What lies before the committed offset has its records, also where no position tells of it.
    if (known || offset < this.#book.committedOffset) return known;
    const camera = new CameraProgress(part.camera);
    camera.feed = this.#book.feed;
    camera.recoveredTo = this.#book.recoveredTo;
    this.#cameras.set(part.camera, camera);
    return camera;
  }

  /** Notes the frames that are new, and ends those that are missing before them. */
  #keep(camera: CameraProgress, epoch: EpochProgress, { offset, timestampMs, part }: Accepted<Part>): void {
    let from = -1;
    let left = 0;
    for (const { frameSeq, capturedAt } of part.units) {
      if (frameSeq < epoch.head) continue;
      if (frameSeq > epoch.head) {
        for (const hole of epoch.end({ from: epoch.head, to: frameSeq - 1 }, true)) this.#publish(camera, dropped(camera.camera, epoch.epoch, { ...hole, reason: 'expired', capturedAt }));
      }
      epoch.head = frameSeq + 1;
      if (epoch.isDone(frameSeq)) continue;
      if (from < 0) from = frameSeq;
      left += 1;
    }
    if (left === 0) return;
    const open = { offset, atMs: timestampMs, from, to: epoch.head - 1, left };
    epoch.open(open);
    this.#book.open.add(open);
    this.#book.inFlight += left;
  }

  /** Runs of units that the decoder can use; the others end here. */
  #feedingsOf({ offset, timestampMs, part }: Accepted<Part>, camera: CameraProgress, epoch: EpochProgress): Feeding<Part>[] {
    const feedings: Mutable<Feeding<Part>>[] = [];
    const isRecovered = isLate(part, offset, camera);
    for (const [index, unit] of part.units.entries()) {
      const { frameSeq } = unit;
      if (frameSeq < epoch.fedNext) { this.#book.repeats += 1; continue; }
      if (epoch.fedNext >= 0 && frameSeq > epoch.fedNext) epoch.decoder = 'joining';
      epoch.fedNext = frameSeq + 1;
      if (unit.isKey) {
        epoch.decoder = 'following';
        epoch.addStart({ frameSeq, offset, atMs: timestampMs, isOpen: !this.#options.isClosedStart(part, index) });
      }
      const isAccounted = epoch.isDone(frameSeq);
      if (epoch.decoder === 'joining') {
        if (!isAccounted) this.#drop(camera, epoch, { from: frameSeq, to: frameSeq, reason: 'undecodable', capturedAt: unit.capturedAt });
        continue;
      }
      const run = feedings.at(-1);
      if (run && run.end === index && run.isAccounted === isAccounted) run.end = index + 1;
      else feedings.push({ part, first: index, end: index + 1, isAccounted, isRecovered, isEnd: false, feed: camera.feed });
    }
    return feedings;
  }

  #endEpoch({ offset, part }: Accepted<Part>, camera: CameraProgress, epoch: EpochProgress, feedings: Feeding<Part>[]): void {
    epoch.hasEnded = true;
    epoch.decoder = 'joining';
    camera.isTouched = true;
    feedings.push({ part, first: 0, end: 0, isAccounted: false, isRecovered: isLate(part, offset, camera), isEnd: true, feed: camera.feed });
  }

  /** Ends frames here, without decoding. */
  #drop(camera: CameraProgress, epoch: EpochProgress, run: Run): void {
    for (const fresh of epoch.end(run)) {
      this.#book.inFlight -= fresh.to - fresh.from + 1;
      this.#publish(camera, dropped(camera.camera, epoch.epoch, { ...run, ...fresh }));
    }
  }

  #publish(camera: CameraProgress, record: Out | DroppedRecord): void {
    camera.isTouched = true;
    this.#book.publish(record);
  }

  #positionOf(camera: CameraProgress, at: EpochMicros): CameraPosition {
    camera.isTouched = false;
    const epochs = [...camera.epochs].sort((a, b) => a.epoch - b.epoch).map(epoch => epoch.position(camera.isOver(epoch)));
    return { group: this.#options.group, camera: camera.camera, epochs, at };
  }
}

type Mutable<Type> = { -readonly [Key in keyof Type]: Type[Key] };

interface Run { readonly from: number; readonly to: number; readonly reason: DropReason; readonly capturedAt: EpochMicros }

/** It waited for a detector, wherever: it is caught up with rather than left out for its age. */
function isLate(part: TrackedPart, offset: number, camera: CameraProgress): boolean {
  return part.isRecovered === true || offset < camera.recoveredTo;
}

function dropped(camera: CameraId, epoch: number, run: Run): DroppedRecord {
  return { kind: 'dropped', camera, epoch, from: run.from, to: run.to, reason: run.reason, isIntentional: DROP_REASONS[run.reason].isIntentional, capturedAt: run.capturedAt };
}

function damaged(part: TrackedPart, text: string, offset: number): PlatformError {
  return new PlatformError('RECORD_INVALID', `record of camera '${part.camera}' at offset ${offset}: ${text}`, { camera: part.camera, epoch: part.epoch, offset });
}
