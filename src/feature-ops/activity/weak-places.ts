import type { Box } from '../../messages/terminal-record.ts';

/** From this score on an object counts wherever it is. */
const CONFIDENT = 0.5;
/** Boxes that overlap by this much (intersection over union) are at one place. */
const SAME_PLACE = 0.75;
/** So often, a second apart or more, something doubtful has to come up at one place to be known there. */
const KNOWN_TIMES = 3;
const APART_MS = 1_000;
/** A place where nothing came up for so long is forgotten. */
const FORGET_MS = 600_000;
const PLACES_MAX = 32;

interface Place { box: Box; countedMs: number; lastMs: number; times: number }

/**
 * Tells objects from things that a detector half takes for one, such as a cupboard that is a television set every now and then: doubtful boxes
 * at a place where doubtful ones came up before do not count. One camera's; times are event times and may go back a little.
 */
export class WeakPlaces {
  #places: Place[] = [];

  /** The part of the picture (0 to 1) that the largest box that counts covers; 0: nothing is there. */
  areaOf(boxes: readonly Box[], picture: { readonly width: number; readonly height: number }, atMs: number): number {
    let area = 0;
    for (const box of boxes) {
      if (box.score < CONFIDENT && this.#isKnown(box, atMs)) continue;
      area = Math.max(area, sizeOf(box) / (picture.width * picture.height));
    }
    return Math.min(1, area);
  }

  #isKnown(box: Box, atMs: number): boolean {
    const place = this.#places.find(known => known.box.classId === box.classId && overlap(known.box, box) >= SAME_PLACE);
    if (place) {
      place.lastMs = Math.max(place.lastMs, atMs);
      place.box = box;
      const isKnown = place.times >= KNOWN_TIMES;
      if (atMs - place.countedMs >= APART_MS) {
        place.times += 1;
        place.countedMs = atMs;
      }
      return isKnown;
    }
    this.#places = this.#places.filter(known => atMs - known.lastMs < FORGET_MS);
    if (this.#places.length >= PLACES_MAX) this.#places.shift();
    this.#places.push({ box, countedMs: atMs, lastMs: atMs, times: 1 });
    return false;
  }
}

function sizeOf({ x1, y1, x2, y2 }: Box): number {
  return Math.max(0, x2 - x1) * Math.max(0, y2 - y1);
}

function overlap(a: Box, b: Box): number {
  const shared = Math.max(0, Math.min(a.x2, b.x2) - Math.max(a.x1, b.x1)) * Math.max(0, Math.min(a.y2, b.y2) - Math.max(a.y1, b.y1));
  return shared === 0 ? 0 : shared / (sizeOf(a) + sizeOf(b) - shared);
}
