/** A rectangle. Corners in pixels. */
export interface Rectangle { readonly x1: number; readonly y1: number; readonly x2: number; readonly y2: number }

/** What is true of one picture and what was found in it. */
export interface ScoredPicture {
  /** Objects that must be found. */
  readonly truths: readonly Rectangle[];
  /** Objects that show too little to count. */
  readonly ignored: readonly Rectangle[];
  readonly found: readonly (Rectangle & { readonly score: number })[];
}

/** How a picture's boxes were judged: `missed` truths, `wrong` and `ignored` boxes. */
export interface Judgement { readonly hits: readonly { readonly box: Rectangle; readonly iou: number }[]; readonly missed: readonly Rectangle[]; readonly wrong: readonly Rectangle[]; readonly ignored: readonly Rectangle[] }

const IOU_MIN = 0.5;

/**
 * Matches boxes to truths as COCO does: by falling score, each box takes the free truth of the highest IoU from 0.5 up. A box that matches none
 * but lies by at least half inside an ignored object is ignored with it, as COCO treats crowds: neither hit nor error.
 */
export function judge(picture: ScoredPicture): Judgement {
  const free = new Set(picture.truths);
  const judged = { hits: [] as { box: Rectangle; iou: number }[], wrong: [] as Rectangle[], ignored: [] as Rectangle[] };
  for (const box of picture.found.toSorted((left, right) => right.score - left.score)) {
    const [best] = [...free].map((truth) => ({ truth, iou: iouOf(box, truth) })).toSorted((left, right) => right.iou - left.iou);
    if (best !== undefined && best.iou >= IOU_MIN) {
      free.delete(best.truth);
      judged.hits.push({ box, iou: best.iou });
    } else if (picture.ignored.some((region) => shared(box, region) >= IOU_MIN * areaOf(box))) judged.ignored.push(box);
    else judged.wrong.push(box);
  }
  return { ...judged, missed: [...free] };
}

/** Adds up the judgements of many pictures. */
export class MotionScore {
  #hits = 0;
  #missed = 0;
  #wrong = 0;
  #iou = 0;

  add(picture: ScoredPicture): Judgement {
    const judged = judge(picture);
    this.#hits += judged.hits.length;
    this.#missed += judged.missed.length;
    this.#wrong += judged.wrong.length;
    this.#iou += judged.hits.reduce((total, { iou }) => total + iou, 0);
    return judged;
  }

  get truths(): number { return this.#hits + this.#missed; }
  get recall(): number { return this.#hits / (this.#hits + this.#missed); }
  get precision(): number { return this.#hits / (this.#hits + this.#wrong); }
  get meanIou(): number { return this.#iou / this.#hits; }
}

/** Intersection over union. */
export function iouOf(a: Rectangle, b: Rectangle): number {
  const both = shared(a, b);
  return both / (areaOf(a) + areaOf(b) - both);
}

function shared(a: Rectangle, b: Rectangle): number {
  return Math.max(0, Math.min(a.x2, b.x2) - Math.max(a.x1, b.x1)) * Math.max(0, Math.min(a.y2, b.y2) - Math.max(a.y1, b.y1));
}

function areaOf({ x1, y1, x2, y2 }: Rectangle): number {
  return (x2 - x1) * (y2 - y1);
}
