import { PlatformError } from '../../src/engine/errors.ts';
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

function areCounts(...numbers: readonly number[]): boolean {
  return numbers.every(number => Number.isSafeInteger(number) && number >= 0);
}
