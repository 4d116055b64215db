import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { readSidecar } from '../../src/data-ops/archive/sidecar.ts';
import { sidecarPath } from '../../src/data-ops/archive/chunk-path.ts';
import type { ChunkRow, Store } from '../../src/data-ops/store.ts';
import type { CameraId } from '../../src/engine/units.ts';
import { readChunkFile } from '../../src/media/index.ts';
import { readCounter } from './frame-counter.ts';
import type { SentFrame } from './rtsp-server.ts';

/** A frame of the archive. */
export interface RecordedFrame {
  readonly epoch: number;
  /** Which source it is of, by its width. */
  readonly width: number;
  /** null where the source writes none. */
  readonly counter: number | null;
  readonly capturedAt: number;
  readonly isKey: boolean;
  /** In seconds. */
  readonly pts: number;
  readonly dts: number;
}

/** Every recorded frame of a camera, by epoch, in order. */
export async function recordedEpochs(data: string, store: Store, camera: string): Promise<readonly (readonly RecordedFrame[])[]> {
  const epochs = new Map<number, RecordedFrame[]>();
  for (const row of store.chunks({ camera: camera as CameraId })) {
    if (row.frameCount === 0) continue;
    const frames = epochs.get(row.epoch) ?? [];
    epochs.set(row.epoch, frames);
    frames.push(...await framesOf(data, row));
  }
  return [...epochs].sort(([a], [b]) => a - b).map(([, frames]) => frames);
}

async function framesOf(data: string, row: ChunkRow): Promise<RecordedFrame[]> {
  const file = join(data, 'archive', row.path);
  const [reader, sidecar] = [await readChunkFile(file), await readSidecar(sidecarPath(file))];
  const { framing, timeBase, width } = reader.parameters;
  const frames: RecordedFrame[] = [];
  try {
    for (let packet = await reader.read(); packet !== undefined; packet = await reader.read()) {
      const seconds = (ticks: number | null): number => (ticks ?? Number.NaN) * timeBase.num / timeBase.den;
      frames.push({
        epoch: row.epoch, width, isKey: packet.isKey, counter: framing === 'raw' ? null : readCounter(packet.data, framing), capturedAt: sidecar?.at(frames.length)?.capturedAt ?? Number.NaN,
        pts: seconds(packet.pts), dts: seconds(packet.dts),
      });
    }
  } finally {
    await reader.close();
  }
  return frames;
}

/** What is known of a camera with several sources. */
export interface LadderEvidence {
  readonly epochs: readonly (readonly RecordedFrame[])[];
  /** What each source says it sent, by the width of its pictures; a source that keeps no log is left out. */
  readonly sent: ReadonlyMap<number, readonly SentFrame[]>;
  readonly gaps: readonly { readonly from: number; readonly to: number }[];
}

/** Event times survive as whole microseconds. */
const ROUNDING_MICROS = 2;

/**
 * Judges the recordings of one camera: within an epoch every frame of its source, none missing or twice; time stamps that only grow from epoch
 * to epoch; between two epochs one gap event with the exact bounds, or none where the second begins before the first ends.
 */
export function judgeLadder({ epochs, sent, gaps }: LadderEvidence): readonly string[] {
  const problems: string[] = [];
  const untold = [...gaps];
  for (const [index, frames] of epochs.entries()) {
    const [first, last] = [frames[0], frames.at(-1)];
    if (first === undefined || last === undefined) continue;
    if (!first.isKey) problems.push(`epoch ${first.epoch} does not begin with a key frame`);
    problems.push(...unsent(frames, sent), ...backward(frames, epochs[index - 1]));
    const before = epochs[index - 1]?.at(-1);
    if (before === undefined || first.capturedAt <= before.capturedAt) continue;
    const told = untold.findIndex(({ from, to }) => Math.abs(from - before.capturedAt) <= ROUNDING_MICROS && Math.abs(to - first.capturedAt) <= ROUNDING_MICROS);
    if (told < 0) problems.push(`nobody told of the gap of ${(first.capturedAt - before.capturedAt) / 1000} ms in front of epoch ${first.epoch}`);
    else untold.splice(told, 1);
  }
  for (const { from, to } of untold) problems.push(`a gap was told of where there is none: ${from} to ${to}`);
  return problems;
}

/** Frames that their source did not send, and holes between them. */
function unsent(frames: readonly RecordedFrame[], sent: LadderEvidence['sent']): string[] {
  const problems: string[] = [];
  const log = sent.get(frames[0]?.width ?? 0);
  if (log === undefined) return problems;
  const counters = new Set(log.map(({ counter }) => counter));
  for (const [index, { counter, epoch, width }] of frames.entries()) {
    if (counter === null || !counters.has(counter)) problems.push(`frame ${index} of epoch ${epoch} (counter ${counter}) was never sent by the source of width ${width}`);
    const before = frames[index - 1]?.counter;
    if (before !== undefined && before !== null && counter !== null && counter !== before + 1) problems.push(`counter ${counter} follows ${before} in epoch ${epoch}`);
  }
  return problems;
}

function backward(frames: readonly RecordedFrame[], before: readonly RecordedFrame[] | undefined): string[] {
  const problems: string[] = [];
  let dts = Math.max(Number.NEGATIVE_INFINITY, ...(before ?? []).map(frame => frame.dts));
  const pts = Math.max(Number.NEGATIVE_INFINITY, ...(before ?? []).map(frame => frame.pts));
  for (const [index, frame] of frames.entries()) {
    if (!(frame.dts > dts) || !(frame.pts > pts)) problems.push(`frame ${index} of epoch ${frame.epoch} has DTS ${frame.dts} and PTS ${frame.pts} behind ${dts} and, in the epoch before, ${pts}`);
    dts = frame.dts;
  }
  return problems;
}

/** What ffmpeg says against the recorded chunks of a camera, each decoded from its first frame to its last; nothing is what it should say. */
export async function decodingErrors(data: string, store: Store, camera: string): Promise<readonly string[]> {
  const rows = store.chunks({ camera: camera as CameraId }).filter(({ frameCount }) => frameCount > 0);
  const { stderr, decoded } = await decode(rows.map(({ path }) => join(data, 'archive', path)));
  return [
    ...stderr === '' ? [] : [`${camera}: ${stderr.trim().slice(0, 300)}`],
    ...rows.flatMap(({ path, frameCount }, index) => (decoded.get(index) === frameCount ? [] : [`${path}: ${decoded.get(index) ?? 0} pictures of ${frameCount} frames`])),
  ];
}

/** Each file as an input of its own, so that every one is decoded from nothing; pictures by its number. */
async function decode(paths: readonly string[]): Promise<{ readonly stderr: string; readonly decoded: ReadonlyMap<number, number> }> {
  const inputs = paths.flatMap((path) => ['-threads', '1', '-i', path]);
  const maps = paths.flatMap((_, index) => ['-map', `${index}:v:0`]);
  const child = spawn('ffmpeg', ['-v', 'error', ...inputs, ...maps, '-fps_mode', 'passthrough', '-f', 'framecrc', '-'], { stdio: ['ignore', 'pipe', 'pipe'] });
  const texts = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) child[name].setEncoding('utf8').on('data', (text: string) => { texts[name] += text; });
  await new Promise((resolve) => { child.on('close', resolve); });
  const decoded = new Map<number, number>();
  for (const line of texts.stdout.split('\n')) {
    const stream = /^(\d+),/.exec(line)?.[1];
    if (stream !== undefined) decoded.set(Number(stream), (decoded.get(Number(stream)) ?? 0) + 1);
  }
  return { stderr: texts.stderr, decoded };
}
