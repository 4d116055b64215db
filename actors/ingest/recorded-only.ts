import type { Clock } from '../../src/engine/clock.ts';
import type { CameraId } from '../../src/engine/units.ts';
import { DropRuns } from '../../src/feature-ops/drop-runs.ts';
import type { ChunkPart } from '../../src/messages/chunk-part.ts';
import type { DroppedRecord } from '../../src/messages/terminal-record.ts';

/** Ends the frames of a camera that is recorded only as `not-wanted`, in runs. */
export function recordedOnly(camera: CameraId, clock: Clock, publish: (records: readonly DroppedRecord[]) => Promise<void>): (part: ChunkPart) => Promise<void> {
  let runs: { readonly epoch: number; readonly drops: DropRuns } | undefined;
  return async part => {
    const nowMs = clock.monotonicMs();
    if (runs?.epoch !== part.epoch) {
      if (runs) await publish(runs.drops.take());
      runs = { epoch: part.epoch, drops: new DropRuns(camera, part.epoch, { maxItems: 1024, withinMs: 1_000 }) };
    }
    for (const unit of part.units) runs.drops.add(unit.frameSeq, 'not-wanted', unit.capturedAt, nowMs);
    if (part.isEpochEnd || runs.drops.isDue(nowMs)) {
      const records = runs.drops.take();
      if (records.length > 0) await publish(records);
    }
  };
}
