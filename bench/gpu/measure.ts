import { readFileSync } from 'node:fs';
import { performance } from 'node:perf_hooks';
import { runBatch } from '../../actors/batch/batch-run.ts';
import { systemRandom } from '../../src/engine/seeded-random.ts';
import { systemClock } from '../../src/engine/system-clock.ts';
import { openSession } from '../../src/inference/session.ts';
import type { DetectedRecord } from '../../src/messages/terminal-record.ts';
import { quantile } from '../support/bench.ts';

/** What is measured on. */
export interface GpuCase {
  /** File of an `end-to-end` network whose first dimension is free. */
  readonly model: string;
  readonly size: number;
  readonly provider: string;
  readonly decoder: 'auto' | 'software' | 'nvdec';
  readonly files: readonly string[];
  /** Frames of all files together. */
  readonly frames: number;
  readonly warmUpFrames: number;
}

/** A batch size and what it gave. */
export interface LoopRow { readonly batch: number; readonly framesPerSecond: number; readonly p50Ms: number; readonly p99Ms: number }

/** onnxruntime's own loop: one run after the other at a fixed batch, on pictures that lie ready in memory. @throws PlatformError when the provider does not start */
export async function ortLoop({ model, size, provider }: GpuCase, batch: number, seconds: number): Promise<LoopRow> {
  const session = await openSession(readFileSync(model), { providers: [provider], warn: () => { /* one provider: there is no other */ } });
  const pixels = new Uint8Array(batch * size * size * 3);
  for (let index = 0; index < pixels.length; index += 1) pixels[index] = (index * 2_654_435_761) >>> 24; // zeros would run faster than pictures do
  const run = async (): Promise<unknown> => session.run({ frame: session.tensor('uint8', pixels, [batch, size, size, 3]) });
  for (let count = 0; count < 3; count += 1) await run(); // the first runs choose kernels and allocate
  const times: number[] = [];
  const endMs = performance.now() + seconds * 1000;
  while (performance.now() < endMs || times.length < 5) {
    const startMs = performance.now();
    await run();
    times.push(performance.now() - startMs);
  }
  await session.close();
  return { batch, framesPerSecond: batch * 1000 * times.length / times.reduce((sum, ms) => sum + ms, 0), p50Ms: quantile(times, 0.5), p99Ms: quantile(times, 0.99) };
}

/** What the pipeline gave. */
export interface PipelineResult {
  readonly framesPerSecond: number;
  /** Of the model's part of a frame, and of its decoding. */
  readonly inferMs: Quantiles;
  readonly decodeMs: Quantiles;
}

/** The middle and the worst hundredth, milliseconds. */
export interface Quantiles { readonly p50: number; readonly p99: number }

/** The pipeline as `vto infer` runs it, over all files at once. @throws Error when another provider than the one asked for ran the model, or frames are missing */
export async function pipelineRun({ model, provider, decoder, files, frames, warmUpFrames }: GpuCase): Promise<PipelineResult> {
  const records: DetectedRecord[] = [];
  let [startMs, endMs] = [0, 0];
  const batch = runBatch({
    uri: files, decoder, every: 1, maxFps: null, clock: systemClock, random: systemRandom,
    model: { model, family: 'end-to-end', providers: [provider], scoreMin: 0.3, iouMax: 0.5, labels: [] },
  });
  for await (const record of batch) {
    if (record.kind !== 'detected') throw new Error(`the batch dropped frames: ${record.reason}`);
    if (record.provider !== provider) throw new Error(`${record.provider} ran the model instead of ${provider}`);
    records.push(record);
    if (records.length === warmUpFrames) startMs = performance.now();
    if (records.length === frames) endMs = performance.now();
  }
  if (records.length !== frames || !records.every(({ boxes }) => boxes.length === 1)) throw new Error(`${records.length} frames instead of ${frames}, or frames without their box`);
  const measured = records.slice(warmUpFrames);
  return { framesPerSecond: measured.length * 1000 / (endMs - startMs), inferMs: quantilesOf(measured.map(({ timings }) => timings.inferMs)), decodeMs: quantilesOf(measured.map(({ timings }) => timings.decodeMs)) };
}

function quantilesOf(values: readonly number[]): Quantiles {
  return { p50: quantile(values, 0.5), p99: quantile(values, 0.99) };
}
