import type { PictureKind } from './picture-kind.ts';
import { DEVIATION_MAX, SizeModel, type SizedPicture } from './size-model.ts';

/** How the gate of a camera is set. */
export interface GateOptions {
  /** Where packet sizes say nothing, so many pictures a second are looked at. */
  readonly probeHz: number;
  /** So long after something was last seen everything is decoded. */
  readonly holdMs: number;
}

/** A picture as the gate sees it. */
export interface PassingPicture {
  readonly kind: PictureKind;
  readonly sizeBytes: number;
  /** Event time, milliseconds. */
  readonly atMs: number;
  /** It waited for long and newer ones wait: the machine is busy, so what need not be decoded is not. */
  readonly isLate: boolean;
}

/** What to do with a picture: `open`: decode and detect it and all that wait; `look`: detect it alone, and say what was found; `hold`: keep it. */
export type Verdict = 'open' | 'look' | 'hold';

/**
 * `active`: everything is decoded. `quiet`: only key frames are looked at. `probing`: packet sizes are not relied on, so pictures are looked at
 * at `probeHz`, whatever their sizes.
 */
export type GateState = 'active' | 'quiet' | 'probing';

/**
 * Why sizes are not relied on. `learning`: too little of the still scene was seen; `no-signal`: nothing of the size that matters would show;
 * `missed`: things were there that they did not tell of; `long-gop`: a GOP outgrew its buffer, so everything is decoded up to the next key frame.
 */
export type GateReason = 'learning' | 'no-signal' | 'missed' | 'long-gop';

/** What opened the gate. */
export type WakeCause = 'sizes' | 'look' | 'hint' | 'long-gop';

/** The gate of a camera, for its status. */
export interface GateStatus {
  readonly state: GateState;
  readonly reason?: GateReason;
  /** How well something that moves would show in the packet sizes: from 1 on they are relied on. */
  readonly score: number;
}

/** So long everything is decoded at first. */
const START_MS = 600;
/** What comes again so soon after the gate closed is one coming and going: the gate is held open twice as long, at most so long. */
const AGAIN_MS = 2_000;
const HOLD_MAX_MS = 8_000;
/** While quiet a key frame is looked at so often at first, and so often after a long quiet time; each look that finds nothing makes it longer. */
const LOOK_MS = { first: 1_900, most: 3_900 } as const;
const LOOK_GROWTH = 1.15;
/** A look whose answer did not come within this time is lost: it was stale, or could not be decoded. */
const LOOK_LOST_MS = 3_000;
/** After so many looks that found nothing, one is at a picture in the middle of a GOP, to prove the sizes right; then after more and more. */
const PROOF_LOOKS = { first: 16, most: 256 } as const;
/** Places of these looks within a GOP: multiples of the golden ratio never come back to the same one (Weyl 1916). */
const GOLDEN = 0.618;
/** Cumulative sum (Page 1954): a picture must be larger by more than `DRIFT` standard deviations to count, and `LIMIT` of them wake. */
const DRIFT = 1;
const LIMIT = 10;
/** The sum does not grow beyond this, so that it falls soon when it is over. */
const SUM_MAX = LIMIT + 2 * DEVIATION_MAX;
/** What lies so long before the sizes began to rise is not caught up with. */
const BEFORE_RISE_MS = 1_500;
/** Something that moves has to be told of within so many pictures. */
const WITHIN = 30;
/** Something that covers this part of the picture has to show; more, where all that is ever seen is larger. */
const AREA = { least: 0.006, most: 0.03 } as const;
/** Sightings that are remembered for their size, at most one a second; a fifth of them may be smaller than what has to show. */
const AREAS = { kept: 40, enough: 8, everyMs: 1_000 } as const;
/** What was seen this close to a sighting is not the still scene. */
const GUARD_MS = 1_000;
/** Pictures that wait for an answer before they are learnt. */
const PENDING_MAX = 4_096;
/** So much of the still scene has to be known before sizes are relied on. */
const STILL_MS = 8_000;
/** Something that was there for longer than this without being told by sizes was missed. */
const MISSED_AFTER_MS = 1_000;
/** Sizes that missed this share of the last arrivals are not relied on; one arrival weighs so much. */
const MISSED_MAX = 0.4;
const ARRIVAL_WEIGHT = 0.25;
/** Event time that jumps by more is another clock's: the gate's own goes on from where it was. */
const JUMP_MS = 10_000;

