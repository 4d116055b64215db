import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { TopicAudit, type TopicReport } from '../../src/data-ops/topic-audit.ts';
import { epochMicros } from '../../src/engine/units.ts';
import type { CameraPosition } from '../../src/messages/position.ts';
import type { TerminalRecord } from '../../src/messages/terminal-record.ts';
import { rollDice } from '../support/dice.ts';
import { camera, detected, dropped } from '../support/ledger-fixtures.ts';

const DOCK = camera('dock');
const NOTHING = { chunks: new Set<number>(), records: new Set<number>() };

interface Topics {
  /** First and last frame of each part, in the order of their offsets, all in partition 0. */
  readonly parts?: readonly (readonly [number, number])[];
  readonly records?: readonly TerminalRecord[];
  readonly committed?: number;
  readonly waiting?: readonly number[];
  readonly positions?: readonly CameraPosition['epochs'][number][];
  readonly trimmed?: typeof NOTHING;
}

function part(from: number, to: number, epoch = 1) {
  return { camera: DOCK, epoch, units: Array.from({ length: to - from + 1 }, (_, index) => ({ frameSeq: from + index })) };
}

function auditOf({ parts = [], records = [], committed = parts.length, waiting = [], positions = [], trimmed = NOTHING }: Topics): TopicReport {
  const audit = new TopicAudit({ committed: new Map([[0, committed]]) });
  for (const frameSeq of waiting) audit.waiting({ partition: 0, offset: 0 }, { camera: DOCK, epoch: 1, frameSeq });
  for (const [offset, record] of records.entries()) audit.record({ partition: 0, offset }, record);
  for (const [offset, [from, to]] of parts.entries()) audit.chunk({ partition: 0, offset }, part(from, to));
  audit.position({ partition: 0, offset: 0 }, { group: 'vto.detector', camera: DOCK, epochs: positions, at: epochMicros(0) });
  return audit.report(trimmed);
}

const position = (terminalTo: number, ...above: readonly (readonly [number, number])[]) => ({
  epoch: 1, chunkOffset: 0, chunkAtMs: 0, terminalTo, terminalAbove: above.map(([from, to]) => ({ from, to })), isOver: false,
});
const kinds = ({ problems }: TopicReport): readonly string[] => problems.map(({ kind }) => kind);

test('frames that have one record each are sound, and balance', () => {
  const report = auditOf({ parts: [[0, 4], [5, 9]], records: [detected(DOCK, 1, 0), dropped(DOCK, 1, 1, 8, 'rate'), detected(DOCK, 1, 9)], positions: [position(7, [9, 9])] });
  assert.ok(report.isSound);
  assert.equal(report.balances, [{ camera: DOCK, epoch: 1, frames: 10, detected: 2, dropped: { rate: 8 }, pending: 0, holes: 0, chunksRemoved: 0, recordsRemoved: 0, repeated: 0 }]);
});

test('a frame without a record is lost below what the group has committed, and pending above it', () => {
  const records = [dropped(DOCK, 1, 0, 3), dropped(DOCK, 1, 5, 9)];
  const report = auditOf({ parts: [[0, 4], [5, 9], [10, 14]], records, committed: 2 });
  assert.equal([kinds(report), report.pending, report.isSound], [['lost'], 5, false]);
  assert.match(report.problems[0]!.message, /^camera 'dock' epoch 1: 1 frames in chunks have no record and nobody works on them: 4$/);
  assert.equal([auditOf({ parts: [[0, 4], [5, 9]], records, committed: 0 }).pending, auditOf({ parts: [[0, 4], [5, 9]], records, committed: 0 }).isSound], [1, true]);
});

test('a frame that was sent again is pending only where every copy of it is above what is committed', () => {
  const report = auditOf({ parts: [[0, 4], [3, 7]], records: [dropped(DOCK, 1, 0, 2)], committed: 1 });
  assert.equal([kinds(report), report.pending, report.balances[0]!.repeated], [['lost'], 3, 2]);
});

test('a frame whose feature waits for its detector is pending', () => {
  const report = auditOf({ parts: [[0, 4]], records: [dropped(DOCK, 1, 0, 2)], waiting: [3, 4] });
  assert.equal([kinds(report), report.pending], [[], 2]);
});

test('a second record of a frame is a duplicate', () => {
  const report = auditOf({ parts: [[0, 4]], records: [dropped(DOCK, 1, 0, 4), detected(DOCK, 1, 2), dropped(DOCK, 1, 4, 4, 'stale')] });
  assert.equal([kinds(report), report.balances[0]!.detected, report.balances[0]!.dropped], [['duplicate', 'duplicate'], 0, { 'not-wanted': 5 }]);
  assert.match(report.problems[0]!.message, /the record at offset 1 of partition 0 covers frame 2, 1 of them a second time/);
});

