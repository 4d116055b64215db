import type { CameraId } from '../engine/units.ts';
import type { DropReason } from '../messages/terminal-record.ts';
import { IntervalSet, countOf, difference } from './interval-set.ts';
import type { Balance, SeqRange, Store } from './store.ts';

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
  };
}

/** A balance that does not hold. */
export interface LedgerProblem { readonly camera: CameraId; readonly epoch: number; readonly kind: 'duplicate' | 'hole' | 'unbalanced' | 'count' | 'unbacked'; readonly message: string }

/** The ledger as found. */
export interface LedgerReport {
  readonly balances: readonly Balance[];
  readonly records: number;
  readonly problems: readonly LedgerProblem[];
  /** Frames that still wait for their terminal record. */
  readonly pending: number;
  /** True when there is no problem; frames may still be pending. */
  readonly isSound: boolean;
}

/** What the records and chunks themselves say of one camera and epoch. */
interface Recount { readonly camera: CameraId; readonly epoch: number; readonly accounted: IntervalSet; readonly indexed: IntervalSet; detected: number; readonly dropped: Partial<Record<DropReason, number>> }

const PAGE = 4096;

/**
 * Counts every record and chunk again and compares with the balances: each frame has one record, received frames are contiguous from 0,
 * counts agree, and every frame with a record is in a chunk. Reads the whole ledger; memory grows with its holes, not with its length.
 */
export function verifyLedger(store: Store): LedgerReport {
  const problems: LedgerProblem[] = [];
  const recounts = new Map<string, Recount>();
  const records = recountRecords(store, recounts, problems);
  for (const row of store.chunks({})) {
    if (row.frameCount > 0) recountOf(recounts, row).indexed.add({ from: row.firstFrameSeq, to: row.firstFrameSeq + row.frameCount - 1 });
  }
  const balances = store.balances();
  for (const balance of balances) problems.push(...checkBalance(balance, recountOf(recounts, balance)));
  return { balances, records, problems, pending: balances.reduce((sum, { pending }) => sum + pending, 0), isSound: problems.length === 0 };
}

/** The balances as a table for people, problems below. */
export function printLedger(report: LedgerReport): string {
  const lines = report.balances.map((balance) => {
    const reasons = Object.entries(balance.dropped).map(([reason, count]) => `${reason} ${count}`).join(', ');
    const parts = [`detected ${balance.detected}`, `dropped ${droppedTotal(balance.dropped)}${reasons === '' ? '' : ` (${reasons})`}`, `pending ${balance.pending}`];
    return `${balance.camera} epoch ${balance.epoch}: received ${balance.received} = ${parts.join(' + ')}; gaps ${balance.gaps}`;
  });
  return [...lines, ...report.problems.map((problem) => `${problem.camera} epoch ${problem.epoch}: ${problem.kind}: ${problem.message}`)].join('\n');
}

function recountRecords(store: Store, recounts: Map<string, Recount>, problems: LedgerProblem[]): number {
  let records = 0;
  let after = 0;
  for (let page = store.recordsAfter(after, PAGE); page.length > 0; page = store.recordsAfter(after, PAGE)) {
    for (const { id, record } of page) {
      after = id;
      records += 1;
      const recount = recountOf(recounts, record);
      const range = record.kind === 'detected' ? { from: record.frameSeq, to: record.frameSeq } : record;
      const frames = range.to - range.from + 1;
      const fresh = countOf(recount.accounted.add(range));
      if (record.kind === 'detected') recount.detected += 1; else recount.dropped[record.reason] = (recount.dropped[record.reason] ?? 0) + frames;
      if (fresh < frames) problems.push({ camera: record.camera, epoch: record.epoch, kind: 'duplicate', message: `record ${id} covers ${frames - fresh} frames of ${range.from} to ${range.to} a second time` });
    }
  }
  return records;
}

function recountOf(recounts: Map<string, Recount>, of: { readonly camera: CameraId; readonly epoch: number }): Recount {
  const key = `${of.camera}/${of.epoch}`;
  const known = recounts.get(key) ?? { camera: of.camera, epoch: of.epoch, accounted: new IntervalSet(), indexed: new IntervalSet(), detected: 0, dropped: {} };
  recounts.set(key, known);
  return known;
}

function checkBalance(balance: Balance, recount: Recount): readonly LedgerProblem[] {
  const problems: LedgerProblem[] = [];
  const report = (kind: LedgerProblem['kind'], message: string): void => { problems.push({ camera: balance.camera, epoch: balance.epoch, kind, message }); };
  const total = balance.detected + droppedTotal(balance.dropped);
  if (balance.received !== total + balance.pending) report('unbalanced', `received ${balance.received}, but detected, dropped and pending add up to ${total + balance.pending}`);
  const counted = recount.detected + droppedTotal(recount.dropped);
  if (counted + (balance.pruned ?? 0) !== total) report('count', `${counted} frames in records and ${balance.pruned ?? 0} pruned, but ${total} counted`);
  // Frames whose records were pruned are known by the balance only, so that holes and backing can be told exactly for the others alone.
  const received = new IntervalSet();
  for (const range of [...recount.indexed.ranges(), ...recount.accounted.ranges()]) received.add(range);
  const holes = difference([{ from: 0, to: (received.ranges().at(-1)?.to ?? -1) }], received.ranges());
  const first = holes[0];
  if (first !== undefined && (balance.pruned ?? 0) === 0) report('hole', `${countOf(holes)} frames were never received, the first is ${first.from}`);
  const unbacked = difference(recount.accounted.ranges(), recount.indexed.ranges());
  if (unbacked[0] !== undefined) report('unbacked', `${countOf(unbacked)} frames have a record but are in no chunk, the first is ${unbacked[0].from}`);
  return problems;
}
