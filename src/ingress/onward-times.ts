import type { SourceUnit } from '../messages/access-unit.ts';
import type { SourceSession } from './source.ts';

/** Where the times of a camera stand, in seconds of its stream. */
interface Place {
  /** The greatest PTS or DTS so far. */
  readonly seconds: number;
  /** Event time there. */
  readonly capturedAt: number;
}

/**
 * Lets the PTS and DTS of a camera's sessions follow each other: a session goes on where the one before it ended, later by the event time that
 * passed between them, in its own time base. The first session keeps its times, and so does every recording that is not played like a camera.
 */
export class OnwardTimes {
  #last: Place | undefined;

  /** Begins a session; the result places its units, which come in order. */
  follow({ isLive }: Pick<SourceSession, 'isLive'>): (unit: SourceUnit) => SourceUnit {
    if (!isLive) return unit => unit;
    let secondsPerTick = 0;
    let offset = 0;
    return unit => {
      const timeBase = unit.parameters?.timeBase;
      if (timeBase !== undefined && timeBase.num / timeBase.den !== secondsPerTick) {
        secondsPerTick = timeBase.num / timeBase.den;
        offset = this.#offsetOf(unit, secondsPerTick);
      }
      const placed = offset === 0 ? unit : { ...unit, pts: unit.pts === null ? null : unit.pts + offset, dts: unit.dts === null ? null : unit.dts + offset };
      this.#pass(placed, secondsPerTick);
      return placed;
    };
  }

  /** Ticks to add to a session that begins with this unit: it is behind everything before. */
  #offsetOf(unit: SourceUnit, secondsPerTick: number): number {
    const own = Math.min(unit.pts ?? Number.POSITIVE_INFINITY, unit.dts ?? Number.POSITIVE_INFINITY);
    if (this.#last === undefined || !Number.isFinite(own)) return 0;
    const passed = (unit.capturedAt - this.#last.capturedAt) / 1e6;
    const shortest = Math.max(1, unit.duration) * secondsPerTick;
    const ticks = Math.ceil((this.#last.seconds + Math.max(passed, shortest)) / secondsPerTick);
    return (ticks * secondsPerTick > this.#last.seconds ? ticks : ticks + 1) - own;
  }

  #pass({ pts, dts, capturedAt }: SourceUnit, secondsPerTick: number): void {
    const seconds = Math.max(pts ?? Number.NEGATIVE_INFINITY, dts ?? Number.NEGATIVE_INFINITY) * secondsPerTick;
    if (Number.isFinite(seconds) && (this.#last === undefined || seconds > this.#last.seconds)) this.#last = { seconds, capturedAt };
  }
}
