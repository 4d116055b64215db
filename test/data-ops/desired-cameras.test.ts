import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { DesiredCameras, type CameraChange } from '../../src/data-ops/desired-cameras.ts';
import type { CameraRow } from '../../src/data-ops/store.ts';
import { PlatformError } from '../../src/engine/errors.ts';
import { systemClock } from '../../src/engine/system-clock.ts';
import { fixedSchemaIds } from '../../src/messages/schema-ids.ts';
import { recordCodecs } from '../../src/messages/topics.ts';
import { fakeClock } from '../support/fake-clock.ts';
import { eventually } from '../support/eventually.ts';
import { camera } from '../support/ledger-fixtures.ts';
import { createMemoryKafka } from '../support/memory-kafka.ts';

const TOPIC = 'vto.cameras';
const codec = recordCodecs(fixedSchemaIds()).cameras;

function row(id: string, uri = `rtsp://user:secret@10.0.0.1/${id}`): CameraRow {
  return { id: camera(id), uri, maxFps: null, isDetecting: true, isLooping: false };
}

/** Keeps the process alive, unlike AbortSignal.timeout. */
function within(ms: number): AbortSignal {
  const limit = new AbortController();
  setTimeout(() => limit.abort(new Error(`not within ${ms} ms`)), ms);
  return limit.signal;
}

function world(codecInUse: ConstructorParameters<typeof DesiredCameras>[0]['codec'] = codec) {
  const kafka = createMemoryKafka({ partitions: 3 });
  const node = kafka.node();
  const changes: string[] = [];
  const invalid: string[] = [];
  const desired = new DesiredCameras({
    node, topic: TOPIC, codec: codecInUse, clock: systemClock, onInvalid: ({ key }) => invalid.push(String(key)),
    onChange: (change: CameraChange) => changes.push(change.type === 'put' ? `+${change.row.id}` : `-${change.id}`),
  });
  const put = async (wanted: CameraRow | { readonly id: string; readonly value: Buffer | null }) => {
    const producer = await node.producer();
    const value = 'value' in wanted ? wanted.value : codec.encode(wanted);
    const [written] = await producer.send([{ topic: TOPIC, key: wanted.id, value }]);
    return written!;
  };
  const run = () => {
    const ending = new AbortController();
    const ended = desired.run({ signal: ending.signal, status: () => {} });
    ended.catch(() => {});
    return async () => { ending.abort(new Error('stopped')); await ended.catch(() => {}); };
  };
  return { kafka, node, desired, changes, invalid, put, run, ids: () => desired.rows().map(({ id }) => id).sort() };
}

test('is known once the topic was read to its end, and follows what comes', async () => {
  const { desired, put, run, ids, changes, node } = world();
  await put(row('a'));
  await put(row('b'));
  await put({ id: 'a', value: null });
  assert.not(desired.isKnown);
  const stop = run();
  await desired.untilKnown(within(1000));
  assert.equal(ids(), ['b']);
  assert.equal(desired.get(camera('b')), row('b'));
  const written = await put(row('c'));
  await desired.untilRead(written, within(1000));
  assert.equal(ids(), ['b', 'c']);
  assert.equal(desired.entries().find(({ row: { id } }) => id === 'c')?.partition, written.partition);
  await desired.untilRead(await put({ id: 'b', value: null }), within(1000));
  assert.equal(ids(), ['c']);
  assert.equal(changes.toSorted(), ['+a', '+b', '+c', '-a', '-b']);
  await stop();
  await node.close();
});

test('an empty list is known at once, a topic that cannot be reached is not', async () => {
  const { desired, run, kafka, node } = world();
  kafka.goDown();
  const stop = run();
  const limited = desired.untilKnown(within(50)).then(() => 'known', () => 'not known');
  assert.is(await limited, 'not known');
  kafka.comeBack();
  await desired.untilKnown(within(1000));
  assert.equal(desired.rows(), []);
  await stop();
  await node.close();
});

test('a camera that is written again the same way is no change, one that differs is', async () => {
  const { desired, put, run, changes, node } = world();
  const stop = run();
  await put(row('a'));
  await put(row('a'));
  await desired.untilRead(await put(row('a', 'rtsp://elsewhere/a')), within(1000));
  assert.equal(changes, ['+a', '+a']);
  const known = desired.get(camera('a'));
  await desired.untilRead(await put(row('a', 'rtsp://elsewhere/a')), within(1000));
  assert.is(desired.get(camera('a')), known, 'it is the same one');
  assert.is(desired.get(camera('a'))?.uri, 'rtsp://elsewhere/a');
  await stop();
  await node.close();
});

test('records that are no cameras change nothing and are told', async () => {
  const { desired, put, run, ids, invalid, node } = world();
  await put(row('a'));
  await put({ id: 'a', value: Buffer.from('nonsense') });
  await put({ id: 'Not A Camera', value: codec.encode(row('x')) });
  const stop = run();
  await desired.untilKnown(within(1000));
  assert.equal(ids(), ['a']);
  assert.equal(invalid.toSorted(), ['Not A Camera', 'a']);
  await stop();
  await node.close();
});

test('a schema registry that is away is waited for', async () => {
  let asked = 0;
  const { desired, put, run, ids, invalid, node } = world({
    decode: (value) => { if (asked < 2) throw new PlatformError('SCHEMA_UNKNOWN', 'schema id 9'); return codec.decode(value); },
    learn: async () => { asked += 1; if (asked < 2) throw new PlatformError('REGISTRY_UNAVAILABLE', 'no answer'); return true; },
  });
  await put(row('a'));
  const stop = run();
  await desired.untilKnown(within(3000));
  assert.equal([ids(), invalid, asked], [['a'], [], 2]);
  await stop();
  await node.close();
});

test('a topic that may not be read is tried again: somebody may allow it', async () => {
  const kafka = createMemoryKafka({ partitions: 1 });
  const node = kafka.node();
  const clock = fakeClock();
  const statuses: string[] = [];
  let isAllowed = false;
  const desired = new DesiredCameras({
    topic: TOPIC, codec, clock,
    node: { reader: (...args) => node.reader(...args), bounds: async topic => { if (!isAllowed) throw new PlatformError('KAFKA_REFUSED', 'not authorized'); return node.bounds(topic); } },
  });
  const ending = new AbortController();
  const ended = desired.run({ signal: ending.signal, status: text => { statuses.push(text); } });
  await clock.advance(15_000);
  assert.equal([desired.isKnown, statuses.at(-1)], [false, 'not authorized']);
  isAllowed = true;
  await clock.advance(15_000);
  assert.ok(desired.isKnown);
  ending.abort(new Error('stopped'));
  await ended.catch(() => {});
  await node.close();
});

test('a second run tells what was removed meanwhile, also where the tombstone is gone too', async () => {
  const { put, run, ids, changes, kafka, node } = world();
  const first = await put(row('a'));
  await put(row('b'));
  const stop = run();
  await eventually(() => ids().length === 2, 'both');
  await stop();
  kafka.truncate(TOPIC, first.partition, first.offset + 1);
  changes.length = 0;
  const again = run();
  await eventually(() => changes.length > 0, 'the change');
  assert.equal([changes, ids()], [['-a'], ['b']]);
  await again();
  await node.close();
});

test.run();
