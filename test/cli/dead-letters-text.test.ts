import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { formatLetters, lettersNdjson } from '../../src/cli/dead-letters-text.ts';
import type { LetterEntry } from '../../src/data-ops/dead-letters.ts';
import { epochMicros } from '../../src/engine/units.ts';

const ENTRY: LetterEntry = {
  partition: 2, offset: 17, payloadBytes: 512, isRetried: true,
  letter: { topic: 'vto.chunks', partition: 2, offset: 940, group: 'vto.detector', key: 'dock', headers: { ce_id: 'x' }, errorCode: 'RECORD_INVALID', errorMessage: 'no record', tries: 3, at: epochMicros(1_700_000_000_123_456) },
};

test('a letter is a line of an aligned table', () => {
  assert.equal(formatLetters({ entries: [ENTRY], total: 5, unreadable: 1 }).split('\n'), [
    'partition  offset  given up (UTC)       source            key   tries  retried  why',
    '2          17      2023-11-14T22:13:20  vto.chunks 2/940  dock  3      yes      RECORD_INVALID: no record',
    '5 dead letters, the newest 1 are shown',
    '1 records of the topic are no dead letters',
  ]);
  assert.is(formatLetters({ entries: [], total: 0, unreadable: 0 }), '0 dead letters');
});

test('a letter is a line of JSON, with where it lies, where it was and why', () => {
  assert.equal(JSON.parse(lettersNdjson([ENTRY])), {
    partition: 2, offset: 17, at: '2023-11-14T22:13:20.123456Z', isRetried: true, source: { topic: 'vto.chunks', partition: 2, offset: 940, key: 'dock' }, group: 'vto.detector', tries: 3,
    errorCode: 'RECORD_INVALID', errorMessage: 'no record', headers: { ce_id: 'x' }, payloadBytes: 512,
  });
});

test.run();
