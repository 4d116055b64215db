import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { decodeRecord, encodeBody } from '../../src/data-ops/store/record-codec.ts';
import type { CommittedRecord } from '../../src/data-ops/store.ts';
import type { DetectedRecord } from '../../src/messages/terminal-record.ts';
import { recordJson } from '../../src/serving-ops/record-json.ts';
import { camera, detected } from '../support/ledger-fixtures.ts';

test('a box that names its object does so in the store and over REST, others say nothing of it', () => {
  const place = { classId: 0, label: 'person', score: 0.5, x1: 1, y1: 2, x2: 3, y2: 4 };
  const boxes = [{ ...place, trackId: 1_795_474_075_823 }, place];
  const record: DetectedRecord = { ...detected(camera('north'), 1, 3), boxes };
  const row = { id: 1, epoch_key: 1, from_seq: 3, to_seq: 3, captured_at: record.capturedAt, reason: null, model_key: 1, body: encodeBody(record) };
  const read = decodeRecord(row, { camera: camera('north'), epoch: 1 }, undefined) as DetectedRecord;
  assert.equal(read.boxes, boxes);
  assert.equal((recordJson({ id: 1, record: read } as CommittedRecord) as { boxes: unknown }).boxes, [
    { label: 'person', classId: 0, score: 0.5, box: [1, 2, 3, 4], trackId: 1_795_474_075_823 }, { label: 'person', classId: 0, score: 0.5, box: [1, 2, 3, 4] },
  ]);
});

test.run();
