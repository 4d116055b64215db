import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { formatTopics } from '../../src/cli/topics-text.ts';
import type { TopicsReport } from '../../src/data-ops/audit-topics.ts';
import { camera } from '../support/ledger-fixtures.ts';

const REPORT: TopicsReport = {
  balances: [
    { camera: camera('dock'), epoch: 3, frames: 1200, detected: 1000, dropped: { stale: 150, rate: 49 }, pending: 1, holes: 0, chunksRemoved: 0, recordsRemoved: 0, repeated: 12 },
    { camera: camera('a'), epoch: 11, frames: 7, detected: 9, dropped: {}, pending: 0, holes: 2, chunksRemoved: 40, recordsRemoved: 3, repeated: 0 },
  ],
  problems: [], problemCount: 0, pending: 1, isSound: true, records: 1234, chunksProven: 7, notes: [],
};

test('shows a line per camera and epoch, aligned, and their sum', () => {
  assert.equal(formatTopics(REPORT).split('\n'), [
    'topics: frames + holes = detected + dropped + pending',
    'camera  epoch  frames  detected  dropped             pending  holes               removed  sent twice',
    'dock        3    1200      1000  stale 150, rate 49        1      0                     0          12',
    'a          11       7         9  0                         0      2  chunks 40, records 3           0',
    'total            1207      1009  199                       1      2  chunks 40, records 3          12',
    '1234 records read, 7 chunks are as they were recorded',
    'sound, 1 frames are still being worked on',
  ]);
});

test('names what is wrong, and how much more there is', () => {
  const text = formatTopics({ ...REPORT, problems: [{ kind: 'lost', message: "camera 'a' epoch 11: 2 frames" }], problemCount: 9, isSound: false, notes: ['an open transaction'] });
  assert.match(text, /\nPROBLEM lost: camera 'a' epoch 11: 2 frames\n… and 8 more\nnote: an open transaction\n1234 records read, 7 chunks are as they were recorded\nNOT SOUND$/);
});

test.run();
