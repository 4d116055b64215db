import { test } from 'uvu';
import * as assert from 'uvu/assert';
import avro from 'avsc';
import { epochMicros, type CameraId } from '../../src/engine/units.ts';
import { avroSchema } from '../../src/messages/avro-schema.ts';
import { currentSchema, fixedSchemaIds } from '../../src/messages/schema-ids.ts';
import { recordCodecs, subjectName, topicName, TOPICS, type RecordCodecs } from '../../src/messages/topics.ts';
import type { RecordCodec } from '../../src/messages/record-codec.ts';
import type { TopicName } from '../../src/messages/schema-history.ts';
import { rollDice } from '../support/dice.ts';
import { randomBody } from '../support/random-bodies.ts';

const ids = fixedSchemaIds();
const codecs = recordCodecs(ids, 'site');
const TOPIC_OF: Readonly<Record<keyof RecordCodecs, TopicName>> = {
  chunks: 'chunks', features: 'features', detections: 'detections', events: 'events', cameras: 'cameras', models: 'models', positions: 'positions', deadLetters: 'dead-letters',
};
const NAMES = Object.keys(TOPIC_OF) as (keyof RecordCodecs)[];

function codecOf(name: keyof RecordCodecs): RecordCodec<unknown> {
  return codecs[name] as RecordCodec<unknown>;
}

/** Bodies hold Buffers where Uint8Arrays went in: only the bytes count. */
function plain(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value, (_key, inner: unknown) => {
    if (inner instanceof Uint8Array) return { bytes: [...inner] };
    return typeof inner === 'object' && inner !== null && 'type' in inner && inner.type === 'Buffer' ? { bytes: (inner as unknown as { data: unknown }).data } : inner;
  }));
}

test('every body comes out of its record as it went in', () => {
  const dice = rollDice('record codecs');
  for (let round = 0; round < 200; round += 1) {
    for (const name of NAMES) {
      const body = randomBody(TOPIC_OF[name], dice);
      const back = codecOf(name).decode(codecOf(name).encode(body));
      assert.equal(plain(back), plain(body), `${name} round ${round}`);
      assert.equal(Object.keys(back as object).sort(), Object.keys(body as object).sort(), name);
    }
  }
});

test('a record is 0x00, the schema id in 32 bits, and the Avro bytes that any Avro reader reads with the published schema', () => {
  const dice = rollDice('plain avro');
  for (let round = 0; round < 50; round += 1) {
    for (const name of NAMES) {
      const topic = TOPIC_OF[name];
      const value = codecOf(name).encode(randomBody(topic, dice));
      assert.is(value[0], 0);
      assert.is(value.readUInt32BE(1), ids.idOf(topic));
      const type = avro.Type.forSchema(avroSchema(topic));
      const record = type.fromBuffer(value.subarray(5));
      assert.ok(type.toBuffer(record).equals(value.subarray(5)), topic);
    }
  }
});

test('decoded video, tensors and dead letters are views of the value, not copies', () => {
  const dice = rollDice('views');
  for (const [topic, name] of [['features', 'features'], ['dead-letters', 'deadLetters']] as const) {
    const value = codecOf(name).encode({ ...randomBody(topic, dice) as object, payload: new Uint8Array(100_000) });
    const { payload } = codecOf(name).decode(value) as { payload: Uint8Array };
    assert.is(payload.buffer, value.buffer, topic);
    assert.is(payload.byteLength, 100_000);
  }
  const part = { ...randomBody('chunks', dice) as { units: object[] } };
  const units = [{ frameSeq: 1, pts: 1, dts: 1, duration: 1, isKey: true, isCorrupt: false, capturedAt: 1, arrivedAt: 1, data: new Uint8Array(50_000) }];
  const value = codecOf('chunks').encode({ ...part, units });
  const [unit] = codecs.chunks.decode(value).units;
  assert.is(unit?.data.buffer, value.buffer);
  assert.ok(value.byteLength < 90_000, 'one buffer of the size of the record: 50 kB of video and what random strings there are');
});

