import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { DEVIATION_MAX, SizeModel } from '../../../src/feature-ops/activity/size-model.ts';
import { diceOf } from '../../support/dice.ts';

/** GOPs of P pictures that start small behind the key frame and settle, as x264 makes them of a still, noisy scene. */
function learn(model: SizeModel, gops: number, length: number, sizeOf: (position: number) => number): void {
  for (let gop = 0; gop < gops; gop += 1) {
    for (let position = 0; position < length; position += 1) {
      const picture = { kind: position === 0 ? 'key' as const : 'p' as const, position, sizeBytes: position === 0 ? 50_000 : Math.round(sizeOf(position)) };
      model.pass(picture);
      model.learn(picture);
    }
  }
}

test('each place behind the key frame has its own usual size', () => {
  const model = new SizeModel();
  const dice = diceOf(3);
  const usual = (position: number): number => 400 + 80 * Math.min(position, 12);
  learn(model, 10, 30, position => usual(position) + dice.between(-20, 20));
  for (const position of [1, 5, 12, 29]) {
    const at = (factor: number): number => model.deviation({ kind: 'p', position, sizeBytes: Math.round(usual(position) * factor) })!;
    assert.ok(Math.abs(at(1)) < 1.5, `usual at ${position}`);
    assert.ok(at(1.5) > 3, `half more at ${position}: ${at(1.5)}`);
    assert.is(at(10), DEVIATION_MAX);
    assert.is(at(0.01), -DEVIATION_MAX);
  }
  assert.is(model.deviation({ kind: 'b', position: 3, sizeBytes: 100 }), undefined, 'nothing is known of B pictures');
});

test('a few large pictures of a still scene do not make all of them usual, and a change of light is learnt within a minute', () => {
  const model = new SizeModel();
  const dice = diceOf(4);
  learn(model, 20, 30, () => (dice.chance(0.04) ? 5_000 : 500 + dice.between(-25, 25)));
  assert.ok(model.deviation({ kind: 'p', position: 20, sizeBytes: 900 })! > 3);
  learn(model, 30, 30, () => 900 + dice.between(-45, 45));
  assert.ok(Math.abs(model.deviation({ kind: 'p', position: 20, sizeBytes: 900 })!) < 1.5);
});

test('what moves shows in steady small pictures, and not in large ones that scatter', () => {
  const dice = diceOf(5);
  const steady = new SizeModel();
  learn(steady, 12, 30, () => 500 + dice.between(-30, 30));
  const noisy = new SizeModel();
  learn(noisy, 12, 30, () => dice.between(2_000, 14_000));
  assert.ok(steady.visibility(0.006)! > 2, `${steady.visibility(0.006)}`);
  assert.ok(noisy.visibility(0.006)! < 0.5, `${noisy.visibility(0.006)}`);
  assert.ok(noisy.visibility(0.1)! > noisy.visibility(0.006)!, 'more shows better');
});

test('nothing is said before there is something to go by, nor of streams that are all key frames', () => {
  const model = new SizeModel();
  assert.is(model.visibility(0.01), undefined);
  learn(model, 2, 30, () => 500);
  assert.is(model.visibility(0.01), undefined, 'two GOPs are too few');
  const stills = new SizeModel();
  learn(stills, 20, 1, () => 0);
  assert.is(stills.visibility(0.01), 0);
});

test.run();
