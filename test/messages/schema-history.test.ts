import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import avro from 'avsc';
import { avroSchema, compileAvro, schemaFolder } from '../../src/messages/avro-schema.ts';
import { canonicalSchema, fixedSchemaId, schemaHistory } from '../../src/messages/schema-history.ts';
import { currentSchema, fixedSchemaIds, type SchemaIds } from '../../src/messages/schema-ids.ts';
import { recordCodecs, TOPICS } from '../../src/messages/topics.ts';
import { rollDice } from '../support/dice.ts';
import { randomBody } from '../support/random-bodies.ts';
import type { TerminalRecord } from '../../src/messages/terminal-record.ts';
import type { ChunkPart } from '../../src/messages/chunk-part.ts';
import { fullTransitiveBreaks } from '../support/schema-compatibility.ts';

type Fields = avro.schema.RecordType['fields'];

test('the current schema of each topic is the newest of its history, numbered from 1 without a hole (npm run generate adds it)', () => {
  for (const { name, schema } of TOPICS) {
    const history = schemaHistory(name);
    assert.equal(history.map(({ version }) => version), history.map((_, index) => index + 1), name);
    assert.is(currentSchema(name).text, readFileSync(join(schemaFolder(), schema), 'utf8'), name);
  }
});

test('every schema of the history reads records of the current one, and the other way round', () => {
  for (const { name } of TOPICS) {
    const current = currentSchema(name).schema;
    for (const { version, schema } of schemaHistory(name)) assert.equal(fullTransitiveBreaks(current, schema), [], `${name} ${version}`);
  }
});

test('the compatibility rule sees what breaks readers', () => {
  const current = avroSchema('detections');
  const changed = (change: (fields: Fields) => Fields): avro.schema.RecordType => ({ ...current, fields: change(current.fields) });
  assert.equal(fullTransitiveBreaks(changed((fields) => [...fields, { name: 'zone', type: ['null', 'string'], default: null }]), current), []);
  assert.is(fullTransitiveBreaks(changed((fields) => [...fields, { name: 'zone', type: 'string' }]), current).length, 1, 'a field without default');
  assert.is(fullTransitiveBreaks(changed((fields) => fields.filter(({ name }) => name !== 'epoch')), current).length, 1, 'a needed field removed');
  assert.ok(fullTransitiveBreaks(changed((fields) => fields.map((field) => (field.name === 'epoch' ? { ...field, type: 'string' } : field))), current).length > 0, 'another type');
  assert.ok(fullTransitiveBreaks(changed((fields) => fields.map((field) => (field.name === 'epoch' ? { ...field, name: 'session' } : field))), current).length > 0, 'another name');
  const chunks = avroSchema('chunks');
  assert.ok(fullTransitiveBreaks({ ...chunks, fields: [...chunks.fields, { name: 'zone', type: ['null', 'string'], default: null }] }, chunks).length > 0, 'the payload is no longer last');
});

test('schema ids are positive 32-bit numbers above those of a registry, and no two schemas share one', () => {
  const ids = TOPICS.flatMap(({ name }) => schemaHistory(name)).map(({ id }) => id);
  for (const id of ids) assert.ok(id >= 2 ** 30 && id < 2 ** 31 && Number.isInteger(id), String(id));
  assert.is(new Set(ids).size, ids.length);
});

test('an id says what a schema says to programs: comments and the order of keys do not matter, defaults and logical types do', () => {
  const schema = (field: string): string => `{"type":"record","name":"A","fields":[${field}]}`;
  const id = fixedSchemaId(schema('{"name":"a","type":"long"}'));
  assert.is(id, 0x69780575, 'records lie on Kafka under such ids: first 32 bits of sha256sum, the highest two set to 01');
  assert.is(fixedSchemaId(schema('{ "type": "long", "doc": "x", "name": "a" }')), id);
  assert.is.not(fixedSchemaId(schema('{"name":"a","type":"long","default":0}')), id);
  assert.is.not(fixedSchemaId(schema('{"name":"a","type":{"type":"long","logicalType":"timestamp-micros"}}')), id);
  assert.is(canonicalSchema('{"doc":"x","b":[1,{"doc":2,"a":null}],"a":"doc"}'), '{"a":"doc","b":[1,{"a":null}]}');
});