interface Sample extends SizedPicture { readonly atMs: number }

const NEVER = Number.NEGATIVE_INFINITY;

/**
 * Decides from the sizes of a camera's packets, and from what the detector finds, which pictures are worth decoding. It learns what the pictures
 * of the still scene take, from those of which the detector says that nothing was there. Pure: it knows no packet, no decoder and no clock but the
 * pictures' own.
 */
export class ActivityGate {
  readonly #options: GateOptions;
  readonly #onWake: (cause: WakeCause) => void;
  #model = new SizeModel();
  #state: GateState = 'active';
  #doubt: GateReason | undefined = 'learning';
  #isLongGop = false;
  #position = 0;
  #nowMs = NEVER;
  #clockShiftMs = 0;
  #sum = 0;
  #calmMs = NEVER;
  #alarmMs = NEVER;
  #openFromMs = NEVER;
  #seenMs = NEVER;
  #holdMs: number;
  #closedMs = NEVER;
  #hasSeen = false;
  #answeredMs = NEVER;
  #clearMs = NEVER;
  #lookMs = NEVER;
  #lookEveryMs: number = LOOK_MS.first;
  #isLookOpen = false;
  #proofAtMs = Number.POSITIVE_INFINITY;
  #looksToProof: number = PROOF_LOOKS.first;
  #looks = 0;
  #keyMs = NEVER;
  #gopMs = 0;
  #pending: Sample[] = [];
  #stillMs = 0;
  #learntMs = Number.POSITIVE_INFINITY;
  #missed = 0;
  #areas: number[] = [];
  /** The sight that woke the gate, and when the earliest one was that was found by catching up. */
  #arrival: { readonly atMs: number; readonly isTold: boolean; firstMs: number } | undefined;

  constructor(options: GateOptions, onWake: (cause: WakeCause) => void = () => {}) {
    this.#options = options;
    this.#holdMs = options.holdMs;
    this.#onWake = onWake;
  }

