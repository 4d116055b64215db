/** A detection before suppression: corners, and a score a class. */
export interface ScoredBox { readonly box: readonly number[]; readonly scores: readonly number[] }

/** Greedy suppression per class in plain JavaScript: rows of batch 0, class, score and corners, by class and falling score. */
export function suppressed(boxes: readonly ScoredBox[], scoreMin: number, iouMax: number): number[][] {
  const kept: number[][] = [];
  for (let classId = 0; classId < (boxes[0]?.scores.length ?? 0); classId++) {
    const chosen: (readonly number[])[] = [];
    for (const { box, scores } of boxes.filter(({ scores: all }) => all[classId]! > scoreMin).sort((a, b) => b.scores[classId]! - a.scores[classId]!)) {
      if (chosen.some((other) => overlap(other, box) > iouMax)) continue;
      chosen.push(box);
      kept.push([0, classId, scores[classId]!, ...box]);
    }
  }
  return kept;
}

/** Every class of every box above the least score, as rows. */
export function thresholded(boxes: readonly ScoredBox[], scoreMin: number): number[][] {
  return boxes.flatMap(({ box, scores }) => scores.flatMap((score, classId) => (score > scoreMin ? [[0, classId, score, ...box]] : [])));
}

/** The scores of a box with 0 for all but the best class. */
export function bestOnly(scores: readonly number[]): number[] {
  const best = Math.max(...scores);
  return scores.map((score) => (score === best ? score : 0));
}

/** Intersection over union of `[x1, y1, x2, y2]`. */
export function overlap(a: readonly number[], b: readonly number[]): number {
  const width = Math.min(a[2]!, b[2]!) - Math.max(a[0]!, b[0]!);
  const height = Math.min(a[3]!, b[3]!) - Math.max(a[1]!, b[1]!);
  if (width <= 0 || height <= 0) return 0;
  const area = (box: readonly number[]): number => (box[2]! - box[0]!) * (box[3]! - box[1]!);
  return width * height / (area(a) + area(b) - width * height);
}
