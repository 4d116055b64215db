import type { ModelFrame } from '../messages/model-frame.ts';
import type { Box } from '../messages/terminal-record.ts';
import { labelOf } from './labels.ts';

/** Columns of a row of detections: batch, class, score, x1, y1, x2, y2. */
export const COLUMNS = 7;

/**
 * Detections of one frame as boxes in source pixels: the frame's scale and padding are undone, corners clipped to the picture.
 * Rows below `scoreMin`, with nothing left inside the picture, or holding a value that is no number are left out. Best score first.
 * `rows` is `[m, 7]` row-major in model pixels.
 */
export function toBoxes(rows: Float32Array, frame: ModelFrame, labels: readonly string[], scoreMin: number): readonly Box[] {
  const boxes: Box[] = [];
  for (let at = 0; at + COLUMNS <= rows.length; at += COLUMNS) {
    const [, classId = 0, score = 0, left = 0, top = 0, right = 0, bottom = 0] = rows.subarray(at, at + COLUMNS);
    if (!(score >= scoreMin) || !(classId >= 0)) continue; // written so that NaN is left out too
    const x1 = clip((left - frame.padX) / frame.scaleX, frame.sourceWidth);
    const y1 = clip((top - frame.padY) / frame.scaleY, frame.sourceHeight);
    const x2 = clip((right - frame.padX) / frame.scaleX, frame.sourceWidth);
    const y2 = clip((bottom - frame.padY) / frame.scaleY, frame.sourceHeight);
    if (!(x2 > x1 && y2 > y1)) continue;
    boxes.push({ classId, label: labelOf(labels, classId), score: Math.min(1, score), x1, y1, x2, y2 });
  }
  return boxes.sort((a, b) => b.score - a.score);
}

function clip(value: number, limit: number): number {
  return Math.min(Math.max(value, 0), limit);
}
