import { createRequire } from 'node:module';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { KafkaRecord, OutRecord } from '../../../src/transports/kafka-types.ts';
import { readBatches, type BatchSource } from '../../../src/transports/kafka/read-batches.ts';
import { encodeBatch, type BatchProducer } from '../../../src/transports/kafka/record-batch.ts';
import { rollDice, type Dice } from '../../support/dice.ts';

// kafkajs' own encoder and decoder of batches are the other side of these tests.
const require = createRequire(import.meta.url);
const Decoder = require('kafkajs/src/protocol/decoder.js') as new (bytes: Buffer) => unknown;
const decodeBatch = require('kafkajs/src/protocol/recordBatch/v0/decoder.js') as (decoder: unknown) => Promise<{ records: { offset: string; timestamp: string; key: Buffer | null; value: Buffer | null; headers: Record<string, Buffer> }[]; producerId: string; producerEpoch: number; firstSequence: number; inTransaction: boolean }>;
const { RecordBatch } = require('kafkajs/src/protocol/recordBatch/v0/index.js') as { RecordBatch: (batch: object) => Promise<{ buffer: Buffer }> };
const Record = require('kafkajs/src/protocol/recordBatch/record/v0/index.js') as (record: object) => unknown;

const PRODUCER: BatchProducer = { producerId: 7n, epoch: 3, sequence: 41, isTransactional: false };
const NOW = 1_700_000_000_000;
const unreadable: string[] = [];
const source = (change: Partial<BatchSource> = {}): BatchSource => ({ topic: 't', partition: 2, fromOffset: 0, isolation: 'committed', aborted: [], onUnreadable: (offset, reason) => unreadable.push(`${offset}: ${reason}`), ...change });
const record = (text: string): OutRecord => ({ topic: 't', partition: 2, key: 'k', value: Buffer.from(text) });
const texts = (records: readonly KafkaRecord[]): string[] => records.map(({ value }) => String(value));

/** A batch as it lies in a partition: the broker sets the first offset, which is outside of the checksum. */
async function stored(records: readonly OutRecord[], baseOffset: number, producer: Partial<BatchProducer> = {}): Promise<Buffer> {
  const bytes = Buffer.concat(await encodeBatch(records, { producer: { ...PRODUCER, ...producer }, nowMs: NOW, compression: 'none' }));
  bytes.writeBigInt64BE(BigInt(baseOffset), 0);
  return bytes;
}

/** A control batch (https://kafka.apache.org/documentation/#controlbatch). */
async function control(baseOffset: number, producerId: bigint, isCommit: boolean): Promise<Buffer> {
  const bytes = await stored([{ topic: 't', key: null, value: null }], baseOffset, { producerId, isTransactional: true });
  const body = Buffer.from([0x1e, 0, 0, 0, 8, 0, 0, 0, isCommit ? 1 : 0, 12, 0, 0, 0, 0, 0, 0]);
  const whole = Buffer.concat([bytes.subarray(0, 61), body]);
  whole.writeInt32BE(whole.length - 12, 8);
  whole.writeInt16BE(0x30, 21);
  return whole;
}

function someRecords(dice: Dice): OutRecord[] {
  return Array.from({ length: dice.between(1, 40) }, (_, index) => ({
    topic: 't', partition: 2, key: dice.chance(0.2) ? null : `cam-${dice.between(0, 9)}`, value: dice.chance(0.1) ? null : Buffer.alloc(dice.pick([0, 1, 100, 4095, 4096, 5000, 70_000]), dice.between(0, 255)),
    headers: dice.chance(0.5) ? {} : { ce_type: 'vto', traceparent: 'ü'.repeat(dice.between(0, 70)) }, timestampMs: NOW + index * dice.between(0, 100_000) - dice.between(0, 5),
  }));
}

