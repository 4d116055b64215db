import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { formatLedger } from '../../src/cli/ledger-text.ts';
import type { Balance } from '../../src/data-ops/store.ts';
import type { CameraId } from '../../src/engine/units.ts';

const BALANCE: Balance = { camera: 'dock-2' as CameraId, epoch: 3, received: 1200, detected: 1000, dropped: { stale: 150, rate: 49 }, pending: 1, gaps: 2 };

test('shows a line per camera and epoch, aligned, and their sum', () => {
  const lines = formatLedger([BALANCE, { ...BALANCE, camera: 'a' as CameraId, epoch: 11, received: 7, detected: 7, dropped: {}, pending: 0, gaps: 0 }]).split('\n');
  assert.equal(lines, [
    'ledger: received = detected + dropped + pending',
    'camera  epoch  received  detected  dropped             pending  gaps',
    'dock-2      3      1200      1000  stale 150, rate 49        1     2',
    'a          11         7         7  0                         0     0',
    'total              1207      1007  199                       1     2',
    'balanced',
  ]);
});

test('says when a single ledger does not add up', () => {
  assert.match(formatLedger([BALANCE, { ...BALANCE, detected: 999 }]), /\nNOT BALANCED$/);
});

test('no camera yet is a balanced ledger of nothing', () => {
  assert.match(formatLedger([]), /total +0 .*\nbalanced$/);
});

test.run();
