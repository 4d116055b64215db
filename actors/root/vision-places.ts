import type { CameraId } from '../../src/engine/units.ts';

/** A camera that is to go to another vision process. */
export interface Move { readonly camera: CameraId; readonly place: number }

/** The time that a process has is this much used up when its cameras begin to wait for each other. */
const FULL = 0.85;
/** A move must take so much off the fullest process: it costs a camera what its decoder and its model know of it. */
const GAIN_MIN = 0.1;
/** Between two moves loads settle. */
const SETTLE_MS = 60_000;
/** How much of a new observation goes into a learnt load: some ten reports to follow a change. */
const LEARNING_RATE = 0.2;

/**
 * Which vision process has which camera. A new camera goes to the process with the least load, as learnt; one of which nothing is known counts as much as the others do on
 * average. It stays there: only where a process is full and another can take a camera over with a clear gain, one camera is moved, and then none for a minute.
 */
export class VisionPlaces {
  readonly #count: number;
  readonly #places = new Map<CameraId, number>();
  /** Share of a process' time that each camera takes, learnt. */
  readonly #loads = new Map<CameraId, number>();
  #movedAtMs = Number.NEGATIVE_INFINITY;

  /** @param count of vision processes */
  constructor(count: number) {
    this.#count = count;
  }

  /** Where a camera is. */
  get(camera: CameraId): number | undefined { return this.#places.get(camera); }

  /** The place of a camera: the one it has, else the best for it. */
  place(camera: CameraId): number {
    let place = this.#places.get(camera);
    if (place === undefined) {
      const loads = this.loads();
      place = loads.indexOf(Math.min(...loads));
      this.#places.set(camera, place);
    }
    return place;
  }

  remove(camera: CameraId): void {
    this.#places.delete(camera);
    this.#loads.delete(camera);
  }

  /** Takes what a process spent on its cameras in `periodMs`. */
  observe(place: number, spentMs: Readonly<Record<string, number>>, periodMs: number): void {
    for (const [camera, at] of this.#places) {
      if (at !== place) continue;
      const load = (spentMs[camera] ?? 0) / periodMs;
      const known = this.#loads.get(camera);
      this.#loads.set(camera, known === undefined ? load : known + (load - known) * LEARNING_RATE);
    }
  }

  /** Load of each process. */
  loads(): readonly number[] {
    const known = [...this.#loads.values()];
    const usual = known.length === 0 ? 1 : Math.max(known.reduce((sum, load) => sum + load, 0) / known.length, Number.EPSILON);
    const loads = Array.from({ length: this.#count }, () => 0);
    for (const [camera, place] of this.#places) loads[place] = (loads[place] ?? 0) + (this.#loads.get(camera) ?? usual);
    return loads;
  }

  /** The camera that should go elsewhere now, if one should; it is then there. */
  move(nowMs: number): Move | undefined {
    if (nowMs - this.#movedAtMs < SETTLE_MS) return undefined;
    const loads = this.loads();
    const [fullest, emptiest] = [Math.max(...loads), Math.min(...loads)];
    if (fullest < FULL) return undefined;
    const [from, to] = [loads.indexOf(fullest), loads.indexOf(emptiest)];
    let best: { readonly camera: CameraId; readonly highest: number } | undefined;
    for (const [camera, place] of this.#places) {
      const load = this.#loads.get(camera) ?? 0;
      const highest = Math.max(fullest - load, emptiest + load);
      if (place === from && highest <= fullest - GAIN_MIN && highest < (best?.highest ?? Number.POSITIVE_INFINITY)) best = { camera, highest };
    }
    if (best === undefined) return undefined;
    this.#movedAtMs = nowMs;
    this.#places.set(best.camera, to);
    return { camera: best.camera, place: to };
  }
}
