import { join } from 'node:path';
import { readSidecar } from '../../src/data-ops/archive/sidecar.ts';
import { sidecarPath } from '../../src/data-ops/archive/chunk-path.ts';
import { openSqliteStore } from '../../src/data-ops/sqlite-store.ts';
import type { ChunkRow, Store } from '../../src/data-ops/store.ts';
import { verifyLedger } from '../../src/data-ops/verify-ledger.ts';
import { systemClock } from '../../src/engine/system-clock.ts';
import type { CameraId } from '../../src/engine/units.ts';
import { readChunkFile } from '../../src/media/index.ts';
import type { PlatformEvent } from '../../src/messages/platform-event.ts';
import { readCounter } from './frame-counter.ts';
import type { RecordLine } from './record-client.ts';
import type { SentFrame } from './rtsp-server.ts';

/** What the outside knows of one camera. */
export interface Evidence {
  /** The data folder, with nobody writing into it. */
  readonly data: string;
  readonly camera: string;
  /** What the camera says it sent. */
  readonly sent: readonly SentFrame[];
  /** When the platform was told to stop; what came later it need not have. */
  readonly stoppedAtMicros: number;
  readonly frameMs: number;
  /** Everything a client read, when there was one. */
  readonly lines?: readonly RecordLine[];
  /** True when the platform ended in order: nothing may be pending. */
  readonly isAtRest: boolean;
}

/** Frames that did not become durable, between two that did. */
export interface Loss {
  /** Frames that the camera made in this time. */
  readonly frames: number;
  /** Those of them that it sent: nobody listens while a connection is down. */
  readonly sentFrames: number;
  /** From the last received frame before it to the first after it, by the camera's log. */
  readonly ms: number;
  readonly fromMicros: number;
  readonly toMicros: number;
}

/** What the oracle found; `problems` is empty when the ledger is true. */
export interface Verdict {
  readonly problems: readonly string[];
  readonly sent: number;
  readonly received: number;
  readonly lost: number;
  readonly losses: readonly Loss[];
  readonly detected: number;
  readonly dropped: Readonly<Record<string, number>>;
  readonly epochs: number;
  /** Ages of detected frames in milliseconds, ascending. */
  readonly agesMs: readonly number[];
}

/** A frame that became durable, under the id it was given. */
export interface Kept { readonly epoch: number; readonly frameSeq: number; readonly capturedAt: number }
/** What was captured between two event times and never became durable. */
export type Gap = Pick<Extract<PlatformEvent, { type: 'gap' }>, 'from' | 'to' | 'reason'>;

/** Event times survive as whole microseconds. */
const ROUNDING_MICROS = 2;

/** Judges one camera: sent = received + gaps, one terminal record a frame, in the store and in the client's stream. */
export async function judge(evidence: Evidence): Promise<Verdict> {
  const store = openSqliteStore(join(evidence.data, 'store.sqlite'), { clock: systemClock, isReadOnly: true });
  try {
    const problems: string[] = [];
    const kept = await readArchive(evidence, store, problems);
    const losses = checkSent(evidence, kept, gapsOf(store, evidence.camera), problems);
    const records = checkRecords(evidence, kept, store, problems);
    if (evidence.lines !== undefined) checkLines(evidence.lines, store, evidence.camera, problems);
    problems.push(...verifyLedger(store).problems.filter(({ camera }) => camera === evidence.camera).map(({ message }) => message));
    return {
      problems, losses, ...records, sent: new Set(evidence.sent.map(({ counter }) => counter)).size, received: kept.size, lost: losses.reduce((sum, { sentFrames }) => sum + sentFrames, 0),
      epochs: new Set([...kept.values()].map(({ epoch }) => epoch)).size,
    };
  } finally {
    store.close();
  }
}

/** One line of figures. */
export function describe(camera: string, verdict: Verdict): string {
  const share = verdict.received === 0 ? 0 : verdict.detected / verdict.received * 100;
  const worst = Math.max(0, ...verdict.losses.map(({ ms }) => ms));
  return `  ${camera}: sent ${verdict.sent} = received ${verdict.received} + in ${verdict.losses.length} gaps ${verdict.lost} + tail; longest gap ${worst.toFixed(0)} ms; detected ${verdict.detected} (${share.toFixed(1)} %), dropped ${JSON.stringify(verdict.dropped)}; ${verdict.epochs} epochs; age p50 ${at(verdict.agesMs, 0.5).toFixed(0)} p99 ${at(verdict.agesMs, 0.99).toFixed(0)} ms`;
}

