import type { CommittedRecord } from '../data-ops/store.ts';
import type { Box, DetectedRecord, DroppedRecord } from '../messages/terminal-record.ts';
import { isoTime } from './iso-time.ts';

function boxJson(box: Box): object {
  return { label: box.label, classId: box.classId, score: box.score, box: [box.x1, box.y1, box.x2, box.y2], ...(box.trackId === undefined ? {} : { trackId: box.trackId }) };
}

function detectedJson(id: number, record: DetectedRecord): object {
  return {
    kind: 'detected', id, camera: record.camera, epoch: record.epoch, frameSeq: record.frameSeq,
    capturedAt: isoTime(record.capturedAt), pts: record.ptsSeconds,
    size: { width: record.width, height: record.height }, boxes: record.boxes.map(boxJson),
    model: record.model, modelDigest: record.modelDigest, provider: record.provider, timings: record.timings,
  };
}

function droppedJson(id: number, record: DroppedRecord): object {
  return {
    kind: 'dropped', id, camera: record.camera, epoch: record.epoch, from: record.from, to: record.to,
    reason: record.reason, isIntentional: record.isIntentional, capturedAt: isoTime(record.capturedAt),
  };
}

/** A committed record as the API shows it: `id` is what `after=` takes, `box` is [x1, y1, x2, y2] in source pixels, `pts` in seconds. */
export function recordJson(committed: CommittedRecord): object {
  return committed.record.kind === 'detected' ? detectedJson(committed.id, committed.record) : droppedJson(committed.id, committed.record);
}
