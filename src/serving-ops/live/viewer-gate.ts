import type { LiveUnit } from '../../messages/live-item.ts';

/** A viewer with more than this unsent is shown nothing until the next key frame that finds little unsent. */
const BEHIND_BYTES = 1 << 20;
const CAUGHT_UP_BYTES = 128 << 10;
/** What a viewer begins with comes at once, and may be as much. */
const FIRST_BYTES = 32 << 20;

/**
 * Lets units of one viewer through, whole GOPs from their beginning: a viewer that reads too slowly goes on at a key frame, so that what waits
 * for it stays bounded and what it gets can be decoded.
 */
export class ViewerGate {
  readonly #unsentBytes: () => number;
  readonly #onDrop: () => void;
  #hasBegun = false;
  #dropped = 0;
  /** Until the units that came at once are sent. */
  #isCatchingUp = false;

  /** @param onDrop called for each unit that is left out because the viewer is slow */
  constructor(unsentBytes: () => number, onDrop: () => void) {
    this.#unsentBytes = unsentBytes;
    this.#onDrop = onDrop;
  }

  /** What follows begins with a key frame again. */
  restart(): void {
    this.#hasBegun = false;
  }

  /** Whether the unit is to be sent; `dropped`: so many were left out just before it. */
  pass(unit: LiveUnit, isBacklog: boolean): { readonly isPassed: boolean; readonly dropped: number } {
    const unsent = this.#unsentBytes();
    if (isBacklog) this.#isCatchingUp = true;
    else if (unsent < CAUGHT_UP_BYTES) this.#isCatchingUp = false;
    if (!this.#hasBegun) {
      const hasRoom = this.#dropped === 0 || unsent < CAUGHT_UP_BYTES;
      if (!unit.isKey || !hasRoom) {
        if (this.#dropped > 0) this.#drop();
        return { isPassed: false, dropped: 0 };
      }
      const dropped = this.#dropped;
      this.#dropped = 0;
      this.#hasBegun = true;
      return { isPassed: true, dropped };
    }
    if (unsent <= (this.#isCatchingUp ? FIRST_BYTES : BEHIND_BYTES)) return { isPassed: true, dropped: 0 };
    this.#hasBegun = false;
    this.#drop();
    return { isPassed: false, dropped: 0 };
  }

  #drop(): void {
    this.#dropped += 1;
    this.#onDrop();
  }
}
