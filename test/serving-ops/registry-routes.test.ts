import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { avroSchema } from '../../src/messages/avro-schema.ts';
import { currentSchema } from '../../src/messages/schema-ids.ts';
import { REGISTRY_ENDPOINTS } from '../../src/serving-ops/registry-routes.ts';
import { systemClock } from '../../src/engine/system-clock.ts';
import { fixedSchemaIds } from '../../src/messages/schema-ids.ts';
import { TOPICS } from '../../src/messages/topics.ts';
import { connectSchemaRegistry } from '../../src/transports/schema-registry.ts';
import { withGateway } from '../support/with-gateway.ts';

const TYPE = 'application/vnd.schemaregistry.v1+json';
const { id, schema, version } = currentSchema('chunks');
const asText = JSON.stringify(schema);
const withRegistry = (check: Parameters<typeof withGateway>[1]): Promise<void> => withGateway({ topicPrefix: 'site' }, check);
const body = (text: unknown): { headers: Record<string, string>; body: string } => ({ headers: { 'content-type': TYPE }, body: JSON.stringify({ schema: text }) });

test('every path answers in the registry\'s type', () => withRegistry(async ({ call }) => {
  for (const { method, path } of REGISTRY_ENDPOINTS) {
    const url = path.replace(':schemaId', String(id)).replace(':subject', 'site.chunks-value').replace(':version', 'latest');
    const answer = await call(method, url, method === 'POST' ? body(asText) : {});
    assert.is(answer.status, 200, `${method} ${url}: ${answer.text}`);
    assert.match(answer.headers['content-type'] ?? '', TYPE);
  }
}));

test('a schema is found by its id, whatever hints the query holds', () => withRegistry(async ({ call }) => {
  const { json } = await call('GET', `/schemas/ids/${id}?subject=site.chunks-value&format=&fetchMaxId=false`);
  assert.equal(JSON.parse(String(json['schema'])), avroSchema('chunks'));
  assert.equal((await call('GET', `/schemas/ids/${id}/schema`)).json, avroSchema('chunks') as unknown);
  assert.is((await call('GET', `/schemas/ids/${id}/subjects`)).text, '["site.chunks-value"]');
  assert.is((await call('GET', `/schemas/ids/${id}/versions`)).text, JSON.stringify([{ subject: 'site.chunks-value', version }]));
}));

test('subjects hold the versions of their topic', () => withRegistry(async ({ call }) => {
  const subjects = JSON.parse((await call('GET', '/subjects')).text) as string[];
  assert.equal(subjects.toSorted(), ['cameras', 'chunks', 'dead-letters', 'detections', 'events', 'features', 'models', 'positions'].map((topic) => `site.${topic}-value`));
  const row = { subject: 'site.chunks-value', version, id, schema: asText };
  for (const which of ['latest', '-1', String(version)]) assert.equal((await call('GET', `/subjects/site.chunks-value/versions/${which}`)).json, row as unknown);
  assert.is((await call('GET', '/subjects/site.chunks-value/versions')).text, JSON.stringify(Array.from({ length: version }, (_, index) => index + 1)));
}));

test('a schema is looked up by what it says, and registering one that is there gives its id', () => withRegistry(async ({ call }) => {
  const reordered = JSON.stringify({ fields: schema.fields, doc: 'other words', namespace: schema.namespace, name: schema.name, type: 'record' }, undefined, 3);
  for (const text of [asText, reordered]) {
    assert.equal([(await call('POST', '/subjects/site.chunks-value', body(text))).json['id'], (await call('POST', '/subjects/site.chunks-value/versions', body(text))).json['id']], [id, id]);
  }
}));

test('what is not there, or cannot be written, is refused with Confluent\'s codes', () => withRegistry(async ({ call }) => {
  const other = body('{"type":"record","name":"Other","fields":[]}');
  const cases: [string, string, number, number, { headers?: Record<string, string>; body?: string }?][] = [
    ['GET', '/schemas/ids/1', 404, 40403], ['GET', '/schemas/ids/x/schema', 404, 40403], ['GET', '/schemas/ids/%2e%2e', 404, 40403],
    ['GET', '/subjects/vto.chunks-value/versions', 404, 40401], ['GET', '/subjects/site.chunks-key/versions/1', 404, 40401], ['GET', '/subjects/constructor/versions', 404, 40401],
    ['GET', '/subjects/site.chunks-value/versions/999', 404, 40402], ['GET', '/subjects/site.chunks-value/versions/0', 422, 42202], ['GET', '/subjects/site.chunks-value/versions/newest', 422, 42202],
    ['POST', '/subjects/site.chunks-value', 404, 40403, other], ['POST', '/subjects/site.chunks-value/versions', 422, 42205, other], ['POST', '/subjects/new-value/versions', 404, 40401, other],
    ['POST', '/subjects/site.chunks-value', 422, 42201, body(7)], ['POST', '/subjects/site.chunks-value', 422, 42201, body('{')],
    ['POST', '/subjects/site.chunks-value', 400, 400, { headers: { 'content-type': TYPE }, body: '{' }],
    ['PUT', '/config', 405, 405], ['PUT', '/mode', 405, 405], ['DELETE', '/subjects/site.chunks-value', 405, 405], ['GET', '/config/none', 404, 40401], ['GET', '/schemas', 404, 404],
  ];
  for (const [method, path, status, code, options] of cases) {
    const answer = await call(method, path, options);
    assert.equal([answer.status, answer.json['error_code']], [status, code], `${method} ${path}: ${answer.text}`);
    assert.type(answer.json['message'], 'string');
    assert.match(answer.headers['content-type'] ?? '', TYPE);
  }
}));

test('a schema nested thirty thousand deep is refused, and the gateway lives on', () => withRegistry(async ({ call }) => {
  const deep = await call('POST', '/subjects/site.chunks-value', body(`${'['.repeat(30_000)}${']'.repeat(30_000)}`));
  assert.ok([404, 422].includes(deep.status), deep.text.slice(0, 200));
  assert.is((await call('GET', '/mode')).json['mode'], 'READONLY');
}));

test('a node whose registry is the gateway of another uses the same ids', () => withRegistry(async ({ port }) => {
  const connect = (prefix: string): Promise<unknown> => connectSchemaRegistry({ url: `http://127.0.0.1:${port}`, prefix, clock: systemClock, signal: new AbortController().signal });
  const ids = await connect('site') as ReturnType<typeof fixedSchemaIds>;
  assert.equal(TOPICS.map(({ name }) => ids.idOf(name)), TOPICS.map(({ name }) => fixedSchemaIds().idOf(name)));
  assert.is(await ids.learn?.('chunks', 1), false);
  assert.is(await ids.learn?.('chunks', ids.idOf('detections')), false);
  const error = await connect('other').catch((caught: unknown) => caught);
  assert.match(String(error), /'other\.chunks-value'.*404.*not found/);
}));

test.run();
