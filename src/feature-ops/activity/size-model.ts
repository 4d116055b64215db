import { PICTURE_KINDS, type PictureKind } from './picture-kind.ts';

/** Where a coded picture stands, and how large it is. */
export interface SizedPicture {
  readonly kind: PictureKind;
  /** Pictures since the last key frame; 0: the key frame itself. */
  readonly position: number;
  readonly sizeBytes: number;
}

/** Samples of a place that are kept: some GOPs, so that a change of light is learnt within a minute. */
const KEPT = 24;
/** With fewer samples a place says nothing. */
const ENOUGH = 5;
/** Added to every size: a skipped picture of 16 bytes and one of 40 are the same. */
const OFFSET_BYTES = 64;
/** Sizes of a still scene scatter by at least this much (natural logarithm): what is measured below it is chance. */
const SPREAD_MIN = 0.05;
/** The standard deviation of a normal distribution is so many times its median absolute deviation. */
const MAD_TO_SIGMA = 1.4826;
/** Encoders that now and then spend much on a still picture have a long upper tail: this quantile lies so many standard deviations above the median. */
const UPPER_QUANTILE = 0.9;
const UPPER_SIGMAS = 1.28;
/**
 * Bytes that something that moves adds to a picture, as a share of what the same area takes of a key frame: measured on the synthetic world
 * (0.7 to 1 for P pictures, a tenth of that for B pictures, which are predicted from both sides), rounded down.
 */
const COST: Readonly<Record<PictureKind, number>> = { key: 0, intra: 0, p: 0.5, 'p-unused': 0.4, b: 0.06, 'b-unused': 0.05, other: 0.4 };
/** No single picture counts more than this many standard deviations. */
export const DEVIATION_MAX = 4;

/**
 * What the pictures of a still scene of one camera take, learnt from pictures of which is known that nothing was there. Encoders spend very
 * different amounts on pictures of one kind by their place behind the key frame, so each place has its own median and spread.
 */
export class SizeModel {
  readonly #places = new Map<number, Place>();
  readonly #keys = new Place();
  /** The places of the last GOP, for `visibility`. */
  #gop: number[] = [];
  #current: number[] = [];
  #keysInRow = 0;

  /** Notes the order of kinds: what a GOP of this camera is made of. */
  pass({ kind, position }: SizedPicture): void {
    if (position === 0) {
      this.#keysInRow += 1;
      if (this.#current.length > 0) this.#gop = this.#current;
      this.#current = [];
    } else {
      this.#keysInRow = 0;
      if (this.#current.length < GOP_MAX) this.#current.push(placeOf(kind, position));
    }
  }

  /** By how many standard deviations a picture is larger than usual there, from -`DEVIATION_MAX` to `DEVIATION_MAX`; undefined: not known yet. */
  deviation({ kind, position, sizeBytes }: SizedPicture): number | undefined {
    const place = position === 0 ? this.#keys : this.#places.get(placeOf(kind, position));
    if (!place?.isKnown) return undefined;
    return Math.max(-DEVIATION_MAX, Math.min(DEVIATION_MAX, (logOf(sizeBytes) - place.median) / place.spread));
  }

  /** Learns a picture of the still scene. */
  learn({ kind, position, sizeBytes }: SizedPicture): void {
    if (position === 0) { this.#keys.add(logOf(sizeBytes)); return; }
    const key = placeOf(kind, position);
    let place = this.#places.get(key);
    if (!place) { place = new Place(); this.#places.set(key, place); }
    place.add(logOf(sizeBytes));
  }

  /** By how many standard deviations the pictures of a GOP grow, on average, when `area` of the picture (0 to 1) moves; undefined: not known yet. */
  visibility(area: number): number | undefined {
    if (this.#keysInRow >= ALL_KEYS) return 0;
    const gop = this.#gop.length > 0 ? this.#gop : this.#current;
    if (this.#keys.isEmpty || gop.length === 0) return undefined;
    const moved = area * Math.exp(this.#keys.median);
    let sum = 0;
    let known = 0;
    for (const key of gop) {
      const place = this.#places.get(key);
      if (!place?.isKnown) continue;
      known += 1;
      sum += Math.min(DEVIATION_MAX, Math.log1p(moved * COST[kindOf(key)] / Math.exp(place.median)) / place.spread);
    }
    return known * 2 > gop.length ? sum / known : undefined;
  }

  /** Pictures of a GOP, as far as seen. */
  get gopLength(): number { return this.#gop.length + 1; }
}

/** So many key frames in a row: the stream has no others, and a key frame grows by little when something moves. */
const ALL_KEYS = 8;
/** A GOP that is longer says nothing new. */
const GOP_MAX = 256;
const PLACES = 64;

function logOf(sizeBytes: number): number { return Math.log(sizeBytes + OFFSET_BYTES); }

/** Places behind the key frame: single ones at first, then wider and wider, as encoders settle. */
function placeOf(kind: PictureKind, position: number): number {
  const bucket = position <= 16 ? position : position <= 64 ? 16 + Math.ceil((position - 16) / 4) : Math.min(PLACES - 1, 28 + Math.ceil(Math.log2(position / 64) * 4));
  return PICTURE_KINDS.indexOf(kind) * PLACES + bucket;
}

function kindOf(place: number): PictureKind { return PICTURE_KINDS[Math.floor(place / PLACES)] ?? 'other'; }

/** The last sizes of one place, as logarithms. */
class Place {
  readonly #samples: number[] = [];
  #next = 0;
  #isStale = true;
  #median = 0;
  #spread = 0;

  get isEmpty(): boolean { return this.#samples.length === 0; }
  get isKnown(): boolean { return this.#samples.length >= ENOUGH; }
  get median(): number { this.#measure(); return this.#median; }
  get spread(): number { this.#measure(); return this.#spread; }

  add(value: number): void {
    this.#samples[this.#next] = value;
    this.#next = (this.#next + 1) % KEPT;
    this.#isStale = true;
  }

  #measure(): void {
    if (!this.#isStale) return;
    this.#isStale = false;
    this.#median = medianOf(this.#samples);
    const high = quantileOf(this.#samples, UPPER_QUANTILE) - this.#median;
    this.#spread = Math.max(SPREAD_MIN, high / UPPER_SIGMAS, MAD_TO_SIGMA * medianOf(this.#samples.map(value => Math.abs(value - this.#median))));
  }
}

function quantileOf(values: readonly number[], quantile: number): number {
  const sorted = Float64Array.from(values).sort();
  return sorted[Math.floor(quantile * (sorted.length - 1))] ?? 0;
}

function medianOf(values: readonly number[]): number {
  const sorted = Float64Array.from(values).sort();
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] ?? 0 : ((sorted[middle - 1] ?? 0) + (sorted[middle] ?? 0)) / 2;
}
