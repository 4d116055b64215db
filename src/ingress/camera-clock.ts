import { epochMicros } from '../engine/units.ts';
import type { EpochMicros } from '../engine/units.ts';
import { SlidingExtremes } from './sliding-extremes.ts';

/** When a camera's own clock is believed. */
export interface CameraClockLimits {
  /** Pictures arrive no later than this after the time that the camera gives them; 0: its clock is never believed. */
  readonly offsetMaxMs: number;
  /** Largest change of the camera's clock against its own time stamps within five seconds. */
  readonly jitterMaxMs: number;
}

/** A unit as it came. */
export interface SeenUnit {
  /** Its PTS in microseconds, of whatever origin; null: it has none. */
  readonly ptsMicros: number | null;
  /** By the camera's wall clock; null: it has not told it yet. */
  readonly cameraMicros: number | null;
  /** When the first of its bytes came. */
  readonly begunAt: EpochMicros;
}

/** Says when pictures were taken, on our clock. */
export interface CameraClock {
  /** True while the camera's own clock is used as it is. */
  readonly isTrusted: boolean;
  /** How often event time was set anew because a clock or the time stamps jumped. */
  readonly steps: number;
  /** Learns from a unit. Each unit is seen before it is dated; further ones may be seen earlier. */
  see(unit: SeenUnit): void;
  /** Event time of a unit. Grows with the PTS, whatever the order of the calls. */
  capturedAt(ptsMicros: number | null, arrivedAt: EpochMicros): EpochMicros;
}

/** Delays are compared over so many seconds: at 200 ppm of drift their minimum is 6 ms old news at most. */
const DELAY_SECONDS = 30;
const TRUST_SECONDS = 5;
/** So long a session's corrections are quick: its first units may all have waited for their key frame. */
const ACQUIRE_MICROS = 5e6;
/** Later event time runs at most this much faster or slower than the camera's: 5 ms a second, 25 times any quartz's drift. */
const SLEW = 0.005;
/** Where event time is ahead by a jump it runs at a tenth until it is not: it never goes back. */
const CATCH_UP = 0.9;
/** A larger difference than hold-ups of the network explain: something jumped, and event time follows at once. */
const STEP_MICROS = 250_000;
/** A jump is over when event time is right to this. */
const SETTLED_MICROS = 2_000;
/** So many seconds without a single unit in time are no hold-up. */
const LATE_SECONDS = 4;
/** Decode order sets the PTS back by less than this. */
const REORDER_MICROS = 1e6;
/** A picture cannot be taken after it arrived, but for what our own clock may be wrong by. */
const AHEAD_MICROS = 20_000;
/** No clock that is followed is this far from the arrival: such times are none. */
const FAR_MICROS = 7.2e9;
/** Places of which event time is remembered, for pictures that are decoded after later ones. */
const ANCHORS = 16;

/**
 * Maps a camera's PTS, the steadiest clock it has, to ours. The smallest (arrival - PTS) of the last seconds is the clocks' difference plus the
 * shortest way, since the network only adds to it (Moon, Skelly, Towsley: Estimation and Removal of Clock Skew from Network Delay Measurements,
 * INFOCOM 1999). The camera's wall clock takes its place while it says that pictures arrive after they were taken, but by no more than encoding
 * and a network take: then it may be wrong by no more than the arrival is, and a synchronised one is right.
 */
export function cameraClock(limits: CameraClockLimits): CameraClock {
  const offset = new OffsetEstimate(limits);
  const line = new EventLine();
  return {
    get isTrusted() { return offset.isTrusted; },
    get steps() { return line.steps; },
    see(unit) { if (unit.ptsMicros !== null && offset.see(unit.ptsMicros, unit)) line.breakOff(); },
    capturedAt(ptsMicros, arrivedAt) {
      return epochMicros(Math.round(line.place(ptsMicros, { offset: offset.value, isAcquiring: offset.isAcquiring, arrivedAt })));
    },
  };
}

/** What is to be added to a PTS. */
class OffsetEstimate {
  isTrusted = false;
  isAcquiring = true;
  /** Undefined before the first unit. */
  value: number | undefined;
  readonly #limits: CameraClockLimits;
  /** Arrival - PTS. */
  readonly #delays = new SlidingExtremes(DELAY_SECONDS);
  /** Camera's wall clock - PTS. */
  readonly #walls = new SlidingExtremes(TRUST_SECONDS);
  #wall: number | undefined;
  #lastPts = -Infinity;
  #startedAt: number | undefined;

