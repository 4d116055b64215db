// The pipeline as `vto infer` runs it: this process reads the records of a batch process below it.
// Arguments: a JSON of LoopOrder. Prints a LoopResult as JSON.
import { systemRandom } from '../../src/engine/seeded-random.ts';
import { systemClock } from '../../src/engine/system-clock.ts';
import { runBatch } from '../../actors/batch/batch-run.ts';
import type { LoopOrder } from './loop-order.ts';
import { Stopwatch } from './stopwatch.ts';

const order = JSON.parse(process.argv[2] ?? '') as LoopOrder;
const watch = new Stopwatch(order);
const records = runBatch({
  uri: order.files.length === 1 ? order.files[0] ?? '' : order.files, every: 1, maxFps: null, clock: systemClock, random: systemRandom,
  model: { model: order.model, family: 'auto', providers: ['cpu'], scoreMin: 0.35, iouMax: 0.5, labels: [] },
});
for await (const record of records) {
  if (record.kind !== 'detected') throw new Error(`a batch dropped frames: ${record.reason}`);
  watch.frame();
}
process.stdout.write(`${JSON.stringify(watch.result())}\n`);