  get isOpen(): boolean { return this.#state === 'active'; }
  get state(): GateState { return this.#state; }
  /** Why sizes are not relied on; undefined while they are, or while something is there. */
  get reason(): GateReason | undefined { return this.#isLongGop ? 'long-gop' : this.#state === 'probing' ? this.#doubt : undefined; }

  /** What was held before this is not caught up with; the gate's own time, as `timeOf` gives it. */
  get openFromMs(): number { return this.#openFromMs; }

  get status(): GateStatus {
    const { state, reason } = this;
    return { state, score: this.#score() ?? 0, ...(reason ? { reason } : {}) };
  }

  /** Judges the next picture in decode order. `mayClose`: nothing that is to be decoded waits, and what follows can be caught up with. */
  take({ kind, sizeBytes, atMs, isLate }: PassingPicture, mayClose: boolean): Verdict {
    this.#advance(atMs);
    const isKey = kind === 'key';
    this.#position = isKey ? 0 : this.#position + 1;
    const picture: Sample = { kind, position: this.#position, sizeBytes, atMs: this.#nowMs };
    this.#model.pass(picture);
    if (!isKey) this.#weigh(picture);
    if (this.#pending.length < PENDING_MAX) this.#pending.push(picture);
    const isUnscheduled = isKey && !this.#meetKey();
    if (isLate && !this.#hasSeen) this.#seenMs = NEVER; // it learns from key frames alone then
    if (this.#state === 'active' && mayClose && this.#isOver()) this.#close();
    if (this.#state === 'quiet' && this.#sum >= LIMIT) this.#wake('sizes', this.#calmMs - BEFORE_RISE_MS);
    if (this.#state === 'active') return 'open';
    if ((isLate && !isKey) || !this.#isDue(isKey, isUnscheduled)) return 'hold';
    this.#lookMs = this.#nowMs;
    this.#isLookOpen = true;
    return 'look';
  }

  /**
   * The detector's answer for a picture that was looked at or decoded: `area` of the picture (0 to 1) that the largest object covers; 0: nothing
   * is there. `isLook`: it was the one to look at.
   */
  answer(atMs: number, area: number, isLook: boolean): void {
    const ownMs = this.timeOf(atMs);
    this.#answeredMs = Math.max(this.#answeredMs, ownMs);
    if (isLook) this.#isLookOpen = false;
    if (area > 0) this.#found(ownMs, area);
    else if (ownMs > this.#clearMs) this.#cleared(ownMs);
  }

  /** A camera's own motion detection, such as an ONVIF event, says that something moves now. */
  hint(): void {
    this.#alarmMs = this.#nowMs;
    if (this.#state !== 'active') this.#wake('hint', this.#nowMs - BEFORE_RISE_MS);
  }

  /** A GOP outgrew its buffer: everything is decoded, until one is whole again. */
  overflow(): void {
    this.#isLongGop = true;
    if (this.#state !== 'active') this.#wake('long-gop', NEVER);
  }

  /** A GOP is whole: it can be caught up with. */
  fits(): void { this.#isLongGop = false; }

  /** Another stream begins: nothing that was learnt holds for it. */
  reset(): void {
    this.#model = new SizeModel();
    this.#stillMs = 0;
    this.#learntMs = Number.POSITIVE_INFINITY;
    this.restart();
    this.#doubt = 'learning';
    if (this.#state === 'quiet') this.#state = 'probing';
  }

  /** Pictures were left out, or come again: what is known of those that wait is not worth keeping. */
  restart(): void {
    this.#pending = [];
    this.#sum = 0;
    this.#isLookOpen = false;
  }

  /** Event time as the gate's own: it never jumps. */
  timeOf(atMs: number): number { return atMs + this.#clockShiftMs; }

  #advance(atMs: number): void {
    if (this.#nowMs === NEVER) {
      this.#nowMs = atMs;
      this.#seenMs = atMs + START_MS;
    }
    const jumpMs = this.timeOf(atMs) - this.#nowMs;
    if (Math.abs(jumpMs) > JUMP_MS) this.#clockShiftMs -= jumpMs;
    this.#nowMs = Math.max(this.#nowMs, this.timeOf(atMs));
  }

  /** True when the key frame came when it was expected. */
  #meetKey(): boolean {
    const gapMs = this.#nowMs - this.#keyMs;
    const isExpected = this.#gopMs === 0 || gapMs > 0.9 * this.#gopMs;
    if (Number.isFinite(gapMs)) this.#gopMs = gapMs;
    this.#keyMs = this.#nowMs;
    return isExpected;
  }

  #weigh(picture: Sample): void {
    const deviation = this.#model.deviation(picture);
    if (deviation === undefined) return;
    if (this.#sum === 0) this.#calmMs = this.#nowMs;
    this.#sum = Math.max(0, Math.min(SUM_MAX, this.#sum + deviation - DRIFT));
    if (this.#sum >= LIMIT) this.#alarmMs = this.#nowMs;
  }

  #isDue(isKey: boolean, isUnscheduled: boolean): boolean {
    const sinceMs = this.#nowMs - this.#lookMs;
    if (this.#isLookOpen && sinceMs < LOOK_LOST_MS) return false;
    if (this.#state === 'quiet') return this.#isProofDue() || (isKey && (isUnscheduled || sinceMs >= this.#lookEveryMs));
    const periodMs = 1000 / this.#options.probeHz;
    if (isKey) return sinceMs >= 0.6 * periodMs;
    // A key frame that comes soon costs less to look at than the pictures before it.
    const toKeyMs = this.#gopMs - (this.#nowMs - this.#keyMs);
    return sinceMs >= periodMs && !(toKeyMs > 0 && toKeyMs < 0.35 * periodMs && sinceMs < 1.4 * periodMs);
  }

  #isProofDue(): boolean {
    if (this.#nowMs < this.#proofAtMs) return false;
    this.#proofAtMs = Number.POSITIVE_INFINITY;
    return true;
  }

  /** Counts looks that found nothing, and plans the next proof. */
  #proceed(): void {
    this.#lookEveryMs = Math.min(LOOK_MS.most, this.#lookEveryMs * LOOK_GROWTH);
    this.#looks += 1;
    if (this.#looks < this.#looksToProof) return;
    this.#looks = 0;
    this.#looksToProof = Math.min(PROOF_LOOKS.most, this.#looksToProof * 2);
    this.#proofAtMs = this.#nowMs + this.#gopMs * ((this.#looksToProof * GOLDEN) % 1);
  }

  #isOver(): boolean {
    if (this.#isLongGop || this.#answeredMs - this.#seenMs < this.#holdMs) return false;
    return this.#answeredMs - this.#alarmMs >= this.#options.holdMs || this.#judge() === 'probing';
  }

  #close(): void {
    this.#judgeArrival();
    this.#closedMs = this.#nowMs;
    this.#state = this.#judge();
    this.#lookMs = this.#answeredMs;
    this.#lookEveryMs = LOOK_MS.first;
    this.#isLookOpen = false;
    this.#proofAtMs = Number.POSITIVE_INFINITY;
    this.#looks = 0;
  }

  #wake(cause: WakeCause, fromMs: number): void {
    this.#state = 'active';
    this.#openFromMs = fromMs;
    this.#isLookOpen = false;
    const isAgain = this.#nowMs - this.#closedMs < AGAIN_MS;
    this.#holdMs = isAgain ? Math.min(HOLD_MAX_MS, Math.max(AGAIN_MS / 4, this.#holdMs * 2)) : this.#options.holdMs;
    this.#onWake(cause);
  }

  #found(atMs: number, area: number): void {
    if (atMs - this.#seenMs >= AREAS.everyMs || this.#areas.length === 0) {
      this.#areas.push(area);
      if (this.#areas.length > AREAS.kept) this.#areas.shift();
    }
    if (this.#state !== 'active') {
      this.#arrival = { atMs, isTold: this.#alarmMs > this.#clearMs, firstMs: atMs };
      this.#wake('look', NEVER);
    } else if (this.#arrival && atMs < this.#arrival.firstMs) this.#arrival.firstMs = atMs;
    this.#seenMs = Math.max(this.#seenMs, atMs);
    this.#hasSeen = true;
    this.#pending = this.#pending.filter(sample => Math.abs(sample.atMs - atMs) > GUARD_MS);
  }

  /** Nothing is there at `atMs`: what lies a little before it, and behind the last sighting, was the still scene. */
  #cleared(atMs: number): void {
    this.#clearMs = atMs;
    let resolved = 0;
    for (const sample of this.#pending) {
      if (sample.atMs > atMs - GUARD_MS) break;
      resolved += 1;
      if (sample.atMs < this.#seenMs + GUARD_MS) continue;
      this.#stillMs += Math.min(GUARD_MS, Math.max(0, sample.atMs - this.#learntMs));
      this.#learntMs = sample.atMs;
      this.#model.learn(sample);
    }
    if (resolved > 0) this.#pending.splice(0, resolved);
    if (this.#state === 'active') return;
    if (this.#state === 'quiet') this.#proceed();
    this.#state = this.#judge();
  }

  #judgeArrival(): void {
    const arrival = this.#arrival;
    this.#arrival = undefined;
    if (!arrival) return;
    const isMissed = !arrival.isTold && arrival.atMs - arrival.firstMs > MISSED_AFTER_MS;
    if (!isMissed && !arrival.isTold) return;
    this.#missed += ARRIVAL_WEIGHT * ((isMissed ? 1 : 0) - this.#missed);
    if (isMissed) this.#looksToProof = PROOF_LOOKS.first;
  }

  /** Undefined: not known yet. */
  #score(): number | undefined {
    const visible = this.#model.visibility(this.#area());
    return visible === undefined ? undefined : visible / (DRIFT + LIMIT / WITHIN);
  }

  #area(): number {
    if (this.#areas.length < AREAS.enough) return AREA.least;
    const sorted = this.#areas.toSorted((a, b) => a - b);
    return Math.min(AREA.most, Math.max(AREA.least, sorted[Math.floor(sorted.length / 5)] ?? 0));
  }

  /** What the gate does while nothing is seen. */
  #judge(): 'quiet' | 'probing' {
    const score = this.#score();
    if (this.#missed > MISSED_MAX) this.#doubt = 'missed';
    else if (this.#stillMs < STILL_MS || score === undefined) this.#doubt = 'learning';
    else this.#doubt = score < 1 ? 'no-signal' : undefined;
    return this.#doubt === undefined ? 'quiet' : 'probing';
  }
}