/** Nearest-rank quantile of ascending numbers. */
export function at(ascending: readonly number[], share: number): number {
  return ascending[Math.max(0, Math.ceil(ascending.length * share) - 1)] ?? 0;
}

/** Every recorded frame by its counter, read back out of the chunk files. */
async function readArchive({ data, camera }: Evidence, store: Store, problems: string[]): Promise<Map<number, Kept>> {
  const kept = new Map<number, Kept>();
  const nextSeq = new Map<number, number>();
  for (const row of store.chunks({ camera: camera as CameraId })) {
    if (row.isExpired || row.frameCount === 0) continue;
    const expected = nextSeq.get(row.epoch) ?? 0;
    if (row.firstFrameSeq !== expected) problems.push(`${row.path} begins at frame ${row.firstFrameSeq} instead of ${expected}`);
    nextSeq.set(row.epoch, row.firstFrameSeq + row.frameCount);
    await readChunk(data, row, kept, problems);
  }
  return kept;
}

async function readChunk(data: string, row: ChunkRow, kept: Map<number, Kept>, problems: string[]): Promise<void> {
  const file = join(data, 'archive', row.path);
  const sidecar = await readSidecar(sidecarPath(file));
  const reader = await readChunkFile(file);
  try {
    let index = 0;
    for (let packet = await reader.read(); packet !== undefined; packet = await reader.read()) {
      const { framing, codec } = reader.parameters;
      const counter = framing === 'raw' || (codec !== 'h264' && codec !== 'hevc') ? null : readCounter(packet.data, framing, codec);
      if (counter === null) problems.push(`frame ${row.firstFrameSeq + index} of ${row.path} bears no counter`);
      else if (kept.has(counter)) problems.push(`counter ${counter} is recorded twice`);
      else kept.set(counter, { epoch: row.epoch, frameSeq: row.firstFrameSeq + index, capturedAt: sidecar?.at(index)?.capturedAt ?? Number.NaN });
      index += 1;
    }
    if (index !== row.frameCount) problems.push(`${row.path} holds ${index} frames, the index says ${row.frameCount}`);
  } finally {
    await reader.close();
  }
}

function gapsOf(store: Store, camera: string): readonly Gap[] {
  return store.events({ camera: camera as CameraId, max: 1_000_000 }).filter((event) => event.type === 'gap');
}

/**
 * Each counter is recorded, or lies in one gap event that reaches from the last recorded frame before it to the first after it.
 * `lateMicros`: so much may have been handed over after the gap was told, by a node that came back. libav's parser holds the newest frame until the next begins, so at a disconnect that frame is in the gap; and at the stop the last ones are not received.
 */
export function checkSent({ sent, stoppedAtMicros, frameMs, lateMicros = 0 }: Pick<Evidence, 'sent' | 'stoppedAtMicros' | 'frameMs'> & { readonly lateMicros?: number }, kept: ReadonlyMap<number, Kept>, gaps: readonly Gap[], problems: string[]): readonly Loss[] {
  const log = [...new Map(sent.map((frame) => [frame.counter, frame])).values()].sort((a, b) => a.counter - b.counter);
  const sentCounters = new Set(log.map(({ counter }) => counter));
  for (const counter of kept.keys()) if (!sentCounters.has(counter)) problems.push(`counter ${counter} was recorded, but never sent`);
  const losses: Loss[] = [];
  let before: SentFrame | undefined;
  let missing: SentFrame[] = [];
  for (const frame of log) {
    const here = kept.get(frame.counter);
    if (here === undefined) { missing.push(frame); continue; }
    const previous = before === undefined ? undefined : kept.get(before.counter);
    if (previous !== undefined && previous.epoch > here.epoch) problems.push(`counter ${frame.counter} is in epoch ${here.epoch}, the one before it in ${previous.epoch}`);
    const frames = before === undefined ? 0 : frame.counter - before.counter - 1;
    if (frames > 0 && before !== undefined && previous !== undefined) {
      losses.push({ frames, sentFrames: missing.length, ms: (frame.sentAtMicros - before.sentAtMicros) / 1000, fromMicros: before.sentAtMicros, toMicros: frame.sentAtMicros });
      const matching = gaps.filter((gap) => Math.abs(gap.from - previous.capturedAt) <= ROUNDING_MICROS + lateMicros && Math.abs(gap.to - here.capturedAt) <= ROUNDING_MICROS);
      if (matching.length !== 1) problems.push(`${frames} frames (counters ${before.counter + 1} to ${frame.counter - 1}) are missing between ${previous.capturedAt} and ${here.capturedAt}: ${matching.length} gap events say so; gaps: ${gaps.map(({ from, to }) => `${from}-${to}`).join(' ')}`);
    } else if (missing.length > 0) problems.push(`the first ${missing.length} sent frames were not recorded`);
    before = frame;
    missing = [];
  }
  const owed = missing.slice(0, -1).filter((frame) => frame.sentAtMicros < stoppedAtMicros - 2 * frameMs * 1000); // the newest is in libav's parser, one may be on its way
  if (owed.length > 0) problems.push(`${owed.length} frames sent before the stop are not recorded (counters ${owed[0]?.counter} to ${owed.at(-1)?.counter})`);
  return losses;
}

