import type { CameraId } from '../engine/units.ts';
import type { DropReason } from '../messages/terminal-record.ts';
import { countOf, difference } from './interval-set.ts';
import type { Balance, SeqRange } from './store.ts';

/** The parts a balance is made of. */
export interface LedgerParts {
  readonly camera: CameraId;
  readonly epoch: number;
  /** Frames that chunk files hold, as the index knows. */
  readonly indexed: readonly SeqRange[];
  /** Frames with a terminal record. */
  readonly accounted: readonly SeqRange[];
  readonly detected: number;
  readonly dropped: Readonly<Partial<Record<DropReason, number>>>;
  readonly gaps: number;
  readonly pruned: number;
  /** The first frame behind the last one that is on Kafka. */
  readonly handedOver?: number;
}

/** Frames dropped for any reason. */
export function droppedTotal(dropped: Balance['dropped']): number {
  return Object.values(dropped).reduce((sum, count) => sum + count, 0);
}

/**
 * The balance of one camera and epoch. A terminal record is published only for a durable frame, but may arrive before the index says so:
 * such a frame counts as received at once, so that `received = detected + dropped + pending` holds at every moment.
 */
export function balanceOf(parts: LedgerParts): Balance {
  const pending = countOf(difference(parts.indexed, parts.accounted));
  return {
    camera: parts.camera, epoch: parts.epoch, received: countOf(parts.accounted) + pending,
    detected: parts.detected, dropped: { ...parts.dropped }, pending, gaps: parts.gaps, pruned: parts.pruned,
    ...parts.handedOver ? { handedOver: parts.handedOver } : {},
  };
}
