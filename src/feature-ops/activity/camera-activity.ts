import { isClosedGopStart } from '../../media/nal.ts';
import type { AccessUnit } from '../../messages/access-unit.ts';
import type { ChunkPart } from '../../messages/chunk-part.ts';
import type { FeatureRequest } from '../../messages/feature.ts';
import type { StreamParameters } from '../../messages/stream-parameters.ts';
import type { DetectedRecord } from '../../messages/terminal-record.ts';
import { ActivityGate, type GateOptions, type GateStatus, type WakeCause } from './activity-gate.ts';
import { kindReader, type KindReader } from './picture-kind.ts';
import { WeakPlaces } from './weak-places.ts';

/** How a unit arrived: what is kept of its part. */
export interface UnitArrival extends Pick<FeatureRequest<ChunkPart>, 'isStale' | 'receivedAtMs'> { readonly isAccounted: boolean }

/** What the gate has of the camera's decoder. */
export interface GatedDecoding {
  /** Feeds a unit. Pictures that come out are asked about with `wants`. */
  decode(unit: AccessUnit, arrival: UnitArrival): void;
  /** Takes out every picture that is held back; the next unit is a key frame. */
  restart(): void;
  /** Ends a frame as quiet. */
  quiet(unit: AccessUnit): void;
  /** Ends a frame as undecodable. */
  undecodable(unit: AccessUnit): void;
}

/** Told of what the gate of a camera does. */
export interface ActivityObserver {
  changed(status: GateStatus): void;
  woke(cause: WakeCause): void;
}

/** What of a camera's packets is kept to be caught up with. */
export const GOP_BUFFER = { bytesMax: 16 << 20, framesMax: 1_500 } as const;
/** Frames that are undecided for longer than this, or more of them, end as quiet though their GOP goes on: a host bounds what it has in flight. */
export const UNDECIDED = { maxMs: 5_000, maxFrames: 200 } as const;
/** Units that one unit's arrival may have decoded, and of these detected on: catching up leaves other cameras their turn. */
const WORK = { decoded: 12, detected: 4 } as const;
/**
 * Units that were decoded may have to be decoded again, from their key frame on, when something is seen behind them: each unit that passes earns so
 * much of that, up to a bound. The gate does not close where there is too little left to open it again.
 */
const AGAIN = { first: 50, perUnit: 0.25, most: 400 } as const;

/**
 * `held`: not decided yet. `due`: decoded, and its picture is wanted as soon as the decoder gives it. `done`: it has its record, or never needed
 * one; it stays as long as others may need it to be decoded.
 */
interface Held { readonly unit: AccessUnit; readonly arrival: UnitArrival; readonly atMs: number; state: 'held' | 'due' | 'done' }

/**
 * Keeps the packets of one camera since its last key frame, and has of them decoded what the gate wants: nothing, single pictures, or everything
 * that waits. Each frame is wanted once or ends as quiet once.
 */
export class CameraActivity {
  readonly #gate: ActivityGate;
  readonly #weak = new WeakPlaces();
  readonly #observer: ActivityObserver;
  #kindOf: KindReader = () => 'other';
  #parameters: StreamParameters | undefined;
  #epoch = -1;
  #units: Held[] = [];
  #bySeq = new Map<number, Held>();
  #bytes = 0;
  /** The unit that the decoder is given next when it goes on where it stands; -1: it has to start at a key frame. */
  #next = 0;
  /** No unit before it is held. */
  #firstHeld = 0;
  /** The last key frame; -1: none is kept. */
  #newestKey = -1;
  /** The unit to look at, which has not been reached; -1: none. */
  #sought = -1;
  #wantsNext = false;
  /** The frame that was looked at last. */
  #lookSeq = -1;
  /** Units that may be decoded again. */
  #again: number = AGAIN.first;
  #said: GateStatus | undefined;

  constructor(options: GateOptions, observer: ActivityObserver) {
    this.#gate = new ActivityGate(options, cause => observer.woke(cause));
    this.#observer = observer;
  }

