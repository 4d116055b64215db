// The resident memory of a batch process while it works. Arguments: a JSON of MemoryOrder. Prints a MemoryResult as JSON.
import { systemRandom } from '../../src/engine/seeded-random.ts';
import { systemClock } from '../../src/engine/system-clock.ts';
import { runBatch } from '../../actors/batch/batch-run.ts';
import { quantile } from './bench.ts';
import { residentBytes, treeOf } from './process-tree.ts';

/** What is run, all files at once. */
export interface MemoryOrder { readonly files: readonly string[]; readonly frames: number }
/** Median resident bytes of the batch process in two quarters of the frames. */
export interface MemoryResult { readonly secondQuarter: number; readonly lastQuarter: number; readonly wallMs: number }

const SAMPLE_EVERY_MS = 100;

const order = JSON.parse(process.argv[2] ?? '') as MemoryOrder;
const samples: { readonly frame: number; readonly bytes: number }[] = [];
let frame = 0;
let sampledAtMs = 0;
let child: number | undefined;
const startMs = performance.now();
for await (const record of runBatch({
  uri: order.files, every: 1, maxFps: null, clock: systemClock, random: systemRandom,
  model: { model: 'motion', family: 'auto', providers: ['cpu'], scoreMin: 0.35, iouMax: 0.5, labels: [] },
})) {
  if (record.kind !== 'detected') throw new Error(`a batch dropped frames: ${record.reason}`);
  frame += 1;
  if (performance.now() - sampledAtMs < SAMPLE_EVERY_MS) continue;
  sampledAtMs = performance.now();
  child ??= treeOf(process.pid).find(pid => pid !== process.pid);
  const bytes = child === undefined ? undefined : residentBytes(child);
  if (bytes !== undefined) samples.push({ frame, bytes });
}
if (frame !== order.frames) throw new Error(`${frame} frames instead of ${order.frames}`);
const between = (from: number, to: number): number => quantile(samples.filter(sample => sample.frame >= from * order.frames && sample.frame < to * order.frames).map(sample => sample.bytes), 0.5);
const result: MemoryResult = { secondQuarter: between(0.25, 0.5), lastQuarter: between(0.75, 1), wallMs: performance.now() - startMs };
process.stdout.write(`${JSON.stringify(result)}\n`);
