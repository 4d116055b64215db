import { type CameraId, epochMicros } from '../../engine/units.ts';
import { type Box, DROP_REASONS, type DetectedRecord, type DropReason, type TerminalRecord } from '../../messages/terminal-record.ts';

/** `[ptsSeconds, width, height, decodeMs, waitMs, inferMs, ageMs, [[classId, label, score, x1, y1, x2, y2, trackId?], …]]`. */
type DetectedBody = readonly [number | null, number, number, number, number, number, number, readonly BoxBody[]];
type BoxBody = readonly [number, string, number, number, number, number, number, number?];

/** A row of `records` joined with what its keys name. */
export interface RecordRow {
  readonly id: number;
  readonly epoch_key: number;
  readonly from_seq: number;
  readonly to_seq: number;
  readonly captured_at: number;
  readonly reason: string | null;
  readonly model_key: number | null;
  readonly body: string | null;
}

/** A model that made detections. */
export interface ModelName { readonly model: string; readonly modelDigest: string; readonly provider: string }

/** The body column of a detected record: numbers read back exactly as they were. */
export function encodeBody(record: DetectedRecord): string {
  const { decodeMs, waitMs, inferMs, ageMs } = record.timings;
  const boxes = record.boxes.map(({ classId, label, score, x1, y1, x2, y2, trackId }): BoxBody => (
    trackId === undefined ? [classId, label, score, x1, y1, x2, y2] : [classId, label, score, x1, y1, x2, y2, trackId]));
  const body: DetectedBody = [record.ptsSeconds, record.width, record.height, decodeMs, waitMs, inferMs, ageMs, boxes];
  return JSON.stringify(body);
}

/** Rebuilds a record from its row. */
export function decodeRecord(row: RecordRow, of: { readonly camera: CameraId; readonly epoch: number }, model: ModelName | undefined): TerminalRecord {
  const { camera, epoch } = of;
  const capturedAt = epochMicros(row.captured_at);
  if (row.reason !== null) {
    const reason = row.reason as DropReason; // written from a DropReason by append only
    return { kind: 'dropped', camera, epoch, from: row.from_seq, to: row.to_seq, reason, isIntentional: DROP_REASONS[reason].isIntentional, capturedAt };
  }
  const [ptsSeconds, width, height, decodeMs, waitMs, inferMs, ageMs, boxes] = JSON.parse(row.body ?? 'null') as DetectedBody; // written by encodeBody only
  return {
    kind: 'detected', camera, epoch, frameSeq: row.from_seq, capturedAt, ptsSeconds, width, height, boxes: boxes.map(decodeBox),
    model: model?.model ?? '', modelDigest: model?.modelDigest ?? '', provider: model?.provider ?? '', timings: { decodeMs, waitMs, inferMs, ageMs },
  };
}

function decodeBox([classId, label, score, x1, y1, x2, y2, trackId]: BoxBody): Box {
  return { classId, label, score, x1, y1, x2, y2, ...(trackId === undefined ? {} : { trackId }) };
}
