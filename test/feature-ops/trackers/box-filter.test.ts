import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { BoxFilter, overlap, type Corners } from '../../../src/feature-ops/trackers/box-filter.ts';
import { seeded } from '../../support/small-models.ts';

/** A box of 40x80 that moves at 120 pixels a second. */
const at = (seconds: number): Corners => ({ x1: 120 * seconds, y1: 50 + 30 * seconds, x2: 40 + 120 * seconds, y2: 130 + 30 * seconds });

test('learns the pace of an object, at any frame rate', () => {
  for (const fps of [2, 5, 15, 30, 60]) {
    const filter = new BoxFilter(at(0));
    const end = Math.max(1, 8 / fps);
    let seconds = 0;
    for (; seconds < end; seconds += 1 / fps) {
      filter.predict(1 / fps, false);
      filter.update(at(seconds + 1 / fps));
    }
    filter.predict(0.3, false);
    assert.ok(overlap(filter.box(), at(seconds + 0.3)) > 0.85, `${fps} fps: overlap ${overlap(filter.box(), at(seconds + 0.3))}`);
  }
});

test('two half steps lead where one whole step does', () => {
  const [one, two] = [new BoxFilter(at(0)), new BoxFilter(at(0))];
  for (const [filter, steps] of [[one, [0.4]], [two, [0.1, 0.3]]] as const) {
    filter.predict(0.1, false);
    filter.update(at(0.1));
    for (const step of steps) filter.predict(step, false);
    filter.update(at(0.5));
    filter.predict(0.2, false);
  }
  assert.ok(overlap(one.box(), two.box()) > 0.995, `overlap ${overlap(one.box(), two.box())}`); // noise of place is added per time, that of pace integrated
});

test('smooths boxes that tremble', () => {
  const random = seeded(3);
  const filter = new BoxFilter(at(0));
  let [raw, smooth] = [0, 0];
  for (let frame = 1; frame <= 200; frame += 1) {
    const truth = at(frame / 30);
    const noise = (): number => (random() - 0.5) * 12;
    const seen = { x1: truth.x1 + noise(), y1: truth.y1 + noise(), x2: truth.x2 + noise(), y2: truth.y2 + noise() };
    filter.predict(1 / 30, false);
    filter.update(seen);
    if (frame < 30) continue;
    raw += 1 - overlap(seen, truth);
    smooth += 1 - overlap(filter.box(), truth);
  }
  assert.ok(smooth < raw * 0.8, `smoothed ${smooth} of ${raw}`);
});

test('an object that is not seen keeps its height, and boxes never become inside out', () => {
  const filter = new BoxFilter({ x1: 0, y1: 0, x2: 10, y2: 100 });
  for (let frame = 1; frame <= 10; frame += 1) {
    filter.predict(1 / 30, false);
    filter.update({ x1: 0, y1: 0, x2: 10, y2: 100 - frame * 9 });
  }
  const before = filter.box();
  filter.predict(2, true);
  const after = filter.box();
  assert.ok(Math.abs((after.y2 - after.y1) - (before.y2 - before.y1)) < 1e-9);
  filter.predict(1e4, false);
  assert.ok(filter.box().x2 > filter.box().x1 && filter.box().y2 > filter.box().y1);
});

test('overlap is intersection over union', () => {
  const box = { x1: 0, y1: 0, x2: 10, y2: 10 };
  assert.is(overlap(box, box), 1);
  assert.is(overlap(box, { x1: 5, y1: 0, x2: 15, y2: 10 }), 50 / 150);
  assert.is(overlap(box, { x1: 10, y1: 0, x2: 20, y2: 10 }), 0);
});

test.run();
