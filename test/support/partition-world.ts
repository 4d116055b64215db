import { PartitionProgress } from '../../src/data-ops/progress/partition-progress.ts';
import type { Ending, Feeding, TrackedPart } from '../../src/data-ops/progress/tracked-part.ts';
import { epochMicros, type CameraId } from '../../src/engine/units.ts';
import type { CameraPosition, EpochPosition } from '../../src/messages/position.ts';
import type { DroppedRecord } from '../../src/messages/terminal-record.ts';
import type { Dice } from './dice.ts';

/** What goes wrong in a world. */
export interface PartitionTrouble {
  readonly cameras: number;
  readonly gopMax: number;
  readonly maxRewindMs: number;
  /** Frames the decoder and what is behind it hold back. */
  readonly heldMax: number;
  readonly openShare: number;
  readonly repeatShare: number;
  readonly epochShare: number;
  readonly zombieShare: number;
  readonly holeShare: number;
  readonly retentionShare: number;
  readonly hostCrashShare: number;
  readonly childCrashShare: number;
  /** Nothing keeps a decoder from starting where it has to. */
  readonly isGentle: boolean;
  /** How many sessions back a node may be that was cut off. @default 4 */
  readonly zombieAge?: number;
}

interface Unit { readonly frameSeq: number; readonly isKey: boolean; readonly isOpen: boolean; readonly capturedAt: ReturnType<typeof epochMicros> }
interface Part extends TrackedPart { readonly units: readonly Unit[] }
interface Logged { readonly offset: number; readonly timestampMs: number; readonly part: Part }
interface Detected { readonly camera: CameraId; readonly epoch: number; readonly frameSeq: number }
interface Session { readonly epoch: number; next: number; nextKeyIn: number; readonly sent: Part[]; hasEnded: boolean }
/** A camera in the vision process: what it holds back, and where its decoder stands. */
interface Decoder { feed: number; epoch: number; expected: number; leading: number; held: { readonly frameSeq: number; readonly isAccounted: boolean }[] }

const GROUP = 'group';
const LEADING = 2;
const keyOf = (camera: string, epoch: number, frameSeq: number): string => `${camera}/${epoch}/${frameSeq}`;

/** One input partition, those who write it, the owner of the partition that comes and goes, and its vision process. */
export class PartitionWorld {
  readonly committed = new Map<string, number>();
  readonly reasons = new Map<string, DroppedRecord['reason']>();
  readonly positions = new Map<CameraId, CameraPosition>();
  readonly appended = new Map<string, number>();
  readonly firstOffsetOf = new Map<string, number>();
  readonly faults: string[] = [];
  crashes = 0;
  rewinds = 0;
  repeats = 0;
  #log: Logged[] = [];
  #begin = 0;
  #committedOffset = 0;
  #nowMs = 1_000_000;
  #feed = 0;
  #readAt = 0;
  #epoch = 0;
  #progress: PartitionProgress<Part, Detected | DroppedRecord>;
  readonly #sessions = new Map<CameraId, Session[]>();
  #decoders = new Map<CameraId, Decoder>();
  /** Answers on their way to the owner. */
  #transit: Ending[] = [];
  readonly #dice: Dice;
  readonly #trouble: PartitionTrouble;

  constructor(dice: Dice, trouble: PartitionTrouble) {
    this.#dice = dice;
    this.#trouble = trouble;
    for (let index = 0; index < trouble.cameras; index += 1) this.#sessions.set(`cam-${index}` as CameraId, []);
    this.#progress = this.#takeOver();
  }

