import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { epochMicros, type CameraId } from '../../src/engine/units.ts';
import { DropRuns } from '../../src/feature-ops/drop-runs.ts';
import { rollDice } from '../support/dice.ts';

test('gives each dropped frame back once, in runs of one reason, as few as possible', () => {
  const dice = rollDice('drop runs');
  for (let round = 0; round < 100; round += 1) {
    const runs = new DropRuns('cam' as CameraId, 4, { maxItems: 1000, withinMs: 10 });
    const reasons = Array.from({ length: dice.between(1, 60) }, () => dice.pick(['rate', 'stale', undefined] as const));
    const order = reasons.map((reason, seq) => ({ reason, seq })).sort(() => dice.between(-1, 1));
    for (const { reason, seq } of order) if (reason) runs.add(seq, reason, epochMicros(seq), 0);
    const taken = runs.take();
    const back = reasons.map(() => undefined as string | undefined);
    for (const run of taken) {
      assert.is(run.capturedAt, run.from);
      assert.is(run.isIntentional, run.reason === 'rate');
      for (let seq = run.from; seq <= run.to; seq += 1) { assert.is(back[seq], undefined); back[seq] = run.reason; }
    }
    assert.equal(back, reasons);
    assert.is(taken.length, reasons.filter((reason, seq) => reason !== undefined && reason !== reasons[seq - 1]).length);
    assert.equal(runs.take(), []);
  }
});

test('is due when there are too many, or when the first has waited long enough', () => {
  const runs = new DropRuns('cam' as CameraId, 1, { maxItems: 2, withinMs: 100 });
  assert.not.ok(runs.isDue(1e9));
  runs.add(0, 'rate', epochMicros(0), 1000);
  assert.equal([runs.isDue(1099), runs.isDue(1100)], [false, true]);
  runs.add(1, 'rate', epochMicros(0), 1001);
  assert.ok(runs.isDue(1001));
});

test.run();
