import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { systemClock } from '../../src/engine/system-clock.ts';
import { avroSchema, compileAvro } from '../../src/messages/avro-schema.ts';
import { fixedSchemaIds } from '../../src/messages/schema-ids.ts';
import type { TerminalRecord } from '../../src/messages/terminal-record.ts';
import { recordCodecs, TOPICS } from '../../src/messages/topics.ts';
import { connectSchemaRegistry, openSchemaIds, type SchemaRegistryOptions } from '../../src/transports/schema-registry.ts';
import { eventually } from '../support/eventually.ts';
import { fakeClock } from '../support/fake-clock.ts';
import { fakeSchemaRegistry, type FakeSchemaRegistry } from '../support/fake-schema-registry.ts';
import { dropped, camera } from '../support/ledger-fixtures.ts';

type Connect = (extra?: Partial<SchemaRegistryOptions>) => ReturnType<typeof connectSchemaRegistry>;

async function withRegistry(check: (registry: FakeSchemaRegistry, connect: Connect) => Promise<void>): Promise<void> {
  const registry = await fakeSchemaRegistry();
  try {
    await check(registry, (extra) => connectSchemaRegistry({ url: registry.url, prefix: 'site', clock: systemClock, signal: new AbortController().signal, ...extra }));
  } finally {
    await registry.close();
  }
}

async function refusal(promise: Promise<unknown>): Promise<{ readonly code: string; readonly message: string }> {
  const error = await promise.then(() => assert.unreachable('it resolved'), (caught: unknown) => caught);
  return error as { code: string; message: string };
}

const record: TerminalRecord = dropped(camera('dock-2'), 1, 3, 9);
const current = avroSchema('detections');
const newer = { ...current, fields: [...current.fields, { name: 'tenant', type: ['null', 'string'], default: null }] };

function framed(id: number, avroBytes: Uint8Array): Buffer {
  const frame = Buffer.alloc(5);
  frame.writeUInt32BE(id, 1);
  return Buffer.concat([frame, avroBytes]);
}

function newerValue(id: number): Buffer {
  const wire = compileAvro(current).fromBuffer(recordCodecs(fixedSchemaIds()).detections.encode(record).subarray(5)) as object;
  return framed(id, compileAvro(newer).toBuffer({ ...wire, tenant: 'acme' }));
}

test('registers the current schemas under <topic>-value and writes records with the registry\'s ids', () => withRegistry(async (registry, connect) => {
  registry.put('other-value', '"string"');
  const ids = await connect();
  assert.equal(registry.requests.toSorted(), TOPICS.map(({ name }) => `POST /registry/subjects/site.${name}-value/versions`).toSorted());
  const { detections } = recordCodecs(ids);
  const value = detections.encode(record);
  assert.ok(value.readUInt32BE(1) > 1 && value.readUInt32BE(1) < 10);
  assert.equal(detections.decode(value), record);
  assert.is((await connect()).idOf('detections'), ids.idOf('detections'));
}));

test('records of before there was a registry are read too', () => withRegistry(async (_registry, connect) => {
  assert.equal(recordCodecs(await connect()).detections.decode(recordCodecs(fixedSchemaIds()).detections.encode(record)), record);
}));

test('a newer writer\'s schema is fetched once, and its records are read', () => withRegistry(async (registry, connect) => {
  const { detections } = recordCodecs(await connect());
  const value = newerValue(registry.put('site.detections-value', JSON.stringify(newer)));
  assert.throws(() => detections.decode(value), (error: { code?: string }) => error.code === 'SCHEMA_UNKNOWN');
  assert.equal(await Promise.all([detections.learn?.(value), detections.learn?.(value)]), [true, true]);
  assert.is(await detections.learn?.(value), true);
  assert.equal(detections.decode(value), record);
  assert.is(registry.requests.filter((request) => request.startsWith('GET')).length, 1);
}));

