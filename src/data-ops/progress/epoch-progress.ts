import type { EpochPosition } from '../../messages/position.ts';
import { countOf, IntervalSet } from '../interval-set.ts';
import type { SeqRange } from '../store.ts';
import { OpenRecords } from './open-records.ts';

/** A place in the partition where decoding can start. */
export interface Start {
  readonly frameSeq: number;
  readonly offset: number;
  readonly atMs: number;
  /** Pictures right behind it need the frames before it. */
  readonly isOpen: boolean;
}

/**
 * `joining`: the decoder stands nowhere: what comes before a key frame cannot be decoded. `following`: it stands at `fedNext`.
 * `flushed`: it was made to give up what it held, and must start over before it can go on.
 */
export type DecoderState = 'joining' | 'following' | 'flushed';

/** One session of a camera: which of its frames have a record, and where decoding would have to start for the first that has none. */
export class EpochProgress {
  readonly epoch: number;
  /** Offset of its first record, or one behind it, as far as known. */
  readonly beginOffset: number;
  readonly #done = new IntervalSet();
  readonly #open = new OpenRecords();
  #starts: Start[] = [];
  /** Where to start while no start is known. */
  readonly #origin: { readonly offset: number; readonly atMs: number };
  /** The frame behind the last one that was read, or given up as lost. */
  head: number;
  /** Its end was read. */
  hasEnded = false;
  /** False: frames of it that an earlier owner read have no record, and may not have been read again yet. */
  readonly isSettled: boolean;
  /** Offset of the last record that was read of it. */
  lastOffset = -1;
  /** What the present feed has done: the decoder's state, the next frame expected, and the first offset that is fed. */
  decoder: DecoderState = 'joining';
  fedNext = -1;
  feedFrom = 0;
  #left = 0;

  constructor(epoch: number, begin: { readonly offset: number; readonly atMs: number }, known?: EpochPosition) {
    this.epoch = epoch;
    this.beginOffset = begin.offset;
    this.#origin = begin;
    this.head = (known?.terminalTo ?? -1) + 1;
    this.hasEnded = known?.isOver ?? false;
    this.isSettled = known?.isOver ?? true;
    if (known && known.terminalTo >= 0) this.#done.add({ from: 0, to: known.terminalTo });
    for (const range of known?.terminalAbove ?? []) this.#done.add(range);
  }

  /** Frames that were read and have no record. */
  get left(): number { return this.#left; }

  /** The oldest input record with such frames. */
  get firstOpen(): { readonly offset: number; readonly atMs: number } | undefined { return this.#open.first; }

  isDone(frameSeq: number): boolean { return this.#done.has(frameSeq); }

  /** Keeps an input record until the frames of it that have no record have one. */
  open(record: { readonly offset: number; readonly atMs: number; readonly from: number; readonly to: number; left: number }): void {
    this.#open.add(record);
    this.#left += record.left;
  }

  /** Ends frames and returns those that had no record. `isHole`: they lie in no input record. */
  end(range: SeqRange, isHole = false): readonly SeqRange[] {
    const fresh = this.#done.add(range);
    if (isHole) return fresh;
    for (const { from, to } of fresh) this.#open.end(from, to);
    this.#left -= countOf(fresh);
    return fresh;
  }

  addStart(start: Start): void {
    if (start.frameSeq > (this.#starts.at(-1)?.frameSeq ?? -1)) this.#starts.push(start);
  }

  /** Where decoding has to start for the first frame without a record. Starts before it are forgotten. */
  start(): { readonly offset: number; readonly atMs: number } {
    const first = this.#terminalTo() + 1;
    let index = this.#starts.findLastIndex(start => start.frameSeq <= first);
    // Pictures behind an open key frame need the GOP before it, and that one only.
    if (this.#starts[index]?.isOpen) index -= 1;
    if (index > 0) this.#starts.splice(0, index);
    return index < 0 ? this.#origin : this.#starts[0] ?? this.#origin;
  }

  /** Where decoding has to start for the frame that is fed next: the last key frame that was read, of open GOPs the one before it. */
  get gopStart(): Start | undefined {
    const last = this.#starts.at(-1);
    return last?.isOpen === true ? this.#starts.at(-2) : last;
  }

  position(isOver: boolean): EpochPosition {
    const terminalTo = this.#terminalTo();
    const { offset, atMs } = this.start();
    return { epoch: this.epoch, chunkOffset: offset, chunkAtMs: atMs, terminalTo, terminalAbove: this.#done.ranges().filter(range => range.from > terminalTo), isOver };
  }

  #terminalTo(): number { return this.#done.endOf(0) ?? -1; }
}
