import type { EpochMicros } from '../../engine/units.ts';
import type { AssembledUnit } from './depacketizer.ts';

/** A unit with the time of its capture by our clock. */
export interface AssembledAt extends AssembledUnit { readonly capturedAt: EpochMicros }

/** What is compared: the same picture, by two clocks of one device, differs by the rounding of its times. */
const SAME_MICROS = 2_000;
/** Units that are kept in case that the ones behind them are wanted. A longer GOP is not kept: what is wanted of it cannot be had. */
const KEPT_MAX = 4_096;
const KEPT_MAX_BYTES = 32 << 20;

/**
 * Which units of a replay are wanted. A device begins at the key frame before the time that was asked for, or earlier: of what it sends before, the last GOP is given
 * out with the first wanted unit, which refers to it. So at most a GOP overlaps with what is there already. Nothing behind `to` refers to anything before, as
 * the session that follows begins with a key frame; units in front of the key frame there are still looked at, for pictures may be sent in another order.
 */
export class ReplayWindow {
  readonly #from: number;
  readonly #to: number;
  #kept: AssembledAt[] = [];
  #keptBytes = 0;
  #isInside = false;
  /** Units captured within. */
  wanted = 0;
  /** Units of the GOP in front that were given out. */
  overlap = 0;
  /** Units that were left out. */
  skipped = 0;
  lastCapturedAt: EpochMicros | undefined;

  /** Both ends are captured already. */
  constructor({ from, to }: { readonly from: EpochMicros; readonly to: EpochMicros }) {
    this.#from = from + SAME_MICROS;
    this.#to = to - SAME_MICROS;
  }

  /** True when neither this unit nor any behind it is wanted. */
  isOver(unit: AssembledAt): boolean { return unit.isKey && unit.capturedAt >= this.#to; }

  /** Takes the next unit; the ones to give out now. */
  take(unit: AssembledAt): readonly AssembledAt[] {
    if (unit.isKey) this.#forget();
    else if (!this.#isInside && this.#kept.length === 0) { this.skipped += 1; return []; } // no key frame came before it
    if (unit.capturedAt >= this.#to) { this.skipped += 1; return []; }
    if (unit.capturedAt > this.#from) {
      const given = [...this.#kept, unit];
      this.overlap += this.#kept.length;
      this.wanted += 1;
      this.#kept = [];
      this.#keptBytes = 0;
      this.#isInside = true;
      this.lastCapturedAt = unit.capturedAt > (this.lastCapturedAt ?? 0) ? unit.capturedAt : this.lastCapturedAt;
      return given;
    }
    if (this.#isInside) { this.overlap += 1; return [unit]; } // reordered: what follows may refer to it
    this.#kept.push(unit);
    this.#keptBytes += unit.data.length;
    if (this.#kept.length > KEPT_MAX || this.#keptBytes > KEPT_MAX_BYTES) this.#forget();
    return [];
  }

  #forget(): void {
    this.skipped += this.#kept.length;
    this.#kept = [];
    this.#keptBytes = 0;
  }
}
