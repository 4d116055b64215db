import type { Box } from '../../messages/terminal-record.ts';

/** Corners in pixels. */
export type Corners = Pick<Box, 'x1' | 'y1' | 'x2' | 'y2'>;

/** The unit of time of the noise below: a frame of the 30 a second that they were chosen for. */
const FRAMES_PER_SECOND = 30;

/** Standard deviations as parts of the height: of a place, and of its change in a frame (SORT's successors: Wojke et al. 2017, Zhang et al. 2022). */
const PLACE = 1 / 20;
const PACE = 1 / 160;
/** Of the ratio of width to height, in itself. */
const RATIO = { place: 1e-2, pace: 1e-5, measured: 1e-1 } as const;

/** Place and pace of one coordinate, with their covariance: a Kalman filter of constant pace. */
class Axis {
  place: number;
  pace = 0;
  #placeVariance: number;
  #covariance = 0;
  #paceVariance: number;

  constructor(place: number, placeDeviation: number, paceDeviation: number) {
    this.place = place;
    this.#placeVariance = placeDeviation ** 2;
    this.#paceVariance = paceDeviation ** 2;
  }

  /** `frames` of any length, whole or not: the noise of pace is integrated over them. */
  predict(frames: number, placeDeviation: number, paceDeviation: number): void {
    const paceNoise = paceDeviation ** 2;
    this.place += this.pace * frames;
    this.#placeVariance += frames * (2 * this.#covariance + frames * this.#paceVariance) + frames * placeDeviation ** 2 + paceNoise * frames ** 3 / 3;
    this.#covariance += frames * this.#paceVariance + paceNoise * frames ** 2 / 2;
    this.#paceVariance += frames * paceNoise;
  }

  update(measured: number, deviation: number): void {
    const total = this.#placeVariance + deviation ** 2;
    const gain = this.#placeVariance / total;
    const paceGain = this.#covariance / total;
    const surprise = measured - this.place;
    this.place += gain * surprise;
    this.pace += paceGain * surprise;
    this.#paceVariance -= paceGain * this.#covariance;
    this.#covariance *= 1 - gain;
    this.#placeVariance *= 1 - gain;
  }
}

/**
 * Where an object is, told from its boxes: a Kalman filter of constant velocity over middle, ratio of width to height, and height. The noise of each coordinate is
 * independent of the others', so it is four filters of two numbers. Time is in seconds, and steps may be of any length.
 */
export class BoxFilter {
  readonly #x: Axis;
  readonly #y: Axis;
  readonly #ratio: Axis;
  readonly #height: Axis;

  constructor(box: Corners) {
    const height = heightOf(box);
    const [place, pace] = [2 * PLACE * height, 10 * PACE * height];
    this.#x = new Axis((box.x1 + box.x2) / 2, place, pace);
    this.#y = new Axis((box.y1 + box.y2) / 2, place, pace);
    this.#ratio = new Axis((box.x2 - box.x1) / height, RATIO.place, RATIO.pace);
    this.#height = new Axis(height, place, pace);
  }

  /** Moves on by `seconds`. @param keepsSize an object that is not seen keeps its height: its last change was likely an occlusion */
  predict(seconds: number, keepsSize: boolean): void {
    if (seconds <= 0) return;
    const frames = seconds * FRAMES_PER_SECOND;
    const height = Math.max(1, this.#height.place);
    if (keepsSize) this.#height.pace = 0;
    for (const axis of [this.#x, this.#y, this.#height]) axis.predict(frames, PLACE * height, PACE * height);
    this.#ratio.predict(frames, RATIO.place, RATIO.pace);
  }

  update(box: Corners): void {
    const height = heightOf(box);
    const deviation = PLACE * Math.max(1, this.#height.place);
    this.#x.update((box.x1 + box.x2) / 2, deviation);
    this.#y.update((box.y1 + box.y2) / 2, deviation);
    this.#height.update(height, deviation);
    this.#ratio.update((box.x2 - box.x1) / height, RATIO.measured);
  }

  /** Where it is now. */
  box(): Corners {
    const height = Math.max(1, this.#height.place);
    const [halfWidth, halfHeight] = [Math.max(1, this.#ratio.place * height) / 2, height / 2];
    return { x1: this.#x.place - halfWidth, y1: this.#y.place - halfHeight, x2: this.#x.place + halfWidth, y2: this.#y.place + halfHeight };
  }
}

function heightOf({ y1, y2 }: Corners): number {
  return Math.max(1, y2 - y1);
}

/** Intersection over union of two boxes, 0 to 1. */
export function overlap(a: Corners, b: Corners): number {
  const width = Math.min(a.x2, b.x2) - Math.max(a.x1, b.x1);
  const height = Math.min(a.y2, b.y2) - Math.max(a.y1, b.y1);
  if (width <= 0 || height <= 0) return 0;
  const shared = width * height;
  return shared / ((a.x2 - a.x1) * (a.y2 - a.y1) + (b.x2 - b.x1) * (b.y2 - b.y1) - shared);
}
