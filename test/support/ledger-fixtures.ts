import type { Clock } from '../../src/engine/clock.ts';
import { type CameraId, epochMicros } from '../../src/engine/units.ts';
import type { ChunkRow } from '../../src/data-ops/store.ts';
import type { DetectedRecord, DropReason, DroppedRecord } from '../../src/messages/terminal-record.ts';
import { DROP_REASONS } from '../../src/messages/terminal-record.ts';

/** A clock that stands still. */
export const frozenClock: Clock = { now: () => epochMicros(1_700_000_000_000_000), monotonicMs: () => 0, sleep: () => Promise.resolve() };

/** Names a camera. */
export function camera(name: string): CameraId { return name as CameraId; }

/** A detected record with one box whose numbers depend on the frame. */
export function detected(of: CameraId, epoch: number, frameSeq: number): DetectedRecord {
  return {
    kind: 'detected', camera: of, epoch, frameSeq, capturedAt: epochMicros(1_700_000_000_000_000 + frameSeq * 40_000), ptsSeconds: frameSeq / 25, width: 1280, height: 720,
    boxes: [{ classId: 2, label: 'car', score: 0.1 + (frameSeq % 7) / 10, x1: 1 / 3, y1: 2.5, x2: 100.25, y2: 200 }],
    model: 'motion@1.0.0', modelDigest: 'ab'.repeat(32), provider: 'cpu', timings: { decodeMs: 1.25, waitMs: 0.1, inferMs: 7, ageMs: 31.5 },
  };
}

/** A run of drops. */
export function dropped(of: CameraId, epoch: number, from: number, to: number, reason: DropReason = 'not-wanted'): DroppedRecord {
  return { kind: 'dropped', camera: of, epoch, from, to, reason, isIntentional: DROP_REASONS[reason].isIntentional, capturedAt: epochMicros(1_700_000_000_000_000 + from * 40_000) };
}

/** An index row; name what differs. */
export function chunkRow(row: Partial<ChunkRow> & Pick<ChunkRow, 'camera' | 'epoch' | 'chunkSeq'>): ChunkRow {
  const firstFrameSeq = row.firstFrameSeq ?? 0;
  const startedAt = row.startedAt ?? epochMicros(1_700_000_000_000_000 + firstFrameSeq * 40_000);
  return {
    path: `${row.camera}/2023-11-14/${row.epoch}-${row.chunkSeq}-${startedAt}.mp4`, firstFrameSeq, frameCount: 0, startedAt, endedAt: startedAt,
    sizeBytes: 1000, isOpenGop: false, contentHash: null, isClosed: false, isExpired: false, ...row,
  };
}
