import type { CameraId } from '../engine/units.ts';
import type { ChunkPart } from '../messages/chunk-part.ts';
import type { FeatureTensor } from '../messages/feature-tensor.ts';
import type { CameraPosition } from '../messages/position.ts';
import type { DropReason, TerminalRecord } from '../messages/terminal-record.ts';
import { IntervalSet, countOf, difference } from './interval-set.ts';
import type { SeqRange } from './store.ts';

/** Where a record lay. */
export interface Place { readonly partition: number; readonly offset: number }

/** Something that does not hold. */
export interface TopicProblem {
  readonly kind: 'lost' | 'duplicate' | 'unbacked' | 'position' | 'partition' | 'unreadable' | 'content';
  /** Absent where it is not known which camera it concerns. */
  readonly camera?: CameraId;
  readonly epoch?: number;
  readonly message: string;
}

/**
 * What the topics say of one session of a camera. Where nothing is wrong,
 * `frames + holes + chunksRemoved = detected + dropped + pending + recordsRemoved`.
 */
export interface TopicBalance {
  readonly camera: CameraId;
  readonly epoch: number;
  /** Frames that lie in chunks. */
  readonly frames: number;
  readonly detected: number;
  readonly dropped: Readonly<Partial<Record<DropReason, number>>>;
  /** Frames that are still being worked on: above what the group has committed. */
  readonly pending: number;
  /** Frames with a record and in no chunk, since they were never on Kafka: their node expired them. */
  readonly holes: number;
  /** Frames with a record whose chunks retention has removed. */
  readonly chunksRemoved: number;
  /** Frames in chunks whose records retention has removed. */
  readonly recordsRemoved: number;
  /** Frames that lie in chunks more than once: sent again, and worked on once. */
  readonly repeated: number;
}

/** What was found. */
export interface TopicReport {
  readonly balances: readonly TopicBalance[];
  /** The first of them; `problemCount` counts all. */
  readonly problems: readonly TopicProblem[];
  readonly problemCount: number;
  readonly pending: number;
  readonly isSound: boolean;
}

/** What is known before anything is read. */
export interface TopicAuditOptions {
  /** Offsets in chunks that the group that reads them has committed, by partition; absent: none. */
  readonly committed: ReadonlyMap<number, number>;
  /** Problems that are kept. @default 20 */
  readonly problemsMax?: number;
}

/** Partitions of chunks, and of detections, whose oldest records retention has removed by the end of the reading. */
export interface Trimmed { readonly chunks: ReadonlySet<number>; readonly records: ReadonlySet<number> }

interface Entry {
  readonly camera: CameraId;
  readonly epoch: number;
  readonly partition: number;
  isScattered: boolean;
  /** Frames in chunks; those of them below the committed offset; those whose feature is still being worked on. */
  readonly frames: IntervalSet;
  readonly done: IntervalSet;
  readonly waiting: IntervalSet;
  readonly records: IntervalSet;
  readonly expired: IntervalSet;
  detected: number;
  readonly dropped: Partial<Record<DropReason, number>>;
  repeated: number;
  readonly positions: CameraPosition['epochs'][number][];
}

const PROBLEMS_MAX = 20;

/**
 * Judges what lies in the topics: each frame in chunks has one terminal record, each record has its frame, and no position is ahead of the
 * records. Fed in any order within a topic; memory grows with holes, not with frames. While the cluster works, what is fed must have been
 * read in this order: committed offsets, positions, features, detections, chunks.
 */
export class TopicAudit {
  readonly #options: TopicAuditOptions;
  readonly #entries = new Map<string, Entry>();
  readonly #problems: TopicProblem[] = [];
  #problemCount = 0;

  constructor(options: TopicAuditOptions) {
    this.#options = options;
  }