function checkRecords({ camera, isAtRest }: Evidence, kept: ReadonlyMap<number, Kept>, store: Store, problems: string[]): Pick<Verdict, 'detected' | 'dropped' | 'agesMs'> {
  const records = new Map<string, number>();
  const dropped: Record<string, number> = {};
  const agesMs: number[] = [];
  const count = (epoch: number, frameSeq: number): void => void records.set(`${epoch}/${frameSeq}`, (records.get(`${epoch}/${frameSeq}`) ?? 0) + 1);
  for (let after = 0, page = store.recordsAfter(0, 4096, camera as CameraId); page.length > 0; page = store.recordsAfter(after, 4096, camera as CameraId)) {
    for (const { id, record } of page) {
      after = id;
      if (record.kind === 'detected') {
        count(record.epoch, record.frameSeq);
        agesMs.push(record.timings.ageMs);
        continue;
      }
      for (let seq = record.from; seq <= record.to; seq += 1) count(record.epoch, seq);
      dropped[record.reason] = (dropped[record.reason] ?? 0) + record.to - record.from + 1;
    }
  }
  const frames = new Set([...kept.values()].map(({ epoch, frameSeq }) => `${epoch}/${frameSeq}`));
  const twice = [...records].filter(([, times]) => times > 1);
  if (twice.length > 0) problems.push(`${twice.length} frames have several records, the first is ${twice[0]?.[0]}`);
  const unbacked = [...records.keys()].filter((key) => !frames.has(key));
  if (unbacked.length > 0) problems.push(`${unbacked.length} records are of frames that are not recorded, the first is ${unbacked[0]}`);
  const pending = [...frames].filter((key) => !records.has(key));
  if (isAtRest && pending.length > 0) problems.push(`${pending.length} recorded frames have no record: ${pending.slice(0, 5).join(' ')} … ${pending.at(-1)}`);
  return { detected: agesMs.length, dropped, agesMs: agesMs.sort((a, b) => a - b) };
}

/** The client saw exactly the store's records, in order, each once. */
function checkLines(lines: readonly RecordLine[], store: Store, camera: string, problems: string[]): void {
  const ids = lines.map(({ id }) => id);
  const isAscending = ids.every((id, index) => index === 0 || id > (ids[index - 1] ?? 0));
  if (!isAscending) problems.push('the client read a record twice or out of order');
  const last = ids.at(-1) ?? 0;
  const known = new Set<number>();
  for (let after = 0, page = store.recordsAfter(0, 4096, camera as CameraId); page.length > 0; page = store.recordsAfter(after, 4096, camera as CameraId)) {
    for (const { id } of page) { after = id; if (id <= last) known.add(id); }
  }
  const seen = new Set(ids);
  const strangers = ids.filter((id) => !known.has(id));
  if (strangers.length > 0) problems.push(`the client read ${strangers.length} records that the store does not hold (ids ${strangers.slice(0, 3).join(' ')})`);
  const missed = [...known].filter((id) => !seen.has(id));
  if (missed.length > 0) problems.push(`the client missed ${missed.length} records (ids ${missed.slice(0, 3).join(' ')} …)`);
}