test('schemas that are not there, or that ours cannot be read from, stay unknown and are not asked for all the time', () => withRegistry(async (registry, connect) => {
  const clock = fakeClock();
  const { detections } = recordCodecs(await connect({ clock, timeoutMs: 1e9 }));
  const foreign = ['{"type":"record","name":"Other","fields":[]}', '"string"', '{', JSON.stringify({ ...current, fields: current.fields.slice(1) }), JSON.stringify({ ...current, fields: [{ name: 'bag', type: { type: 'map', values: 'null' } }, ...current.fields] })];
  for (const id of [999, ...foreign.map((schema) => registry.put('x-value', schema))]) {
    const value = newerValue(id);
    assert.is(await detections.learn?.(value), false, String(id));
    assert.is(await detections.learn?.(value), false, String(id));
    assert.throws(() => detections.decode(value), (error: { code?: string }) => error.code === 'SCHEMA_UNKNOWN');
  }
  const asked = registry.requests.length;
  assert.is(asked, TOPICS.length + 6);
  await clock.advance(60_000);
  assert.is(await detections.learn?.(newerValue(999)), false);
  assert.is(registry.requests.length, asked + 1);
}));

test('a registry that fails for a while is asked again', () => withRegistry(async (registry, connect) => {
  let failures = 0;
  registry.trouble = (request, response) => {
    failures += 1;
    if (failures >= 3) registry.trouble = undefined;
    if (failures === 2) request.socket.destroy();
    else response.writeHead(failures === 1 ? 503 : 429).end();
  };
  const ids = await connect();
  assert.ok(ids.idOf('chunks') < 10);
  assert.is(failures, 3);
}));

test('a registry that stays away, or never answers, is an error that names it and not its password', () => withRegistry(async (registry, connect) => {
  registry.trouble = (_request, response) => { response.writeHead(500).end('{"message":"no leader"}'); };
  const failing = await refusal(connect({ tries: 2 }));
  assert.is(failing.code, 'REGISTRY_UNAVAILABLE');
  assert.match(failing.message, /no leader/);
  registry.trouble = () => { /* never answers */ };
  const silent = await refusal(connect({ tries: 1, timeoutMs: 50, url: registry.url.replace('//', '//me:se%40cret@') }));
  assert.is(silent.code, 'REGISTRY_UNAVAILABLE');
  assert.match(silent.message, registry.url);
  assert.not.match(silent.message, /cret/);
  const closed = await refusal(connect({ tries: 1, url: 'http://127.0.0.1:1/' }));
  assert.is(closed.code, 'REGISTRY_UNAVAILABLE');
  assert.match(closed.message, /127\.0\.0\.1:1/);
}));

test('credentials of the URL become a header', () => withRegistry(async (registry, connect) => {
  await connect({ url: registry.url.replace('//', '//me:se%40cret@') });
  assert.is(registry.lastAuthorization, `Basic ${Buffer.from('me:se@cret').toString('base64')}`);
}));

test('a registry that refuses a schema is an error with its words', () => withRegistry(async (registry, connect) => {
  registry.trouble = (_request, response) => { response.writeHead(409).end('{"error_code":409,"message":"incompatible with an earlier schema"}'); };
  const { code, message } = await refusal(connect());
  assert.is(code, 'REGISTRY_REFUSED');
  assert.match(message, /'site\.chunks-value'.*409 incompatible with an earlier schema/);
  assert.is(registry.requests.length, 1);
  registry.trouble = (_request, response) => { response.writeHead(200).end(`{"id":"${'x'.repeat(3_000_000)}"}`); };
  assert.is((await refusal(connect())).code, 'REGISTRY_REFUSED');
}));

test('without a registry the ids are fixed', async () => {
  const ids = await openSchemaIds({ url: '', prefix: 'site', clock: systemClock, signal: new AbortController().signal });
  assert.is(ids.idOf('chunks'), fixedSchemaIds().idOf('chunks'));
});

test('a URL that is none is refused by name', async () => {
  for (const url of ['', 'registry:8081', 'ftp://x/']) {
    assert.is((await refusal(connectSchemaRegistry({ url, prefix: 'vto', clock: systemClock, signal: new AbortController().signal }))).code, 'CONFIG_INVALID', url);
  }
});

test('a wait for the registry ends with the signal', () => withRegistry(async (registry, connect) => {
  registry.trouble = () => { /* never answers */ };
  const ended = new AbortController();
  const waiting = refusal(connect({ signal: ended.signal }));
  await eventually(() => registry.requests.length > 0, 'the first request');
  ended.abort(new Error('stopping'));
  assert.is((await waiting).message, 'stopping');
}));

test.run();
