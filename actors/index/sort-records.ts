import { PlatformError } from '../../src/engine/errors.ts';
import type { FeatureTensor } from '../../src/messages/feature-tensor.ts';
import type { PlatformEvent } from '../../src/messages/platform-event.ts';
import type { TerminalRecord } from '../../src/messages/terminal-record.ts';
import type { IndexBatch } from './log-follower.ts';

/** Puts a terminal record into a batch. @throws PlatformError RECORD_INVALID when it covers no frames: the store would refuse the whole batch for it */
export function sortRecord(record: TerminalRecord, batch: IndexBatch): void {
  const { from, to } = record.kind === 'dropped' ? record : { from: record.frameSeq, to: record.frameSeq };
  if (!areCounts(record.epoch, from, to) || from > to) throw new PlatformError('RECORD_INVALID', `terminal record of camera '${record.camera}' covers ${from} to ${to} of epoch ${record.epoch}`);
  batch.records.push(record);
}

/** Puts an event into a batch. @throws PlatformError RECORD_INVALID as above */
export function sortEvent(event: PlatformEvent, batch: IndexBatch): void {
  if (event.type === 'received' && !areCounts(event.epoch, event.received)) throw new PlatformError('RECORD_INVALID', `received ${event.received} of epoch ${event.epoch} is no count`);
  batch.events.push(event);
}

/** Puts a feature into a batch; pictures on their way to a detector are none. @throws PlatformError RECORD_INVALID as above */
export function sortFeature(feature: FeatureTensor, batch: IndexBatch): void {
  const { camera, epoch, frameSeq, encoder, dtype, encoding, shape, payload } = feature;
  if (encoder.startsWith('pixels-')) return;
  const values = shape.reduce((product, size) => product * size, 1);
  if (!areCounts(epoch, frameSeq) || dtype !== 'float32' || encoding !== 'raw' || payload.byteLength !== 4 * values) {
    throw new PlatformError('RECORD_INVALID', `feature '${encoder}' of frame ${frameSeq} of epoch ${epoch} of camera '${camera}' holds ${payload.byteLength} bytes of ${dtype} for [${shape.slice(0, 8).join(', ')}]`);
  }
  batch.features.push(feature);
}

function areCounts(...numbers: readonly number[]): boolean {
  return numbers.every(number => Number.isSafeInteger(number) && number >= 0);
}
