import { Subject } from 'rxjs';
import type { CommittedRecord } from '../data-ops/store.ts';
import type { CameraId } from '../engine/units.ts';
import { epochMicros } from '../engine/units.ts';
import { alignByTime, type Aligned } from '../flow/align-by-time.ts';
import { abortable } from '../engine/abortable.ts';
import type { Face } from './face.ts';
import { readRecords, type InferLine } from './infer-lines.ts';
import { isoTime } from './iso-time.ts';
import { mergeByTime } from './merge-by-time.ts';
import { recordJson } from './record-json.ts';
import type { ResolvedStream } from './resolve-stream.ts';

/** How cameras are joined. */
export interface AlignedQuery {
  readonly streams: readonly ResolvedStream[];
  /** Frames at most this far apart in event time form a group. */
  readonly toleranceMs: number;
  readonly after: number | undefined;
  readonly signal: AbortSignal;
}

/** A camera that is silent this much longer than the tolerance is not waited for. */
const MAX_WAIT_MS = 1_000;

const timeOf = (committed: CommittedRecord): number => committed.record.capturedAt / 1000;

/** Where a client may go on after a group without losing a frame; some may repeat, as the cameras' records interleave. */
class ResumePoint {
  readonly #taken = new Map<CameraId, number>();
  readonly #pending = new Set<number>();
  readonly #floor: number | undefined;

  constructor(floor: number | undefined) { this.#floor = floor; }

  take({ id, record }: CommittedRecord): void {
    this.#taken.set(record.camera, id);
    this.#pending.add(id);
  }

  settle(id: number): void { this.#pending.delete(id); }

  after(cameras: number): number {
    const oldest = Math.min(...this.#pending) - 1;
    const silent = this.#taken.size < cameras ? this.#floor ?? Infinity : Infinity;
    return Math.min(oldest, silent, ...this.#taken.values());
  }
}

async function* detectedOnly(records: AsyncIterable<CommittedRecord>): AsyncGenerator<CommittedRecord, void> {
  for await (const committed of records) if (committed.record.kind === 'detected') yield committed;
}

function groupLine(group: Aligned<CommittedRecord>, cameras: readonly CameraId[], after: number): InferLine {
  const frames = cameras.flatMap((camera) => { const committed = group.items.get(camera); return committed === undefined ? [] : [recordJson(committed)]; });
  const missing = cameras.filter((camera) => !group.items.has(camera));
  const at = isoTime(epochMicros(Math.round(group.atMs * 1000)));
  return { json: { kind: 'group', at, isComplete: group.isComplete, missing, frames, after }, isFrame: true, lastId: after };
}

/**
 * Lines of several cameras: one group of frames an instant, in order of time, incomplete where a camera stayed silent.
 * Frames that come after their group was sent are left out and counted as `lateFrames`. Reads no further while a group waits to be sent.
 */
export async function* alignedLines(face: Face, query: AlignedQuery): AsyncGenerator<InferLine, void> {
  const { clock, counts } = face;
  const { signal, toleranceMs } = query;
  const cameras = query.streams.map((stream) => stream.camera);
  const maxWaitMs = MAX_WAIT_MS + toleranceMs;
  const resume = new ResumePoint(query.after);
  const sources = query.streams.map((stream) => detectedOnly(readRecords(face, stream, query.after, signal)));
  const merged = mergeByTime(sources, { timeOf, clock, maxWaitMs, signal });
  const input = new Subject<CommittedRecord>();
  const ready: Aligned<CommittedRecord>[] = [];
  let wake = (): void => undefined;
  const onDrop = (committed: CommittedRecord, reason: string): void => { resume.settle(committed.id); if (reason === 'late') counts.lateFrames++; };
  const subscription = input.pipe(alignByTime<CommittedRecord>({ keys: cameras, toleranceMs, maxWaitMs, timeOf, keyOf: (each) => each.record.camera, clock, onDrop }))
    .subscribe((group) => { ready.push(group); wake(); });
  let outcome: { readonly next?: IteratorResult<CommittedRecord, void>; readonly error?: unknown } | undefined;
  let isAsked = false;
  let isEnded = false;
  try {
    for (;;) {
      for (let group = ready.shift(); group !== undefined; group = ready.shift()) {
        for (const committed of group.items.values()) resume.settle(committed.id);
        yield groupLine(group, cameras, resume.after(cameras.length));
      }
      if (isEnded) return;
      if (!isAsked) { isAsked = true; merged.next().then((next) => { outcome = { next }; }, (error: unknown) => { outcome = { error }; }).finally(() => { wake(); }); }
      if (outcome === undefined) await abortable(new Promise<void>((resolve) => { wake = resolve; }), signal);
      if (outcome === undefined) continue; // woken by a group that waited long enough
      const { next, error } = outcome;
      outcome = undefined;
      isAsked = false;
      if (next === undefined) throw error;
      if (next.done === true) { isEnded = true; input.complete(); }
      else { resume.take(next.value); input.next(next.value); }
    }
  } finally {
    subscription.unsubscribe();
    void merged.return().catch(() => undefined); // may be busy: not waited for
  }
}
