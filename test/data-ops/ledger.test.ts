import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { epochMicros } from '../../src/engine/units.ts';
import { balanceOf, printLedger, verifyLedger } from '../../src/data-ops/ledger.ts';
import { openSqliteStore } from '../../src/data-ops/sqlite-store.ts';
import type { CommittedRecord, Store } from '../../src/data-ops/store.ts';
import { camera, chunkRow, detected, dropped, frozenClock } from '../support/ledger-fixtures.ts';

const DOCK = camera('dock-2');

function withStore(work: (store: Store) => void): void {
  const folder = mkdtempSync(join(tmpdir(), 'vto-ledger-'));
  const store = openSqliteStore(join(folder, 'vto.db'), { clock: frozenClock });
  try { work(store); } finally {
    store.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** A store that answers as another one does, but for what is named. */
function lying(store: Store, lies: Partial<Store>): Store {
  return { ...Object.fromEntries((['chunks', 'balances', 'recordsAfter'] as const).map((name) => [name, store[name].bind(store)])), ...lies } as Store;
}

test('counts a frame with a record as received before the index has it, and never less than nothing as pending', () => {
  const parts = { camera: DOCK, epoch: 1, detected: 3, dropped: { stale: 5 }, gaps: 1, pruned: 0 };
  assert.equal(balanceOf({ ...parts, indexed: [{ from: 0, to: 3 }], accounted: [{ from: 0, to: 7 }] }), { camera: DOCK, epoch: 1, received: 8, detected: 3, dropped: { stale: 5 }, pending: 0, gaps: 1, pruned: 0 });
  const later = balanceOf({ ...parts, indexed: [{ from: 0, to: 9 }], accounted: [{ from: 0, to: 3 }, { from: 6, to: 9 }] });
  assert.equal([later.received, later.pending], [10, 2]);
});

test('prints a sound ledger as sums that add up', () => {
  withStore((store) => {
    store.putChunks([chunkRow({ camera: DOCK, epoch: 1, chunkSeq: 0, frameCount: 20 })]);
    store.append([detected(DOCK, 1, 0), dropped(DOCK, 1, 1, 9, 'rate'), dropped(DOCK, 1, 12, 13, 'stale')]);
    const report = verifyLedger(store);
    assert.ok(report.isSound);
    assert.equal([report.records, report.pending], [3, 8]);
    assert.is(printLedger(report), 'dock-2 epoch 1: received 20 = detected 1 + dropped 11 (rate 9, stale 2) + pending 8; gaps 0');
    store.pruneRecords(epochMicros(2 ** 52));
    assert.equal(verifyLedger(store), { ...report, records: 0, balances: [{ ...report.balances[0], pruned: 12 }] });
  });
});

test('finds frames without a chunk, holes, repeated records and counts that disagree', () => {
  withStore((store) => {
    store.putChunks([chunkRow({ camera: DOCK, epoch: 1, chunkSeq: 0, frameCount: 5 }), chunkRow({ camera: DOCK, epoch: 1, chunkSeq: 1, firstFrameSeq: 7, frameCount: 3 })]);
    store.append([detected(DOCK, 1, 0), detected(DOCK, 1, 10)]);
    const kinds = (of: Store): readonly string[] => verifyLedger(of).problems.map(({ kind }) => kind);
    assert.equal(kinds(store), ['hole', 'unbacked']);
    const recordsAfter = (after: number, max: number): readonly CommittedRecord[] => [...store.recordsAfter(after, max), ...after === 0 ? [{ id: 99, record: dropped(DOCK, 1, 0, 3) }] : []];
    assert.equal(kinds(lying(store, { recordsAfter })), ['duplicate', 'count', 'hole', 'unbacked']);
    assert.equal(kinds(lying(store, { balances: () => store.balances().map((balance) => ({ ...balance, received: 99 })) })), ['unbalanced', 'hole', 'unbacked']);
    assert.match(printLedger(verifyLedger(store)), 'hole: 2 frames were never received, the first is 5');
  });
});

test.run();