  chunk({ partition, offset }: Place, part: Pick<ChunkPart, 'camera' | 'epoch'> & { readonly units: readonly { readonly frameSeq: number }[] }): void {
    const entry = this.#entry(part, partition);
    const isDone = offset < (this.#options.committed.get(partition) ?? 0);
    for (const { frameSeq } of part.units) {
      const range = { from: frameSeq, to: frameSeq };
      if (entry.frames.add(range).length === 0) entry.repeated += 1;
      if (isDone) entry.done.add(range);
    }
  }

  /** A feature above what the group that detects on features has committed. */
  waiting({ partition }: Place, feature: Pick<FeatureTensor, 'camera' | 'epoch' | 'frameSeq'>): void {
    this.#entry(feature, partition).waiting.add({ from: feature.frameSeq, to: feature.frameSeq });
  }

  record({ partition, offset }: Place, record: TerminalRecord): void {
    const entry = this.#entry(record, partition);
    const range = record.kind === 'detected' ? { from: record.frameSeq, to: record.frameSeq } : { from: record.from, to: record.to };
    const frames = range.to - range.from + 1;
    const fresh = countOf(entry.records.add(range));
    if (fresh < frames) this.#report(entry, 'duplicate', `the record at offset ${offset} of partition ${partition} covers ${textOf(range)}, ${frames - fresh} of them a second time`);
    if (record.kind === 'detected') entry.detected += fresh;
    else if (fresh > 0) entry.dropped[record.reason] = (entry.dropped[record.reason] ?? 0) + fresh;
    if (record.kind === 'dropped' && record.reason === 'expired') entry.expired.add(range);
  }

  /** A position of the group that writes the records, the newest of its key. */
  position({ partition }: Place, { camera, epochs }: CameraPosition): void {
    for (const position of epochs) this.#entry({ camera, epoch: position.epoch }, partition).positions.push(position);
  }

  /** A record that nobody can read: what it says is not known. */
  unreadable(topic: string, { partition, offset }: Place, message: string): void {
    this.#add({ kind: 'unreadable', message: `${topic}: the record at offset ${offset} of partition ${partition} cannot be read: ${message}` });
  }

  /** A chunk whose content is not what was recorded. */
  altered({ camera, epoch }: Pick<ChunkPart, 'camera' | 'epoch'>, message: string): void {
    this.#add({ kind: 'content', camera, epoch, message: `camera '${camera}' epoch ${epoch}: ${message}` });
  }

  /** Call it once, after the last record. */
  report(trimmed: Trimmed): TopicReport {
    const balances = [...this.#entries.values()].sort((a, b) => (a.camera < b.camera ? -1 : a.camera > b.camera ? 1 : a.epoch - b.epoch)).map(entry => this.#judge(entry, trimmed));
    return {
      balances, problems: this.#problems, problemCount: this.#problemCount, pending: balances.reduce((sum, { pending }) => sum + pending, 0), isSound: this.#problemCount === 0,
    };
  }

  #judge(entry: Entry, trimmed: Trimmed): TopicBalance {
    const { frames, records, partition } = entry;
    const [firstFrame, firstRecord] = [frames.ranges()[0]?.from, records.ranges()[0]?.from];
    const areRecordsTrimmed = trimmed.records.has(partition);
    const missing = split(difference(frames.ranges(), records.ranges()), areRecordsTrimmed ? firstRecord ?? Number.POSITIVE_INFINITY : 0);
    const lost = difference(within(missing.above, entry.done.ranges()), entry.waiting.ranges());
    if (lost[0]) this.#report(entry, 'lost', `${countOf(lost)} frames in chunks have no record and nobody works on them: ${rangesText(lost)}`);
    const pending = countOf(missing.above) - countOf(lost);

    const unbacked = split(difference(records.ranges(), frames.ranges()), trimmed.chunks.has(partition) ? firstFrame ?? Number.POSITIVE_INFINITY : 0);
    const invented = difference(unbacked.above, entry.expired.ranges());
    if (invented[0]) this.#report(entry, 'unbacked', `${countOf(invented)} frames have a record and are in no chunk: ${rangesText(invented)}`);

    for (const position of entry.positions) {
      const claimed = new IntervalSet();
      for (const range of [...(position.terminalTo >= 0 ? [{ from: 0, to: position.terminalTo }] : []), ...position.terminalAbove]) claimed.add(range);
      const ahead = split(difference(claimed.ranges(), records.ranges()), areRecordsTrimmed ? firstRecord ?? Number.POSITIVE_INFINITY : 0).above;
      if (ahead[0]) this.#report(entry, 'position', `the position says that ${countOf(ahead)} frames have a record that is not there: ${rangesText(ahead)}`);
    }
    return {
      camera: entry.camera, epoch: entry.epoch, frames: frames.count, detected: entry.detected, dropped: { ...entry.dropped }, pending,
      holes: countOf(unbacked.above) - countOf(invented), chunksRemoved: countOf(unbacked.below), recordsRemoved: countOf(missing.below), repeated: entry.repeated,
    };
  }

  #entry({ camera, epoch }: { readonly camera: CameraId; readonly epoch: number }, partition: number): Entry {
    const key = `${camera}/${epoch}`;
    const known = this.#entries.get(key);
    if (known !== undefined) {
      if (known.partition !== partition && !known.isScattered) {
        known.isScattered = true;
        this.#report(known, 'partition', `it is found in the partitions ${known.partition} and ${partition}`);
      }
      return known;
    }
    const entry: Entry = {
      camera, epoch, partition, isScattered: false, frames: new IntervalSet(), done: new IntervalSet(), waiting: new IntervalSet(), records: new IntervalSet(), expired: new IntervalSet(),
      detected: 0, dropped: {}, repeated: 0, positions: [],
    };
    this.#entries.set(key, entry);
    return entry;
  }

  #report({ camera, epoch }: { readonly camera: CameraId; readonly epoch: number }, kind: TopicProblem['kind'], message: string): void {
    this.#add({ kind, camera, epoch, message: `camera '${camera}' epoch ${epoch}: ${message}` });
  }

  #add(problem: TopicProblem): void {
    this.#problemCount += 1;
    if (this.#problems.length < (this.#options.problemsMax ?? PROBLEMS_MAX)) this.#problems.push(problem);
  }
}

/** The ranges below and from `at` on. */
function split(ranges: readonly SeqRange[], at: number): { readonly below: readonly SeqRange[]; readonly above: readonly SeqRange[] } {
  return {
    below: ranges.filter(({ from }) => from < at).map(({ from, to }) => ({ from, to: Math.min(to, at - 1) })),
    above: ranges.filter(({ to }) => to >= at).map(({ from, to }) => ({ from: Math.max(from, at), to })),
  };
}

/** What both hold. */
function within(one: readonly SeqRange[], other: readonly SeqRange[]): readonly SeqRange[] {
  return difference(one, difference(one, other));
}

function textOf({ from, to }: SeqRange): string { return from === to ? `frame ${from}` : `frames ${from} to ${to}`; }

function rangesText(ranges: readonly SeqRange[]): string {
  return `${ranges.slice(0, 3).map(({ from, to }) => (from === to ? `${from}` : `${from}-${to}`)).join(', ')}${ranges.length > 3 ? `, … ${ranges[ranges.length - 1]?.to}` : ''}`;
}