  /** Everything is decoded. */
  get isOpen(): boolean { return this.#gate.isOpen; }
  get status(): GateStatus { return this.#gate.status; }
  /** What is kept, for tests and gauges. */
  get depth(): { readonly items: number; readonly bytes: number } { return { items: this.#units.length, bytes: this.#bytes }; }

  /** The units that follow are of this session and stream. */
  begin(epoch: number, parameters: StreamParameters): void {
    if (epoch !== this.#epoch) this.#gate.restart();
    this.#epoch = epoch;
    const before = this.#parameters;
    this.#parameters = parameters;
    this.#kindOf = kindReader(parameters);
    if (before && (before.codec !== parameters.codec || before.width !== parameters.width || before.height !== parameters.height)) this.#gate.reset();
  }

  /** Takes the next unit, in decode order; the first one is a key frame. */
  take(unit: AccessUnit, arrival: UnitArrival, decoding: GatedDecoding): void {
    const isWhole = this.#units[0]?.unit.isKey ?? true;
    const hasCaughtUp = this.#firstHeld >= this.#units.length;
    const picture = { kind: unit.isKey ? 'key' as const : this.#kindOf(unit), sizeBytes: unit.data.byteLength, atMs: unit.capturedAt / 1000, isLate: arrival.isStale };
    if (unit.isKey && isWhole) this.#gate.fits();
    this.#again = Math.min(AGAIN.most, this.#again + AGAIN.perUnit);
    const verdict = this.#gate.take(picture, hasCaughtUp && (unit.isKey || (isWhole && this.#again >= this.#units.length)));
    this.#push({ unit, arrival, atMs: this.#gate.timeOf(picture.atMs), state: arrival.isAccounted ? 'done' : 'held' });
    if (verdict === 'look') this.#sought = this.#units.length - 1;
    this.#work(decoding, WORK);
    if (!this.#gate.isOpen) this.#decideOld(decoding);
    this.#trim(decoding);
    this.#say();
  }

  /** Asked of a picture that came out of the decoder: what it is for. Undefined: it was only needed for others, or has its record. */
  wants(frameSeq: number): 'detection' | 'look' | undefined {
    const held = this.#bySeq.get(frameSeq);
    if (held?.state === 'due') {
      held.state = 'done';
      return 'detection';
    }
    if (held?.state !== 'held' || !this.#wantsNext) return undefined;
    this.#wantsNext = false;
    held.state = 'done';
    this.#lookSeq = frameSeq;
    return 'look';
  }

  /** The decoder gave no picture for a frame. True when it was wanted: it ends as undecodable then. */
  lost(frameSeq: number): boolean {
    const held = this.#bySeq.get(frameSeq);
    if (held?.state !== 'due') return false;
    held.state = 'done';
    return true;
  }

  /** The detector's answer. What waited for one that found nothing ends as quiet. */
  sees(record: DetectedRecord, decoding: GatedDecoding): void {
    if (record.epoch !== this.#epoch) return;
    const atMs = record.capturedAt / 1000;
    const area = this.#weak.areaOf(record.boxes, record, atMs);
    const isLook = record.frameSeq === this.#lookSeq;
    this.#gate.answer(atMs, area, isLook);
    if (isLook && area === 0 && !this.#gate.isOpen) this.#decide(held => held.unit.frameSeq < record.frameSeq, decoding);
    this.#say();
  }

  /** The camera itself says that something moves. */
  hint(): void { this.#gate.hint(); }

  /** No unit of this stream follows: what is wanted is decoded, the rest ends as quiet. */
  end(decoding: GatedDecoding): void {
    if (this.#gate.isOpen) this.#work(decoding, { decoded: Number.POSITIVE_INFINITY, detected: Number.POSITIVE_INFINITY });
    this.#sought = -1;
    this.#decide(() => true, decoding);
  }

  /** Forgets every unit: they come again, or the decoder is gone. What was learnt stays. */
  clear(): void {
    this.#units = [];
    this.#bySeq.clear();
    this.#bytes = 0;
    this.#next = 0; // the decoder is new
    this.#firstHeld = 0;
    this.#newestKey = -1;
    this.#sought = -1;
    this.#wantsNext = false;
    this.#lookSeq = -1;
    this.#gate.restart();
  }

  #push(held: Held): void {
    if (held.unit.isKey) this.#newestKey = this.#units.length;
    this.#units.push(held);
    this.#bySeq.set(held.unit.frameSeq, held);
    this.#bytes += held.unit.data.byteLength;
    this.#passHeld();
  }

  #passHeld(): void {
    while (this.#firstHeld < this.#units.length && this.#units[this.#firstHeld]?.state !== 'held') this.#firstHeld += 1;
  }

  /** Has the decoder fed what is wanted, within limits: the rest waits for the next unit. */
  #work(decoding: GatedDecoding, { decoded, detected }: { readonly decoded: number; readonly detected: number }): void {
    if (this.#gate.isOpen) {
      this.#sought = -1;
      if (this.#firstHeld < this.#units.length) this.#decide(held => held.atMs < this.#gate.openFromMs, decoding);
    }
    for (let fed = 0, wanted = 0; fed < decoded && wanted < detected; fed += 1) {
      const goal = this.#gate.isOpen ? this.#firstHeld : this.#sought;
      if (goal < 0 || goal >= this.#units.length) return;
      if (this.#stand(goal, decoding) && this.#feed(goal, decoding)) wanted += 1;
    }
  }

  /** Brings the decoder to where it can go on to `goal`. False: no key frame is there to start at. */
  #stand(goal: number, decoding: GatedDecoding): boolean {
    let key = goal;
    while (key >= 0 && !this.#units[key]?.unit.isKey && key !== this.#next) key -= 1;
    if (key >= 0 && key === this.#next) return true; // it goes on where it stands
    if (key < 0) {
      this.#give(goal, decoding);
      return false;
    }
    decoding.restart();
    this.#again = Math.max(0, this.#again - (goal - key));
    this.#next = key;
    return this.#leaveLeading(key, goal, decoding);
  }

  /** Pictures shown before the key frame of an open GOP need the GOP before, which was left out: so are they. False: the goal was one of them. */
  #leaveLeading(key: number, goal: number, decoding: GatedDecoding): boolean {
    const start = this.#units[key]?.unit;
    if (!start || !this.#parameters || isClosedGopStart(this.#parameters, start)) return true;
    for (let index = key + 1; index < this.#units.length; index += 1) {
      const held = this.#units[index];
      if (!held || held.unit.isKey || held.unit.pts === null || start.pts === null || held.unit.pts > start.pts) break;
      if (held.state !== 'held') continue;
      held.state = 'done';
      decoding.quiet(held.unit);
    }
    this.#passHeld();
    return this.#units[goal]?.state === 'held';
  }

  /** Feeds the next unit. True when its picture is wanted. */
  #feed(goal: number, decoding: GatedDecoding): boolean {
    const index = this.#next;
    const held = this.#units[index];
    if (!held) return false;
    this.#next = index + 1;
    const isDue = this.#gate.isOpen && held.state === 'held';
    if (isDue) held.state = 'due';
    this.#wantsNext = index === goal && index === this.#sought;
    decoding.decode(held.unit, held.arrival);
    if (index === this.#sought && index === goal) this.#endLook(decoding);
    this.#passHeld();
    return isDue;
  }

  /** Pictures are held back where they are reordered: a look does not wait for those behind it. */
  #endLook(decoding: GatedDecoding): void {
    this.#sought = -1;
    if (!this.#wantsNext) return;
    this.#next = -1;
    decoding.restart();
    this.#wantsNext = false;
  }

  /** Units that no decoder can be brought to. */
  #give(goal: number, decoding: GatedDecoding): void {
    this.#sought = -1;
    for (let index = 0; index <= goal; index += 1) {
      const held = this.#units[index];
      if (held?.state !== 'held') continue;
      held.state = 'done';
      decoding.undecodable(held.unit);
    }
    this.#passHeld();
  }

  #decide(isOver: (held: Held) => boolean, decoding: GatedDecoding): void {
    for (let index = this.#firstHeld; index < this.#units.length; index += 1) {
      const held = this.#units[index];
      if (held?.state !== 'held' || index === this.#sought) continue;
      if (!isOver(held)) break;
      held.state = 'done';
      decoding.quiet(held.unit);
    }
    this.#passHeld();
  }

  /** What waits for too long is not caught up with. */
  #decideOld(decoding: GatedDecoding): void {
    const newest = this.#units.at(-1);
    const oldest = this.#units[this.#firstHeld];
    if (!newest || !oldest) return;
    const over = this.#units.length - UNDECIDED.maxFrames;
    if (over <= this.#firstHeld && newest.atMs - oldest.atMs <= UNDECIDED.maxMs) return;
    const before = this.#units[over]?.unit.frameSeq ?? Number.NEGATIVE_INFINITY;
    this.#decide(held => held.unit.frameSeq < before || newest.atMs - held.atMs > UNDECIDED.maxMs, decoding);
  }

  /** Lets go of GOPs that are over and decided; of one that outgrows its bound, what the decoder has. */
  #trim(decoding: GatedDecoding): void {
    const newestKey = this.#newestKey;
    const needed = Math.min(this.#firstHeld, this.#sought >= 0 ? this.#sought : Number.POSITIVE_INFINITY, this.#units.length - 1);
    let from = newestKey;
    if (needed < newestKey) {
      from = needed;
      while (from > 0 && !this.#units[from]?.unit.isKey) from -= 1;
    }
    if (from > 0) this.#drop(from);
    if (this.#bytes <= GOP_BUFFER.bytesMax && this.#units.length <= GOP_BUFFER.framesMax) return;
    this.#gate.overflow();
    this.#work(decoding, WORK);
    this.#drop(Math.min(this.#next, this.#firstHeld));
  }

  #drop(count: number): void {
    if (count <= 0) return;
    for (const { unit, state } of this.#units.splice(0, count)) {
      this.#bytes -= unit.data.byteLength;
      // A picture that the decoder still has is asked about when it comes out.
      if (state === 'done') this.#bySeq.delete(unit.frameSeq);
    }
    this.#next = this.#next < count ? -1 : this.#next - count;
    this.#firstHeld -= count;
    this.#newestKey = Math.max(-1, this.#newestKey - count);
    if (this.#sought >= 0) this.#sought -= count;
  }

  #say(): void {
    const { state, reason } = this.#gate;
    if (state === this.#said?.state && reason === this.#said.reason) return;
    this.#said = this.#gate.status;
    this.#observer.changed(this.#said);
  }
}
