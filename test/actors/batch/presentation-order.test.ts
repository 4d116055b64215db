import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { PresentationOrder } from '../../../actors/batch/presentation-order.ts';
import { unit } from '../../support/archive-fixtures.ts';
import { rollDice } from '../../support/dice.ts';

function numbers(pts: readonly (number | null)[]): number[] {
  const order = new PresentationOrder();
  for (const [index, at] of pts.entries()) order.add(unit(index, { pts: at }));
  return pts.map((_, index) => order.indexOf(index));
}

test('pictures stored I P B B are numbered I B B P', () => {
  assert.equal(numbers([0, 3, 1, 2, 6, 4, 5]), [0, 3, 1, 2, 6, 4, 5]);
  assert.equal(numbers([-200, 400, 0, 200]), [0, 3, 1, 2]);
});

test('without times they keep the order they are stored in', () => assert.equal(numbers([null, null, null]), [0, 1, 2]));

test('any reordering that a decoder can undo is undone, however long the file', () => {
  const dice = rollDice('presentation order');
  const order = new PresentationOrder();
  let stored = 0;
  for (let shown = 0; shown < 30_000;) {
    const group = Array.from({ length: dice.between(1, 16) }, (_, index) => shown + index);
    const asStored = group.toSorted(() => dice.between(0, 2) - 1);
    for (const [index, at] of asStored.entries()) order.add(unit(stored + index, { pts: at * 512 }));
    for (const [index, at] of asStored.entries()) assert.is(order.indexOf(stored + index), at);
    stored += group.length;
    shown += group.length;
  }
});

test.run();
