import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { BatchSize } from '../../src/inference/batch-size.ts';
import { rollDice } from '../support/dice.ts';

/** A device: what a batch takes, and how far that wavers. */
interface Device { readonly msOf: (frames: number) => number; readonly noise?: () => number }

/** Runs batches of the size asked for, or of `there` frames when fewer are. Returns how many there were of each size. */
function run(size: BatchSize, batches: number, { msOf, noise = () => 1 }: Device, there: () => number = () => Number.POSITIVE_INFINITY): ReadonlyMap<number, number> {
  const counts = new Map<number, number>();
  for (let batch = 0; batch < batches; batch += 1) {
    const frames = Math.min(size.target, there());
    counts.set(frames, (counts.get(frames) ?? 0) + 1);
    size.observe(frames, msOf(frames) * noise());
  }
  return counts;
}

/** As measured on processors: 2.9 ms a frame one at a time, 4.3 four at a time. */
const processor: Device = { msOf: frames => frames * (2.9 + 0.45 * (frames - 1)) };
/** A fixed price for each run, as on a GPU that is far from full. */
const gpu: Device = { msOf: frames => 3 + 0.4 * frames };

test('a processor is found to be best at one frame, and is hardly ever made to run more', () => {
  const dice = rollDice('processor');
  const size = new BatchSize({ max: 32, budgetMs: 50 });
  const counts = run(size, 20_000, { ...processor, noise: () => dice.between(90, 130) / 100 });
  assert.is(size.best, 1);
  assert.ok((counts.get(1) ?? 0) > 19_900, `single frames: ${counts.get(1)} of 20000`);
  assert.ok((counts.get(2) ?? 0) > 0, 'two were tried');
});

test('a device with a fixed price for each run is given batches, within a few hundred runs', () => {
  const dice = rollDice('gpu');
  const size = new BatchSize({ max: 32, budgetMs: 50 });
  run(size, 600, { ...gpu, noise: () => dice.between(95, 120) / 100 });
  assert.is(size.best, 32);
});

test('a batch never takes longer than the budget for long, whatever it would save', () => {
  const size = new BatchSize({ max: 64, budgetMs: 10 });
  run(size, 2_000, gpu);
  assert.is(size.best, 16);
  run(size, 20, { msOf: frames => 2 * gpu.msOf(frames) });
  assert.ok(2 * gpu.msOf(size.best) <= 10, `${size.best} frames of a device that became slower take ${2 * gpu.msOf(size.best)} ms`);
});

test('steps of a device are found: the best size, not the largest', () => {
  const size = new BatchSize({ max: 32, budgetMs: 100 });
  run(size, 4_000, { msOf: frames => 8 * Math.ceil(frames / 8) + (frames > 8 ? 6 : 0) });
  assert.is(size.best, 8);
});

test('where there are never enough frames for a larger batch, trying ends', () => {
  const size = new BatchSize({ max: 32, budgetMs: 50 });
  run(size, 500, gpu, () => 1);
  assert.is(size.best, 1);
  let asked = 0;
  for (let batch = 0; batch < 2_000; batch += 1) { if (size.target > 1) asked += 1; size.observe(1, gpu.msOf(1)); }
  assert.ok(asked < 400, `${asked} of 2000 times it asked for more`);
});

test('the first run of a size, which allocates, is not held against it', () => {
  const size = new BatchSize({ max: 2, budgetMs: 50 });
  const seen = new Set<number>();
  run(size, 200, { msOf: frames => { const ms = seen.has(frames) ? gpu.msOf(frames) : 500; seen.add(frames); return ms; } });
  assert.is(size.best, 2);
});

test('a model of one frame at a time has nothing to learn', () => {
  const size = new BatchSize({ max: 1, budgetMs: 0 });
  run(size, 1_000, gpu);
  assert.is(size.target, 1);
});

test.run();