/** Ids as they are plus one of a schema that another release wrote. */
function withForeign(id: number, schema: avro.schema.RecordType): SchemaIds {
  const known = fixedSchemaIds();
  return { idOf: known.idOf, schemaOf: (topic, wanted) => (wanted === id ? schema : known.schemaOf(topic, wanted)) };
}

function framed(id: number, avroBytes: Uint8Array): Buffer {
  const frame = Buffer.alloc(5);
  frame.writeUInt32BE(id, 1);
  return Buffer.concat([frame, avroBytes]);
}

test('a record of a newer schema is read without what it adds, one of an older with defaults', () => {
  const dice = rollDice('foreign schemas');
  const current = avroSchema('detections');
  const fields: Fields = [{ name: 'zones', type: { type: 'array', items: 'string' }, default: [] }, ...current.fields, { name: 'tenant', type: ['null', 'string'], default: null }];
  const newer: avro.schema.RecordType = { ...current, fields };
  const codecs = recordCodecs(withForeign(7, newer));
  const today = compileAvro(current);
  for (let round = 0; round < 100; round += 1) {
    const body = randomBody('detections', dice) as TerminalRecord;
    const wire = today.fromBuffer(codecs.detections.encode(body).subarray(5)) as object;
    const value = framed(7, compileAvro(newer).toBuffer({ ...wire, zones: ['a', 'b'], tenant: 'x' }));
    assert.equal(codecs.detections.decode(value), body);
  }
});

test('the payload of a part of another schema is viewed too, with what an older one lacks left out', () => {
  const dice = rollDice('foreign parts');
  const current = avroSchema('chunks');
  const older: avro.schema.RecordType = { ...current, fields: current.fields.filter(({ name }) => name !== 'contentHash') };
  const codecs = recordCodecs(withForeign(7, older));
  for (let round = 0; round < 50; round += 1) {
    const { contentHash: _contentHash, ...body } = randomBody('chunks', dice) as ChunkPart;
    const value = framed(7, compileAvro(older).toBuffer(compileAvro(current).fromBuffer(codecs.chunks.encode(body).subarray(5))));
    const back = codecs.chunks.decode(value);
    assert.equal(back.units.map(({ frameSeq, data }) => [frameSeq, [...data]]), body.units.map(({ frameSeq, data }) => [frameSeq, [...data]]));
    for (const { data } of back.units) assert.is(data.buffer, value.buffer);
    assert.not.ok('contentHash' in back);
  }
});

test('schemas that do not resolve to ours, or that could keep a reader busy, are not used', () => {
  const { fields, ...rest } = avroSchema('positions');
  const value = framed(7, Buffer.alloc(40));
  const hostile: Fields[] = [
    fields.filter(({ name }) => name !== 'camera'),
    [...fields, { name: 'bag', type: { type: 'map', values: 'null' }, default: {} }],
    fields.map((field) => (field.name === 'at' ? { ...field, type: 'string' } : field)),
  ];
  for (const theirs of hostile) assert.throws(() => recordCodecs(withForeign(7, { ...rest, fields: theirs })).positions.decode(value), (error: { code?: string }) => error.code === 'SCHEMA_UNKNOWN');
  assert.throws(() => recordCodecs(withForeign(7, { ...rest, name: 'Other', fields })).positions.decode(value), (error: { code?: string }) => error.code === 'SCHEMA_UNKNOWN');
  const bomb: avro.schema.RecordType = { ...rest, fields: [{ name: 'bomb', type: { type: 'array', items: 'null' }, default: [] }, ...fields] };
  const startMs = performance.now();
  assert.throws(() => recordCodecs(withForeign(7, bomb)).positions.decode(framed(7, Buffer.concat([Buffer.from('feffffff1f', 'hex'), Buffer.alloc(40)]))), (error: { code?: string }) => error.code === 'RECORD_INVALID');
  assert.ok(performance.now() - startMs < 1000);
});

test.run();
