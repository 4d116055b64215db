import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { gapsBetween } from '../../../actors/ingest/history.ts';
import type { ChunkRow } from '../../../src/data-ops/store.ts';
import { epochMicros } from '../../../src/engine/units.ts';
import { camera } from '../../support/ledger-fixtures.ts';

const DOCK = camera('dock-2');
const SECOND = 1e6;
const NOW = epochMicros(1_700_000_000 * SECOND);

/** A chunk from `from` to `to` seconds before now. */
function chunk(epoch: number, chunkSeq: number, from: number, to: number, frameCount = 10): ChunkRow {
  return {
    camera: DOCK, epoch, chunkSeq, path: `${epoch}-${chunkSeq}`, firstFrameSeq: 0, frameCount, startedAt: epochMicros(NOW - from * SECOND), endedAt: epochMicros(NOW - to * SECOND),
    sizeBytes: 1, isOpenGop: false, contentHash: null, isClosed: true, isExpired: false,
  };
}

const seconds = (rows: readonly ChunkRow[]): unknown => gapsBetween(DOCK, rows, NOW).map((event) => event.type === 'gap' && [(NOW - event.from) / SECOND, (NOW - event.to) / SECOND]);

test('what lies between two sessions is a gap, whatever the order of the chunks', () => {
  assert.equal(seconds([chunk(3, 0, 20, 15), chunk(1, 1, 90, 80), chunk(1, 0, 100, 90), chunk(2, 0, 70, 60)]), [[80, 70], [60, 20]]);
});

test('what was back-filled lies between the sessions around it: what it covers is no gap', () => {
  assert.equal(seconds([chunk(4, 0, 100, 90), chunk(5, 0, 91, 70), chunk(8, 0, 70, 60)]), []);
  assert.equal(seconds([chunk(4, 0, 100, 90), chunk(5, 0, 91, 80), chunk(8, 0, 70, 60)]), [[80, 70]]);
});

test('sessions without a frame, of another clock or of the day before yesterday make none', () => {
  assert.equal(seconds([chunk(1, 0, 100, 90), chunk(2, 0, 70, 70, 0)]), []);
  assert.equal(seconds([chunk(1, 0, 100, 90), chunk(2, 0, 95, 60)]), [], 'it began before the other ended');
  assert.equal(seconds([chunk(1, 0, 300_000, 290_000), chunk(2, 0, 200_000, 100)]), []);
  assert.equal(seconds([]), []);
});

test.run();
