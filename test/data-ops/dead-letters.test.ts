import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { listDeadLetters, retryDeadLetters, RETRY_HEADER, type DeadLettersOptions } from '../../src/data-ops/dead-letters.ts';
import { PlatformError } from '../../src/engine/errors.ts';
import { systemClock } from '../../src/engine/system-clock.ts';
import { epochMicros } from '../../src/engine/units.ts';
import type { DeadLetter } from '../../src/messages/dead-letter.ts';
import { fixedSchemaIds } from '../../src/messages/schema-ids.ts';
import { recordCodecs } from '../../src/messages/topics.ts';
import type { KafkaRecord, Written } from '../../src/transports/kafka-types.ts';
import { createMemoryKafka, type MemoryNode } from '../support/memory-kafka.ts';

const codec = recordCodecs(fixedSchemaIds()).deadLetters;
const DEAD = 'vto.dead-letters';

function letter(offset: number, extra: Partial<DeadLetter> = {}): DeadLetter {
  return {
    topic: 'vto.chunks', partition: 1, offset, group: 'vto.detector', key: 'dock', headers: { traceparent: '00-ab-cd-01' }, errorCode: 'RECORD_INVALID', errorMessage: 'no record',
    tries: 3, at: epochMicros(1_700_000_000_000_000 + offset * 1_000_000), payload: Buffer.from(`bytes ${offset}`), ...extra,
  };
}

function world() {
  const kafka = createMemoryKafka({ partitions: 3 });
  const node = kafka.node();
  const options: DeadLettersOptions = { node, codec, prefix: 'vto', clock: systemClock, signal: new AbortController().signal };
  const bury = async (...letters: readonly (DeadLetter | Buffer)[]): Promise<readonly Written[]> => {
    const producer = await node.producer();
    return producer.send(letters.map(each => ({ topic: DEAD, partition: 2, key: 'dock', value: Buffer.isBuffer(each) ? each : codec.encode(each) })));
  };
  return { kafka, node, options, bury };
}

async function recordsOf(node: MemoryNode, topic: string): Promise<readonly KafkaRecord[]> {
  const bounds = await node.bounds(topic);
  const reader = node.reader(topic, { isolation: 'committed', maxBytes: 1 << 20 });
  let open = 0;
  for (const [partition, { begin, end }] of bounds) { if (begin < end) { reader.seek(partition, begin); open += 1; } }
  const records = open === 0 ? [] : (await reader.read(new AbortController().signal)).flatMap(fetched => fetched.records);
  await reader.close();
  return records;
}

const code = async (work: Promise<unknown>): Promise<string> => work.then(() => 'none', (error: unknown) => (error instanceof PlatformError ? error.code : String(error)));

test('lists the newest letters without their payload, and counts all', async () => {
  const { options, bury, node } = world();
  await bury(...Array.from({ length: 200 }, (_, offset) => letter(offset)), Buffer.from('nonsense'));
  const list = await listDeadLetters(options, 3);
  assert.equal([list.total, list.unreadable, list.entries.map(({ offset, letter: { offset: origin } }) => [offset, origin])], [200, 1, [[197, 197], [198, 198], [199, 199]]]);
  const { payload, ...head } = letter(199);
  assert.equal(list.entries[2], { partition: 2, offset: 199, letter: head, payloadBytes: payload.byteLength, isRetried: false });
  await node.close();
});

test('a letter that is retried lies where it was again, unchanged, and is marked', async () => {
  const { options, bury, node } = world();
  await bury(letter(7), letter(8));
  const report = await retryDeadLetters(options, { partition: 2, offset: 1 }, false);
  assert.equal([report.retried.map(({ offset }) => offset), report.refused], [[1], []]);
  const [back, ...more] = await recordsOf(node, 'vto.chunks');
  assert.is(more.length, 0);
  assert.equal([back!.partition, back!.key, back!.value!.toString(), back!.headers], [1, 'dock', 'bytes 8', { traceparent: '00-ab-cd-01', [RETRY_HEADER]: '2/1' }]);
  const { entries, total, unreadable } = await listDeadLetters(options, 9);
  assert.equal([entries.map(({ isRetried }) => isRetried), total, unreadable], [[false, true], 2, 0], 'marks are no letters');
  await node.close();
});

test('a letter is retried a second time only when that is forced', async () => {
  const { options, bury, node } = world();
  await bury(letter(0), letter(1), letter(2));
  await retryDeadLetters(options, { partition: 2, offset: 0 }, false);
  const refused = await retryDeadLetters(options, { partition: 2, offset: 0 }, false);
  assert.equal(refused, { retried: [], refused: [{ place: { partition: 2, offset: 0 }, why: 'it was retried before; --force retries it again' }] });
  const rest = await retryDeadLetters(options, 'all', false);
  assert.equal([rest.retried.map(({ offset }) => offset), rest.refused.length], [[1, 2], 1]);
  const forced = await retryDeadLetters(options, { partition: 2, offset: 0 }, true);
  assert.is(forced.retried[0]?.isRetried, true);
  assert.equal((await recordsOf(node, 'vto.chunks')).map(({ value }) => value!.toString()), ['bytes 0', 'bytes 1', 'bytes 2', 'bytes 0']);
  await node.close();
});

test('a retry that dies on the way has written neither the record nor its mark', async () => {
  const { options, bury, node, kafka } = world();
  await bury(letter(0));
  kafka.faults.beforeCommit = async () => { throw new Error('killed'); };
  assert.is(await code(retryDeadLetters(options, 'all', false)), 'KAFKA_UNAVAILABLE');
  kafka.faults.beforeCommit = undefined;
  const again = await retryDeadLetters(options, 'all', false);
  assert.is(again.retried.length, 1);
  assert.is((await recordsOf(node, 'vto.chunks')).length, 1);
  await node.close();
});

test('of two retries at once the later one goes on and the earlier one is fenced', async () => {
  const { options, bury, node, kafka } = world();
  await bury(letter(0));
  const held = Promise.withResolvers<void>();
  let holds = true;
  kafka.faults.beforeCommit = async () => { if (holds) { holds = false; await held.promise; } };
  const first = code(retryDeadLetters(options, 'all', false));
  while (holds) await new Promise(resolve => { setImmediate(resolve); });
  const second = await retryDeadLetters(options, 'all', false);
  held.resolve();
  assert.equal([await first, second.retried.length, (await recordsOf(node, 'vto.chunks')).length], ['KAFKA_FENCED', 1, 1]);
  await node.close();
});

test('an unknown place is refused, and so is a letter that names a topic of somebody else', async () => {
  const { options, bury, node } = world();
  await bury(letter(0, { topic: 'payments.orders' }));
  assert.is(await code(retryDeadLetters(options, { partition: 0, offset: 5 }, false)), 'REQUEST_INVALID');
  const { refused } = await retryDeadLetters(options, 'all', true);
  assert.equal(refused.map(({ why }) => why), ["its topic 'payments.orders' is not one of 'vto'"]);
  await node.close();
});

test.run();