test('what is no record of the topic is refused by name', () => {
  const isInvalid = (error: { code?: string }): boolean => error.code === 'RECORD_INVALID';
  const value = codecs.detections.encode(randomBody('detections', rollDice('refused')) as never);
  for (const bad of [Buffer.alloc(0), Buffer.from('hello'), Buffer.from([0, 1]), value.subarray(0, -1), Buffer.concat([value, Buffer.of(0)])]) assert.throws(() => codecs.detections.decode(bad), isInvalid);
  const unknown = Buffer.from(value);
  unknown.writeUInt32BE(7, 1);
  assert.throws(() => codecs.detections.decode(unknown), (error: { code?: string; facts?: object }) => error.code === 'SCHEMA_UNKNOWN' && (error.facts as { schemaId?: number }).schemaId === 7);
  const foreign = Buffer.from(value);
  foreign.writeUInt32BE(ids.idOf('chunks'), 1);
  assert.throws(() => codecs.detections.decode(foreign), (error: { code?: string }) => error.code === 'SCHEMA_UNKNOWN');
});

test('no damage to a record hangs, or gives anything but a body or a named error', () => {
  const dice = rollDice('damaged records');
  for (let round = 0; round < 1500; round += 1) {
    const name = dice.pick(NAMES);
    const value = Buffer.from(codecOf(name).encode(randomBody(TOPIC_OF[name], dice)));
    const hits = dice.between(1, 4);
    for (let hit = 0; hit < hits && value.length > 5; hit += 1) value[dice.between(5, Math.min(value.length - 1, dice.pick([30, 400, 1e9])))] = dice.pick([0, 1, 127, 128, 255, dice.between(0, 255)]);
    const startMs = performance.now();
    try {
      codecOf(name).decode(dice.chance(0.2) ? value.subarray(0, dice.between(0, value.length)) : value);
    } catch (error) {
      assert.ok(['RECORD_INVALID', 'SCHEMA_UNKNOWN'].includes((error as { code: string }).code), `${name} round ${round}: ${(error as Error).stack}`);
    }
    assert.ok(performance.now() - startMs < 1000);
  }
});

test('a position with a count of sessions that the bytes cannot hold is refused at once', () => {
  const value = codecs.positions.encode({ group: 'g', camera: 'a' as CameraId, epochs: [], at: epochMicros(1) });
  const at = value.lastIndexOf(0, value.length - 2);
  const count = Buffer.from('feffffff1f', 'hex'); // 2^32 - 1 as zig-zag varint
  assert.throws(() => codecs.positions.decode(Buffer.concat([value.subarray(0, at), count, value.subarray(at)])), (error: { code?: string }) => error.code === 'RECORD_INVALID');
});

test('records have CloudEvents attributes that name them, the same whenever they are written', () => {
  const dice = rollDice('cloud events');
  const seen = new Map<string, string>();
  for (let round = 0; round < 100; round += 1) {
    for (const name of NAMES) {
      const body = randomBody(TOPIC_OF[name], dice);
      const headers = codecOf(name).headers(body, 'dock-2' as CameraId);
      assert.equal(headers, codecOf(name).headers(codecOf(name).decode(codecOf(name).encode(body)), 'dock-2' as CameraId), name);
      assert.is(headers['ce_specversion'], '1.0');
      assert.is(headers['ce_source'], `/site/${TOPIC_OF[name]}`);
      assert.ok(headers['ce_type']?.startsWith(`visutility.${currentSchema(TOPIC_OF[name]).schema.name}`));
      assert.ok(headers['ce_id'] !== undefined && headers['ce_id'] !== '');
      seen.set(`${headers['ce_source']} ${headers['ce_id']}`, name);
    }
  }
  assert.ok(seen.size > 300, 'ids tell records apart');
});

test('topics and subjects are named after the prefix, and every topic has a schema', () => {
  assert.is(topicName('vto', 'dead-letters'), 'vto.dead-letters');
  assert.is(subjectName('vto', 'chunks'), 'vto.chunks-value');
  assert.equal(TOPICS.map(({ name }) => name).sort(), Object.values(TOPIC_OF).sort());
  for (const { name, schema } of TOPICS) assert.is(schema, `${name}.avsc`);
});

test.run();