test('a record without a frame is unbacked, unless its node expired the frame before it came to Kafka', () => {
  const parts = [[0, 4], [10, 14]] as const;
  const sound = auditOf({ parts, records: [dropped(DOCK, 1, 0, 4), dropped(DOCK, 1, 5, 9, 'expired'), dropped(DOCK, 1, 10, 14)] });
  assert.equal([sound.isSound, sound.balances[0]!.holes], [true, 5]);
  const report = auditOf({ parts, records: [dropped(DOCK, 1, 0, 4), dropped(DOCK, 1, 5, 9, 'stale'), dropped(DOCK, 1, 10, 14)] });
  assert.equal(kinds(report), ['unbacked']);
});

test('what retention has removed is told apart from what is missing', () => {
  const records = [dropped(DOCK, 1, 0, 6), dropped(DOCK, 1, 8, 9)];
  const trimmed = { chunks: new Set([0]), records: new Set<number>() };
  const report = auditOf({ parts: [[5, 9]], records, trimmed });
  assert.equal([kinds(report), report.balances[0]!.chunksRemoved, report.balances[0]!.frames], [['lost'], 5, 5]);
  assert.equal(kinds(auditOf({ parts: [[5, 9]], records: [dropped(DOCK, 1, 0, 12)], trimmed })), ['unbacked'], 'retention removes the oldest, not the newest');
  const late = auditOf({ parts: [[0, 9]], records: [dropped(DOCK, 1, 4, 9)], trimmed: { chunks: new Set(), records: new Set([0]) }, positions: [position(9)] });
  assert.equal([late.isSound, late.balances[0]!.recordsRemoved], [true, 4]);
  const gone = auditOf({ records: [dropped(DOCK, 1, 0, 6)], trimmed });
  assert.equal([gone.isSound, gone.balances[0]!.chunksRemoved], [true, 7]);
});

test('a position that claims more than there are records is told', () => {
  const report = auditOf({ parts: [[0, 4]], records: [dropped(DOCK, 1, 0, 2), detected(DOCK, 1, 4)], committed: 0, positions: [position(3, [4, 4])] });
  assert.equal(kinds(report), ['position']);
  assert.match(report.problems[0]!.message, /1 frames have a record that is not there: 3$/);
  assert.ok(auditOf({ parts: [[0, 4]], records: [dropped(DOCK, 1, 0, 4)], positions: [position(2)] }).isSound, 'records may be ahead: they were read later');
});

test('a camera in two partitions is told once', () => {
  const audit = new TopicAudit({ committed: new Map() });
  audit.chunk({ partition: 0, offset: 0 }, part(0, 1));
  audit.chunk({ partition: 1, offset: 0 }, part(2, 3));
  audit.chunk({ partition: 0, offset: 1 }, part(4, 5));
  assert.equal(kinds(audit.report(NOTHING)), ['partition']);
});

test('the first problems are kept and all are counted', () => {
  const audit = new TopicAudit({ committed: new Map(), problemsMax: 2 });
  for (let offset = 0; offset < 5; offset += 1) audit.unreadable('vto.detections', { partition: 0, offset }, 'no record');
  const report = audit.report(NOTHING);
  assert.equal([report.problems.length, report.problemCount, report.isSound], [2, 5, false]);
});

test('random histories without a fault are sound, and one fault anywhere is found', () => {
  const dice = rollDice('topic-audit');
  for (let round = 0; round < 200; round += 1) {
    const parts: [number, number][] = [];
    const records: TerminalRecord[] = [];
    const frames = dice.between(1, 60);
    for (let from = 0; from < frames;) { const to = Math.min(frames - 1, from + dice.between(0, 5)); parts.push([from, to]); if (dice.chance(0.2)) parts.push([from, to]); from = to + 1; }
    for (let from = 0; from < frames;) {
      const to = Math.min(frames - 1, from + dice.between(0, 3));
      records.push(from === to ? detected(DOCK, 1, from) : dropped(DOCK, 1, from, to, 'rate'));
      from = to + 1;
    }
    const shuffled = records.map(record => ({ record, at: dice.between(0, 1e9) })).sort((a, b) => a.at - b.at).map(({ record }) => record);
    assert.ok(auditOf({ parts, records: shuffled }).isSound, `round ${round}`);
    const victim = dice.between(0, shuffled.length - 1);
    assert.equal(kinds(auditOf({ parts, records: shuffled.toSpliced(victim, 1) })), ['lost'], `round ${round}`);
    assert.equal(kinds(auditOf({ parts, records: [...shuffled, shuffled[victim]!] })), ['duplicate'], `round ${round}`);
    assert.equal(kinds(auditOf({ parts, records: [...shuffled, detected(DOCK, 1, frames + dice.between(0, 3))] })), ['unbacked'], `round ${round}`);
  }
});

test.run();
