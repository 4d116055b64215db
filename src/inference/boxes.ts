import type { Box } from '../messages/terminal-record.ts';
import { labelOf } from './labels.ts';

/** Columns of a row of detections: batch, class, score, x1, y1, x2, y2. */
export const COLUMNS = 7;

/**
 * Detections of `frames` frames as boxes, one list a frame, best score first. `rows` is `[m, 7]` row-major, corners in source pixels and inside the picture, as
 * graphs give it. Rows below `scoreMin`, without area, or holding a value that is no number are left out.
 */
export function toBoxes(rows: Float32Array, frames: number, labels: readonly string[], scoreMin: number): readonly (readonly Box[])[] {
  const boxes = Array.from({ length: frames }, (): Box[] => []);
  for (let at = 0; at + COLUMNS <= rows.length; at += COLUMNS) {
    const [frame = 0, classId = 0, score = 0, x1 = 0, y1 = 0, x2 = 0, y2 = 0] = rows.subarray(at, at + COLUMNS);
    if (!(score >= scoreMin) || !(classId >= 0) || !(x2 > x1 && y2 > y1)) continue; // written so that NaN is left out too
    boxes[frame]?.push({ classId, label: labelOf(labels, classId), score: Math.min(1, score), x1, y1, x2, y2 });
  }
  for (const list of boxes) list.sort((a, b) => b.score - a.score);
  return boxes;
}
