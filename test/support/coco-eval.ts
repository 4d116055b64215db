/** A labelled object. `bbox` is x, y, width, height. */
export interface CocoTruth { readonly image_id: number; readonly category_id: number; readonly bbox: readonly number[]; readonly area: number; readonly iscrowd?: number }

/** A scored detection. */
export interface CocoDetection { readonly image_id: number; readonly category_id: number; readonly bbox: readonly number[]; readonly score: number }

/** The twelve numbers of the COCO detection challenge. */
export interface CocoScores {
  readonly AP: number; readonly AP50: number; readonly AP75: number; readonly APsmall: number; readonly APmedium: number; readonly APlarge: number;
  readonly AR1: number; readonly AR10: number; readonly AR100: number; readonly ARsmall: number; readonly ARmedium: number; readonly ARlarge: number;
}

const IOUS = Array.from({ length: 10 }, (_, step) => step === 9 ? 0.95 : 0.5 + step * (0.45 / 9)) ; // as numpy.linspace rounds
const AREAS = { all: [0, 1e10], small: [0, 32 ** 2], medium: [32 ** 2, 96 ** 2], large: [96 ** 2, 1e10] } as const;
type Area = keyof typeof AREAS;

/** COCO detection metrics after pycocotools' `COCOeval`: IoU .50:.05:.95, 101 recall points, area ranges by the truth's `area`, crowds ignored. */
export function evaluateCoco(truths: readonly CocoTruth[], detections: readonly CocoDetection[]): CocoScores {
  const images = [...new Set([...truths, ...detections].map((row) => row.image_id))].sort((a, b) => a - b);
  const classes = [...new Set(truths.map((row) => row.category_id))];
  const groupedTruths = Map.groupBy(truths, (row) => `${row.image_id} ${row.category_id}`);
  const groupedDetections = Map.groupBy(detections, (row) => `${row.image_id} ${row.category_id}`);
  const results = new Map<string, { precision: number; recall: number }[][]>();
  const evaluate = (area: Area, maxDetections: number): { precision: number; recall: number }[][] => {
    const key = `${area} ${maxDetections}`;
    const known = results.get(key);
    if (known) return known;
    const made = classes.map((category) => {
      const perImage = images.map((image) => matchImage(groupedTruths.get(`${image} ${category}`) ?? [], groupedDetections.get(`${image} ${category}`) ?? [], AREAS[area], maxDetections));
      return IOUS.map((_, at) => accumulate(perImage, at));
    });
    results.set(key, made);
    return made;
  };
  const mean = (kind: 'precision' | 'recall', area: Area, maxDetections: number, iou?: number): number => {
    const values = evaluate(area, maxDetections).flatMap((rows) => rows.filter((_, at) => iou === undefined || at === iou).map((row) => row[kind])).filter((value) => value >= 0);
    return values.length === 0 ? -1 : values.reduce((sum, value) => sum + value, 0) / values.length;
  };
  return {
    AP: mean('precision', 'all', 100), AP50: mean('precision', 'all', 100, 0), AP75: mean('precision', 'all', 100, 5),
    APsmall: mean('precision', 'small', 100), APmedium: mean('precision', 'medium', 100), APlarge: mean('precision', 'large', 100),
    AR1: mean('recall', 'all', 1), AR10: mean('recall', 'all', 10), AR100: mean('recall', 'all', 100),
    ARsmall: mean('recall', 'small', 100), ARmedium: mean('recall', 'medium', 100), ARlarge: mean('recall', 'large', 100),
  };
}

interface ImageMatch { readonly scores: readonly number[]; readonly matched: readonly boolean[][]; readonly ignored: readonly boolean[][]; readonly positives: number }

/** `COCOeval.evaluateImg`: greedy by score; a truth outside the area range or a crowd is ignored, with whatever matched it. */
function matchImage(truths: readonly CocoTruth[], detections: readonly CocoDetection[], [least, most]: readonly [number, number], maxDetections: number): ImageMatch {
  const rows = truths.map((truth) => ({ truth, isCrowd: truth.iscrowd === 1, isIgnored: truth.iscrowd === 1 || truth.area < least || truth.area > most }))
    .sort((a, b) => Number(a.isIgnored) - Number(b.isIgnored));
  const best = [...detections].sort((a, b) => b.score - a.score).slice(0, maxDetections);
  const overlaps = best.map((detection) => rows.map((row) => overlap(detection.bbox, row.truth.bbox, row.isCrowd)));
  const matched: boolean[][] = [];
  const ignored: boolean[][] = [];
  for (const iouMin of IOUS) {
    const taken = new Set<number>();
    const hits = best.map((detection, at) => {
      let iou = Math.min(iouMin, 1 - 1e-10);
      let choice = -1;
      for (const [index, row] of rows.entries()) {
        if (taken.has(index) && !row.isCrowd) continue;
        if (choice >= 0 && !rows[choice]!.isIgnored && row.isIgnored) break;
        const value = overlaps[at]![index]!;
        if (value < iou) continue;
        iou = value;
        choice = index;
      }
      if (choice >= 0) taken.add(choice);
      const area = detection.bbox[2]! * detection.bbox[3]!;
      return { isMatched: choice >= 0, isIgnored: choice >= 0 ? rows[choice]!.isIgnored : area < least || area > most };
    });
    matched.push(hits.map((hit) => hit.isMatched));
    ignored.push(hits.map((hit) => hit.isIgnored));
  }
  return { scores: best.map((row) => row.score), matched, ignored, positives: rows.filter((row) => !row.isIgnored).length };
}

/** `COCOeval.accumulate` for one class and threshold: mean of the precision envelope at recall 0, .01, ... 1. -1: no truth. */
function accumulate(images: readonly ImageMatch[], at: number): { precision: number; recall: number } {
  const positives = images.reduce((sum, image) => sum + image.positives, 0);
  if (positives === 0) return { precision: -1, recall: -1 };
  const rows = images.flatMap((image) => image.scores.map((score, index) => ({ score, isHit: image.matched[at]![index]!, isIgnored: image.ignored[at]![index]! })))
    .filter((row) => !row.isIgnored).sort((a, b) => b.score - a.score);
  let hits = 0;
  const recalls: number[] = [];
  const precisions: number[] = [];
  for (const [index, row] of rows.entries()) {
    hits += row.isHit ? 1 : 0;
    recalls.push(hits / positives);
    precisions.push(hits / (index + 1));
  }
  for (let index = precisions.length - 1; index > 0; index--) precisions[index - 1] = Math.max(precisions[index - 1]!, precisions[index]!);
  let sum = 0;
  for (let point = 0; point <= 100; point++) {
    const first = recalls.findIndex((recall) => recall >= point * 0.01);
    sum += first < 0 ? 0 : precisions[first]!;
  }
  return { precision: sum / 101, recall: hits / positives };
}

function overlap(a: readonly number[], b: readonly number[], isCrowd: boolean): number {
  const width = Math.min(a[0]! + a[2]!, b[0]! + b[2]!) - Math.max(a[0]!, b[0]!);
  const height = Math.min(a[1]! + a[3]!, b[1]! + b[3]!) - Math.max(a[1]!, b[1]!);
  if (width <= 0 || height <= 0) return 0;
  const shared = width * height;
  return shared / (isCrowd ? a[2]! * a[3]! : a[2]! * a[3]! + b[2]! * b[3]! - shared);
}