test('kafkajs reads what we write, and we read what it writes', async () => {
  const dice = rollDice('record batches');
  for (let round = 0; round < 60; round += 1) {
    const records = someRecords(dice);
    const bytes = Buffer.concat(await encodeBatch(records, { producer: PRODUCER, nowMs: NOW, compression: 'none' }));
    const theirs = await decodeBatch(new Decoder(bytes));
    assert.equal([theirs.producerId, theirs.producerEpoch, theirs.firstSequence, theirs.inTransaction], ['7', 3, 41, false]);
    assert.equal(theirs.records.map(({ offset, timestamp, key, value }) => [Number(offset), Number(timestamp), key?.toString() ?? null, value]), records.map(({ key, value, timestampMs }, index) => [index, timestampMs, key, value]));
    const written = await RecordBatch({
      firstTimestamp: NOW, maxTimestamp: NOW, producerId: 9, producerEpoch: 1, firstSequence: 5, lastOffsetDelta: records.length - 1,
      records: records.map(({ key, value, headers }, offsetDelta) => Record({ key, value, headers, offsetDelta, timestampDelta: 0 })),
    });
    const { records: ours, nextOffset } = await readBatches(written.buffer, source());
    assert.is(nextOffset, records.length);
    assert.equal(ours.map(({ key, value, headers, topic, partition }) => [key, value, headers, topic, partition]), records.map(({ key, value, headers }) => [key, value, headers, 't', 2]));
  }
  assert.equal(unreadable, []);
});

test('compressed batches come back as they were', async () => {
  const dice = rollDice('compressed batches');
  for (const compression of ['gzip', 'zstd'] as const) {
    const records = someRecords(dice);
    const bytes = Buffer.concat(await encodeBatch(records, { producer: PRODUCER, nowMs: NOW, compression }));
    const { records: got } = await readBatches(bytes, source());
    assert.equal(got.map(({ key, value, timestampMs }) => [key, value, timestampMs]), records.map(({ key, value, timestampMs }) => [key, value, timestampMs]));
  }
});

test('a large value is sent from where it lies', async () => {
  const value = Buffer.alloc(500_000, 1);
  const parts = await encodeBatch([{ topic: 't', key: 'k', value }], { producer: PRODUCER, nowMs: NOW, compression: 'none' });
  assert.ok(parts.some(part => part === value));
  assert.ok(parts.reduce((sum, part) => sum + (part === value ? 0 : part.length), 0) < 200);
});

test('a batch that is cut off at the end of a fetch waits for the next one', async () => {
  const [first, second] = [await stored([record('a'), record('b')], 0), await stored([record('c')], 2)];
  const { records, nextOffset } = await readBatches(Buffer.concat([first, second.subarray(0, second.length - 1)]), source());
  assert.equal([texts(records), nextOffset], [['a', 'b'], 2]);
});

test('records before the wanted offset are left out, and the position moves over what compaction took', async () => {
  const batch = await stored([record('a'), record('b'), record('c')], 10);
  assert.equal(texts((await readBatches(batch, source({ fromOffset: 11 }))).records), ['b', 'c']);
  const hollow = Buffer.from(batch);
  hollow.writeInt32BE(9, 23); // the last offset of a compacted batch stays what it was
  hollow.writeUInt32BE((require('@node-rs/crc32') as { crc32c(bytes: Buffer): number }).crc32c(hollow.subarray(21)), 17);
  assert.is((await readBatches(hollow, source({ fromOffset: 11 }))).nextOffset, 20);
});

test('committed readers leave out aborted transactions and control records; others leave out control records', async () => {
  const log = Buffer.concat([
    await stored([record('a1')], 0, { producerId: 1n, isTransactional: true }),
    await stored([record('b1')], 1, { producerId: 2n, isTransactional: true }),
    await stored([record('plain')], 2),
    await control(3, 1n, false),
    await stored([record('a2')], 4, { producerId: 1n, isTransactional: true }),
    await control(5, 2n, true),
    await control(6, 1n, true),
  ]);
  const committed = await readBatches(log, source({ aborted: [{ producerId: 1n, firstOffset: 0 }] }));
  assert.equal([texts(committed.records), committed.nextOffset], [['b1', 'plain', 'a2'], 7]);
  const all = await readBatches(log, source({ isolation: 'uncommitted' }));
  assert.equal([texts(all.records), all.nextOffset], [['a1', 'b1', 'plain', 'a2'], 7]);
});

test('a damaged batch, or one of an unknown compression, is told and left behind', async () => {
  const damaged = await stored([record('a')], 0);
  damaged[damaged.length - 3]! ^= 1;
  const lz4 = await stored([record('b')], 1);
  lz4.writeInt16BE(3, 21);
  lz4.writeUInt32BE((require('@node-rs/crc32') as { crc32c(bytes: Buffer): number }).crc32c(lz4.subarray(21)), 17);
  unreadable.length = 0;
  const { records, nextOffset } = await readBatches(Buffer.concat([damaged, lz4, await stored([record('c')], 2)]), source());
  assert.equal([texts(records), nextOffset], [['c'], 3]);
  assert.equal(unreadable, ['0: its checksum is wrong', '1: its compression (3) is not known here']);
});

test.run();
