import type { CameraId, EpochMicros } from '../engine/units.ts';
import { DROP_REASONS, type DropReason, type DroppedRecord } from '../messages/terminal-record.ts';

interface Dropped { readonly frameSeq: number; readonly reason: DropReason; readonly capturedAt: EpochMicros }

/**
 * Collects single dropped frames of one camera and epoch, in any order, and gives them back as runs.
 * Bounded: the owner takes them when `isDue` says so.
 */
export class DropRuns {
  readonly #camera: CameraId;
  readonly #epoch: number;
  readonly #maxItems: number;
  readonly #withinMs: number;
  #items: Dropped[] = [];
  #firstAtMs = 0;

  constructor(camera: CameraId, epoch: number, options: { readonly maxItems: number; readonly withinMs: number }) {
    this.#camera = camera;
    this.#epoch = epoch;
    this.#maxItems = options.maxItems;
    this.#withinMs = options.withinMs;
  }

  add(frameSeq: number, reason: DropReason, capturedAt: EpochMicros, nowMs: number): void {
    if (this.#items.length === 0) this.#firstAtMs = nowMs;
    this.#items.push({ frameSeq, reason, capturedAt });
  }

  /** True when the runs should be published: too many, or waiting too long. */
  isDue(nowMs: number): boolean {
    return this.#items.length >= this.#maxItems || (this.#items.length > 0 && nowMs - this.#firstAtMs >= this.#withinMs);
  }

  /** Takes everything collected as runs of consecutive frames with one reason. */
  take(): DroppedRecord[] {
    const items = this.#items.sort((a, b) => a.frameSeq - b.frameSeq);
    this.#items = [];
    const runs: { from: number; to: number; reason: DropReason; capturedAt: EpochMicros }[] = [];
    for (const item of items) {
      const run = runs.at(-1);
      if (run && run.reason === item.reason && run.to + 1 === item.frameSeq) run.to = item.frameSeq;
      else runs.push({ from: item.frameSeq, to: item.frameSeq, reason: item.reason, capturedAt: item.capturedAt });
    }
    return runs.map(run => ({
      kind: 'dropped', camera: this.#camera, epoch: this.#epoch, ...run, isIntentional: DROP_REASONS[run.reason].isIntentional,
    }));
  }
}
