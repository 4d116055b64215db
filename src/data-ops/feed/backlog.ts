import type { EpochMicros } from '../../engine/units.ts';
import type { ChunkPart } from '../../messages/chunk-part.ts';
import { IntervalSet } from '../interval-set.ts';
import type { ChunkRow, SeqRange } from '../store.ts';

/** What to read back of an epoch. */
export interface HistoryQuery {
  readonly epoch: number;
  /** The first frame that is wanted. */
  readonly from: number;
  /** Starts at the key frame before `from`, for a new decoder; false when the decoder stands at `from`. */
  readonly startsAtKey: boolean;
  /** Told of wanted frames whose file is gone or damaged; reading goes on behind them. */
  readonly onLost: (range: SeqRange) => void;
  readonly signal: AbortSignal;
}

/** The camera's past, as far as it is durable. */
export interface FeederHistory {
  /** Durable frames without a terminal record, as far as the index knows, oldest epoch first. */
  unaccounted(): Promise<readonly { readonly epoch: number; readonly ranges: readonly SeqRange[] }[]>;
  chunks(epoch: number): Promise<readonly ChunkRow[]>;
  /** When the last indexed frame of a chunk reached this machine; undefined when that is not known any more. */
  arrivedAt(row: ChunkRow): Promise<EpochMicros | undefined>;
  /** Parts of one unit each, in order, to the end of what is on disk now. */
  read(query: HistoryQuery): AsyncIterable<ChunkPart>;
}

/** What of an epoch was there when a feed began. */
export interface Backlog {
  readonly epoch: number;
  /** Frames without a record. */
  readonly ranges: readonly SeqRange[];
  /** Frames up to here that are not in `ranges` have a record; later ones are new. */
  readonly knownTo: number;
}

/** How a backlog is found. */
export interface BacklogOptions {
  readonly history: FeederHistory;
  /** Epochs this process was offered, and their last frames: the index hears of them a little later. */
  readonly heads: ReadonlyMap<number, number>;
  /** Chunks that arrived as a whole before this are not fed again. */
  readonly cutoff: EpochMicros;
  readonly onExpired: (epoch: number, ranges: readonly SeqRange[]) => Promise<void>;
}

/** Epochs with frames to feed, and those offered by this process, oldest first. What is too old has ended as expired. */
export async function findBacklog(options: BacklogOptions): Promise<readonly Backlog[]> {
  const { history, heads } = options;
  // The chunks first: what the index learns between the two questions is then fed twice instead of not at all.
  const indexed = new Map<number, number>();
  for (const epoch of heads.keys()) indexed.set(epoch, lastFrameOf(await history.chunks(epoch)));
  const missing = new Map((await history.unaccounted()).map(({ epoch, ranges }) => [epoch, ranges]));
  const found: Backlog[] = [];
  for (const epoch of [...new Set([...missing.keys(), ...heads.keys()])].sort((a, b) => a - b)) {
    const wanted = new IntervalSet();
    for (const range of missing.get(epoch) ?? []) wanted.add(range);
    const headSeq = heads.get(epoch) ?? -1;
    const notIndexed = { from: (indexed.get(epoch) ?? headSeq) + 1, to: headSeq };
    if (notIndexed.from <= notIndexed.to) wanted.add(notIndexed);
    const ranges = await withoutOld(epoch, wanted.ranges(), options);
    found.push({ epoch, ranges, knownTo: Math.max(headSeq, wanted.ranges().at(-1)?.to ?? -1) });
  }
  return found.filter(({ epoch, ranges }) => ranges.length > 0 || heads.has(epoch));
}

/** What of `from` to `to` has no record. */
export function wantedWithin(backlog: Backlog | undefined, from: number, to: number): readonly SeqRange[] {
  const wanted: SeqRange[] = [];
  for (const range of backlog?.ranges ?? []) {
    const part = { from: Math.max(from, range.from), to: Math.min(to, range.to) };
    if (part.from <= part.to) wanted.push(part);
  }
  const fresh = Math.max(from, (backlog?.knownTo ?? -1) + 1);
  return fresh <= to ? [...wanted, { from: fresh, to }] : wanted;
}

/** Ends the frames of chunks that arrived too long ago, or are gone, as expired, and returns the rest. */
async function withoutOld(epoch: number, ranges: readonly SeqRange[], options: BacklogOptions): Promise<readonly SeqRange[]> {
  const from = ranges[0]?.from;
  if (from === undefined) return ranges;
  let keepFrom = 0;
  for (const row of await options.history.chunks(epoch)) {
    const next = row.firstFrameSeq + row.frameCount;
    if (next <= from) continue;
    if (!row.isExpired && !await isOld(row, options)) break;
    keepFrom = next;
  }
  const old = ranges.filter(range => range.from < keepFrom).map(range => ({ from: range.from, to: Math.min(range.to, keepFrom - 1) }));
  if (old.length > 0) await options.onExpired(epoch, old);
  return ranges.filter(range => range.to >= keepFrom).map(range => ({ from: Math.max(range.from, keepFrom), to: range.to }));
}

/** By arrival, because the event time of a file is its own. */
async function isOld(row: ChunkRow, { history, cutoff }: BacklogOptions): Promise<boolean> {
  const arrivedAt = await history.arrivedAt(row);
  return arrivedAt !== undefined && arrivedAt < cutoff;
}

function lastFrameOf(rows: readonly ChunkRow[]): number {
  return rows.reduce((last, row) => Math.max(last, row.firstFrameSeq + row.frameCount - 1), -1);
}