  get isRead(): boolean { return this.#readAt >= this.#log.length; }
  get inFlight(): number { return this.#progress.inFlight; }
  get commitOffset(): number { return this.#progress.commitOffset; }
  get endOffset(): number { return this.#log.length; }

  step(): void {
    const { dice, trouble } = { dice: this.#dice, trouble: this.#trouble };
    const roll = dice.between(0, 99);
    if (roll < 35) this.#append();
    else if (roll < 70) this.read();
    else if (roll < 85) this.#complete();
    else if (roll < 96) this.commit();
    else if (roll === 96) for (const feeding of this.#progress.flush(dice.pick([...this.#sessions.keys()]))) this.#decode(feeding);
    else if (dice.chance(trouble.hostCrashShare)) this.crash();
    else if (dice.chance(trouble.childCrashShare)) this.#replaceChild();
    else if (dice.chance(trouble.retentionShare)) this.#begin = Math.min(this.#log.length, this.#begin + dice.between(0, 30));
  }

  /** Everything is read, decoded and committed. */
  finish(): void {
    while (!this.isRead) this.read();
    for (const [camera, decoder] of this.#decoders) this.#flush(camera, decoder);
    this.#deliver(this.#transit.length);
    this.commit();
  }

  read(): void {
    if (this.#readAt < this.#begin) this.#readAt = this.#begin;
    const record = this.#log[this.#readAt];
    if (!record) { this.#progress.passed(this.#readAt); return; }
    if (this.#progress.mustStartOver(record.part)) { this.#readAt = this.#progress.rewind([record.part.camera], this.#feed += 1); return; }
    this.#readAt += 1;
    for (const feeding of this.#progress.accept(record)) this.#decode(feeding);
  }

  commit(isLost = false): void {
    const taken = this.#progress.take();
    if (!taken || isLost) return;
    for (const record of taken.records) this.#note(record);
    for (const position of taken.positions) this.#notePosition(position);
    if (taken.commitOffset < this.#committedOffset) this.faults.push(`the group goes back from ${this.#committedOffset} to ${taken.commitOffset}`);
    this.#committedOffset = taken.commitOffset;
  }

  crash(): void {
    this.crashes += 1;
    this.commit(this.#dice.chance(0.5));
    if (this.#dice.chance(0.7)) { // else the vision process outlives its owner
      this.#decoders = new Map();
      this.#transit = [];
    }
    this.#progress = this.#takeOver();
  }

  #takeOver(): PartitionProgress<Part, Detected | DroppedRecord> {
    const progress = new PartitionProgress<Part, Detected | DroppedRecord>({
      group: GROUP, maxRewindMs: this.#trouble.maxRewindMs, isClosedStart: (part, index) => part.units[index]?.isOpen === false,
    });
    this.#readAt = progress.start({
      positions: [...this.positions.values()], committedOffset: Math.max(this.#committedOffset, 0), endOffset: this.#log.length, feed: this.#feed += 1,
    });
    this.#checkRewind();
    return progress;
  }

  #checkRewind(): void {
    const atMs = Math.max(0, ...[...this.positions.values()].map(position => position.at / 1000));
    const from = this.#log[this.#readAt];
    if (this.#readAt > this.#committedOffset) this.faults.push(`reading starts at ${this.#readAt}, behind ${this.#committedOffset}`);
    if (from && this.#readAt < this.#committedOffset && atMs - from.timestampMs > this.#trouble.maxRewindMs) this.faults.push('rewound too far');
  }

  #replaceChild(): void {
    this.rewinds += 1;
    const chosen = [...this.#sessions.keys()].filter(() => this.#dice.chance(0.7));
    this.#transit = this.#transit.filter(({ camera }) => !chosen.includes(camera) || this.#dice.chance(0.5));
    for (const camera of chosen) this.#decoders.delete(camera);
    this.#readAt = this.#progress.rewind(chosen, this.#feed += 1);
  }

  #append(): void {
    const { dice, trouble } = { dice: this.#dice, trouble: this.#trouble };
    this.#nowMs += dice.between(0, 400);
    const camera = dice.pick([...this.#sessions.keys()]);
    const sessions = this.#sessions.get(camera)!;
    const newest = sessions.at(-1);
    if (!newest || newest.hasEnded || dice.chance(trouble.epochShare)) {
      sessions.push({ epoch: this.#epoch += dice.between(1, 3), next: 0, nextKeyIn: 0, sent: [], hasEnded: false });
      return;
    }
    const session = dice.chance(trouble.zombieShare) ? dice.pick(sessions.slice(-(trouble.zombieAge ?? 4))) : newest;
    const repeated = session.sent.slice(-dice.between(1, 4));
    if (repeated.length > 0 && dice.chance(trouble.repeatShare)) for (const part of repeated) this.#write(part);
    else if (!session.hasEnded) this.#write(this.#partOf(camera, session));
  }

  #partOf(camera: CameraId, session: Session): Part {
    const { dice, trouble } = { dice: this.#dice, trouble: this.#trouble };
    if (dice.chance(trouble.holeShare)) session.next += dice.between(1, 40);
    const units: Unit[] = [];
    for (let count = dice.between(1, 5); count > 0; count -= 1) {
      const isKey = session.nextKeyIn === 0;
      session.nextKeyIn = isKey ? dice.between(0, trouble.gopMax) : session.nextKeyIn - 1;
      units.push({ frameSeq: session.next, isKey, isOpen: session.next > 0 && dice.chance(trouble.openShare), capturedAt: epochMicros(this.#nowMs * 1000) });
      session.next += 1;
    }
    session.hasEnded = session === this.#sessions.get(camera)!.at(-1) && dice.chance(trouble.epochShare);
    const part = { camera, epoch: session.epoch, units, isEpochEnd: session.hasEnded };
    session.sent.push(part);
    return part;
  }

  #write(part: Part): void {
    const offset = this.#log.length;
    this.#log.push({ offset, timestampMs: this.#nowMs, part });
    const session = `${part.camera}/${part.epoch}`;
    if (!this.firstOffsetOf.has(session)) this.firstOffsetOf.set(session, offset);
    for (const { frameSeq } of part.units) {
      const key = keyOf(part.camera, part.epoch, frameSeq);
      if (!this.appended.has(key)) this.appended.set(key, offset);
    }
  }

  /** The vision process takes a part: it must be able to decode it. */
  #decode({ part, first, end, isAccounted, isEnd, feed }: Feeding<Part>): void {
    const { camera, epoch } = part;
    let decoder = this.#decoders.get(camera);
    if (!decoder || feed > decoder.feed) this.#decoders.set(camera, decoder = { feed, epoch: -1, expected: -1, leading: 0, held: [] });
    if (feed < decoder.feed) { this.faults.push('a feed went back'); return; }
    if (epoch !== decoder.epoch) { this.#flush(camera, decoder); decoder.epoch = epoch; }
    for (const { frameSeq, isKey, isOpen } of part.units.slice(first, end)) {
      // Pictures right behind an open key frame need the GOP before it.
      if (isKey) decoder.leading = isOpen && frameSeq !== decoder.expected ? LEADING : 0;
      else if (decoder.leading > 0) {
        decoder.leading -= 1;
        if (!isAccounted && this.#trouble.isGentle) this.faults.push(`${keyOf(camera, epoch, frameSeq)} lacks the GOP before its key frame`);
      }
      if (!isKey && frameSeq !== decoder.expected) this.faults.push(`${keyOf(camera, epoch, frameSeq)} fed to a decoder that stands at ${decoder.expected}`);
      decoder.expected = frameSeq + 1;
      decoder.held.push({ frameSeq, isAccounted });
      if (decoder.held.length > this.#trouble.heldMax) this.#emit(camera, decoder, this.#dice.between(0, Math.min(3, decoder.held.length - 1)));
    }
    if (isEnd) this.#flush(camera, decoder);
  }

  #complete(): void {
    for (const [camera, decoder] of this.#decoders) if (decoder.held.length > 4 && this.#dice.chance(0.5)) this.#emit(camera, decoder, this.#dice.between(0, 3));
    this.#deliver(this.#dice.between(0, 8));
  }

  #deliver(count: number): void {
    for (const ending of this.#transit.splice(0, count)) this.#progress.ended(ending as Detected);
  }

  #flush(camera: CameraId, decoder: Decoder): void {
    while (decoder.held.length > 0) this.#emit(camera, decoder, this.#dice.between(0, decoder.held.length - 1));
    decoder.expected = -1;
  }

  #emit(camera: CameraId, decoder: Decoder, index: number): void {
    const [frame] = decoder.held.splice(index, 1);
    if (!frame || frame.isAccounted) return;
    const { epoch } = decoder;
    const { frameSeq } = frame;
    if (this.#dice.chance(0.3)) this.#transit.push({ kind: 'dropped', camera, epoch, from: frameSeq, to: frameSeq, reason: 'rate', isIntentional: true, capturedAt: epochMicros(0) });
    else this.#transit.push({ camera, epoch, frameSeq });
    if (this.#dice.chance(0.05)) this.#transit.push({ camera, epoch, frameSeq });
  }

  #note(record: Detected | DroppedRecord): void {
    const { from, to } = 'from' in record ? record : { from: record.frameSeq, to: record.frameSeq };
    for (let frameSeq = from; frameSeq <= to; frameSeq += 1) {
      const key = keyOf(record.camera, record.epoch, frameSeq);
      this.committed.set(key, (this.committed.get(key) ?? 0) + 1);
      if ('from' in record) this.reasons.set(key, record.reason);
    }
  }

  #notePosition(position: CameraPosition): void {
    for (const before of this.positions.get(position.camera)?.epochs ?? []) {
      const after = position.epochs.find(({ epoch }) => epoch === before.epoch);
      if (after) this.#checkForward(position.camera, before, after);
    }
    this.positions.set(position.camera, position);
  }

  #checkForward(camera: CameraId, before: EpochPosition, after: EpochPosition): void {
    const isIn = (seq: number): boolean => seq <= after.terminalTo || after.terminalAbove.some(({ from, to }) => from <= seq && seq <= to);
    if (after.terminalTo < before.terminalTo) this.faults.push(`${camera}: frames lost their record`);
    for (const { from, to } of before.terminalAbove) for (let seq = from; seq <= to; seq += 1) if (!isIn(seq)) this.faults.push(`${camera}: frame ${seq} lost its record`);
  }
}
