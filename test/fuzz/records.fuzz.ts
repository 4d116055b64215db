import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { PlatformError } from '../../src/engine/errors.ts';
import { epochMicros, type CameraId } from '../../src/engine/units.ts';
import { chunkPartCodec } from '../../src/messages/chunk-part-codec.ts';
import type { ChunkPart } from '../../src/messages/chunk-part.ts';
import { terminalRecordCodec } from '../../src/messages/terminal-record-codec.ts';
import { parameters, unit } from '../support/archive-fixtures.ts';
import { fixedSchemaIds } from '../../src/messages/schema-ids.ts';
import { recordCodecs } from '../../src/messages/topics.ts';
import type { RecordCodec } from '../../src/messages/record-codec.ts';
import type { TopicName } from '../../src/messages/schema-history.ts';
import { diceOf } from '../support/dice.ts';
import { randomBody } from '../support/random-bodies.ts';
import { forEachCase, type FuzzRandom } from '../support/fuzz.ts';
import { damaged } from '../support/fuzz-damage.ts';
import { camera, detected, dropped } from '../support/ledger-fixtures.ts';

/** Longest time for one record: a count of items that are not there must not be believed. */
const LIMIT_MS = 1000;

function chunkPart(random: FuzzRandom): ChunkPart {
  const units = Array.from({ length: random.integer(4) }, (_, index) => ({ ...unit(index, { pts: random.next() < 0.5 ? null : index }), frameSeq: index }));
  return {
    camera: 'dock-2' as CameraId, epoch: 3, chunkSeq: 1, partSeq: 2, chunkStartedAt: epochMicros(1e15), parameters, units, isOpenGop: false, isEpochEnd: units.length === 0,
    isRecovered: true, isAccounted: false, feed: 0,
  };
}

function refusedByName(decode: () => unknown, codes: readonly string[] = ['LINK_INVALID']): void {
  const startMs = performance.now();
  try {
    decode();
  } catch (error) {
    assert.instance(error, PlatformError, error instanceof Error ? error.stack : String(error));
    assert.ok(codes.includes((error as PlatformError).code), (error as PlatformError).code);
  }
  assert.ok(performance.now() - startMs < LIMIT_MS, `took ${performance.now() - startMs} ms`);
}

test('no damage to a chunk part gives anything but a chunk part or LINK_INVALID', () => forEachCase('chunk part', (random) => {
  const { head, payload = new Uint8Array(0) } = chunkPartCodec.encode(chunkPart(random));
  refusedByName(() => {
    const part = chunkPartCodec.decode(random.next() < 0.8 ? damaged(head, random) : random.bytes(random.integer(200)), random.next() < 0.5 ? payload : damaged(payload, random));
    assert.ok(part.units.every(({ data }) => data instanceof Uint8Array));
  });
}));

test('no damage to a terminal record gives anything but a terminal record or LINK_INVALID', () => forEachCase('terminal record', (random) => {
  const { head } = terminalRecordCodec.encode(random.next() < 0.5 ? detected(camera('dock-2'), 1, random.integer(1000)) : dropped(camera('dock-2'), 1, 3, 9));
  refusedByName(() => { assert.ok(['detected', 'dropped'].includes(terminalRecordCodec.decode(damaged(head, random)).kind)); });
}));

test('no damage to a record on Kafka gives anything but a body, RECORD_INVALID or SCHEMA_UNKNOWN', () => {
  const { deadLetters, ...codecs } = recordCodecs(fixedSchemaIds());
  const kinds = Object.entries({ ...codecs, 'dead-letters': deadLetters }) as [TopicName, RecordCodec<unknown>][];
  return forEachCase('record', (random) => {
    const [topic, codec] = random.pick(kinds);
    const value = codec.encode(randomBody(topic, diceOf(random.integer(2 ** 31))));
    refusedByName(() => { assert.ok(codec.decode(Buffer.from(damaged(value, random)))); }, ['RECORD_INVALID', 'SCHEMA_UNKNOWN']);
  });
});

test.run();