  constructor(limits: CameraClockLimits) { this.#limits = limits; }

  /** True when the time stamps are no longer those of before. */
  see(ptsMicros: number, { cameraMicros, begunAt }: SeenUnit): boolean {
    const delay = begunAt - ptsMicros;
    const isSetBack = ptsMicros < this.#lastPts - REORDER_MICROS;
    const isBroken = isSetBack || delay < this.#delays.min() - STEP_MICROS;
    if (isSetBack) {
      this.#delays.keep(0);
      this.#walls.keep(0);
      this.#wall = undefined;
    }
    this.#lastPts = isBroken ? ptsMicros : Math.max(this.#lastPts, ptsMicros);
    this.#startedAt ??= begunAt;
    this.isAcquiring = begunAt - this.#startedAt < ACQUIRE_MICROS;
    this.#delays.add(delay, begunAt);
    if (!this.isTrusted && this.#delays.length > LATE_SECONDS && this.#delays.min(LATE_SECONDS) > this.#delays.min() + STEP_MICROS) this.#delays.keep(LATE_SECONDS);
    if (cameraMicros !== null) {
      this.#wall = cameraMicros - ptsMicros;
      this.#walls.add(this.#wall, begunAt);
    }
    this.#choose(this.#delays.min());
    return isBroken && this.value !== undefined;
  }

  #choose(byArrival: number): void {
    const { offsetMaxMs, jitterMaxMs } = this.#limits;
    const lag = this.#wall === undefined ? Infinity : byArrival - this.#wall;
    this.isTrusted = offsetMaxMs > 0 && lag <= offsetMaxMs * 1000 && lag >= -AHEAD_MICROS && this.#walls.range() <= jitterMaxMs * 1000;
    this.value = this.isTrusted ? this.#wall : byArrival;
  }
}

function isFar(at: number, arrivedAt: EpochMicros): boolean { return Math.abs(at - arrivedAt) > FAR_MICROS; }

interface Place { readonly offset: number | undefined; readonly isAcquiring: boolean; readonly arrivedAt: EpochMicros }
interface Anchor { readonly pts: number; readonly at: number }

/** Event time over PTS: a line that always rises and follows the estimate by bending, not by breaking. */
class EventLine {
  steps = 0;
  /** By PTS; pictures between two of them lie between them in time too. */
  #anchors: Anchor[] = [];
  #isBroken = false;
  #isCatchingUp = false;
  #last: { readonly at: number; readonly arrivedAt: EpochMicros } | undefined;

  /** The next picture's PTS has nothing to do with those before. */
  breakOff(): void { this.#isBroken = true; }

  place(ptsMicros: number | null, place: Place): number {
    const { offset, arrivedAt } = place;
    const newest = this.#anchors.at(-1);
    let at: number;
    if (ptsMicros === null || offset === undefined) at = this.#last === undefined ? arrivedAt : this.#last.at + Math.max(0, arrivedAt - this.#last.arrivedAt);
    else if (newest === undefined || this.#leaps(newest, ptsMicros, offset) || isFar(newest.at + ptsMicros - newest.pts, arrivedAt)) {
      at = this.#begin(ptsMicros, isFar(ptsMicros + offset, arrivedAt) ? arrivedAt : ptsMicros + offset);
    }
    else if (ptsMicros > newest.pts) at = this.#extend(newest, ptsMicros, place);
    else at = this.#within(ptsMicros);
    this.#last = { at: Math.max(at, this.#last?.at ?? at), arrivedAt };
    return at;
  }

  /** True when the line cannot go on: the break was not only one of the network. */
  #leaps(newest: Anchor, pts: number, offset: number): boolean {
    if (!this.#isBroken) return false;
    this.#isBroken = false;
    return pts <= newest.pts || Math.abs(newest.at - newest.pts - offset) > STEP_MICROS;
  }

  #begin(pts: number, wanted: number): number {
    if (this.#anchors.length > 0) this.steps++;
    const at = Math.max(wanted, (this.#last?.at ?? -Infinity) + 1);
    this.#isCatchingUp = at > wanted;
    this.#anchors = [{ pts, at }];
    return at;
  }

  #extend(newest: Anchor, pts: number, { offset = 0, isAcquiring }: Place): number {
    const passed = pts - newest.pts;
    const error = pts + offset - (newest.at + passed);
    if (error < -STEP_MICROS && !this.#isCatchingUp) {
      this.#isCatchingUp = true;
      this.steps++;
    } else if (error > -SETTLED_MICROS) this.#isCatchingUp = false;
    let bend = Math.max(error, -passed * (isAcquiring || this.#isCatchingUp ? CATCH_UP : SLEW));
    if (error > STEP_MICROS) this.steps++;
    else if (!isAcquiring) bend = Math.min(bend, passed * SLEW);
    const at = newest.at + passed + bend;
    this.#anchors.push({ pts, at });
    if (this.#anchors.length > ANCHORS) this.#anchors.shift();
    return at;
  }

  #within(pts: number): number {
    const after = this.#anchors.findLastIndex((anchor) => anchor.pts <= pts) + 1;
    const [low, high] = [this.#anchors[after - 1], this.#anchors[after]];
    if (low === undefined) return high === undefined ? pts : high.at - (high.pts - pts) * (1 - CATCH_UP);
    return high === undefined ? low.at : low.at + (pts - low.pts) / (high.pts - low.pts) * (high.at - low.at);
  }
}
