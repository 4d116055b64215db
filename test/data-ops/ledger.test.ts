import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { balanceOf, droppedTotal } from '../../src/data-ops/ledger.ts';
import { camera } from '../support/ledger-fixtures.ts';

const DOCK = camera('dock-2');

test('counts a frame with a record as received before the index has it, and never less than nothing as pending', () => {
  const parts = { camera: DOCK, epoch: 1, detected: 3, dropped: { stale: 5 }, gaps: 1, pruned: 0 };
  assert.equal(balanceOf({ ...parts, indexed: [{ from: 0, to: 3 }], accounted: [{ from: 0, to: 7 }] }), { camera: DOCK, epoch: 1, received: 8, detected: 3, dropped: { stale: 5 }, pending: 0, gaps: 1, pruned: 0 });
  const later = balanceOf({ ...parts, indexed: [{ from: 0, to: 9 }], accounted: [{ from: 0, to: 3 }, { from: 6, to: 9 }] });
  assert.equal([later.received, later.pending], [10, 2]);
});

test('sums drops over their reasons', () => {
  assert.is(droppedTotal({ rate: 9, stale: 2 }), 11);
  assert.is(droppedTotal({}), 0);
});

test.run();
