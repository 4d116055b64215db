import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { createMemoryKafka } from './memory-kafka.ts';
import { NEVER } from './envelopes.ts';
import { eventually } from './eventually.ts';
import { settle } from './fake-clock.ts';
import type { Assignment } from '../../src/transports/kafka-types.ts';

const record = (text: string, partition = 0) => ({ topic: 't', partition, key: 'k', value: Buffer.from(text) });
const codeOf = (error: Error & { code?: string }): string => error.code ?? error.message;

test('committed readers see neither open nor aborted transactions, and control records take offsets', async () => {
  const kafka = createMemoryKafka({ partitions: 2 });
  const node = kafka.node();
  const plain = await node.producer();
  await plain.send([record('a')]);
  const first = await node.transactions('id', 1000);
  kafka.faults.beforeCommit = async () => { throw new Error('killed here'); };
  assert.is(await first.commit([record('lost')], []).catch(codeOf), 'KAFKA_UNAVAILABLE');
  kafka.faults.beforeCommit = undefined;
  await plain.send([record('b')]);
  const reader = node.reader('t', { isolation: 'committed', maxBytes: 1000 });
  reader.seek(0, 'earliest');
  assert.equal((await reader.read(NEVER)).map(each => [each.records.map(({ value }) => String(value)), each.nextOffset]), [[['a'], 1]]);
  const second = await node.transactions('id', 1000);
  assert.equal((await reader.read(NEVER)).map(each => [each.records.map(({ value }) => String(value)), each.nextOffset]), [[['b'], 4]]);
  assert.is(await first.commit([record('zombie')], []).catch(codeOf), 'KAFKA_FENCED');
  await second.commit([record('c')], [{ group: 'g', topic: 't', partition: 0, offset: 7 }]);
  const [last] = await reader.read(NEVER);
  assert.equal([last?.records.map(({ offset }) => offset), last?.nextOffset], [[4], 6]);
  assert.equal([...await node.committed('g', 't')], [[0, 7]]);
  await node.close();
});

test('partitions stay where they are when a member comes, goes, or stands still past its session', async () => {
  const kafka = createMemoryKafka({ partitions: 6 });
  const nodes = [kafka.node(), kafka.node(), kafka.node()];
  const held: Assignment[] = [];
  const join = (index: number) => nodes[index]!.join({ group: 'g', topics: ['t'], sessionTimeoutMs: 1000, onAssigned: assignment => { held[index] = assignment; } });
  const mine = (index: number): readonly number[] => held[index]?.partitions.get('t') ?? [];
  await join(0);
  await settle();
  assert.is(mine(0).length, 6);
  const second = await join(1);
  await settle();
  assert.equal([mine(0), mine(1)], [[0, 1, 2], [3, 4, 5]]);
  await join(2);
  await settle();
  assert.equal([mine(0), mine(1), mine(2)], [[0, 1], [3, 4], [2, 5]]);
  nodes[1]!.suspend();
  await settle();
  assert.equal([mine(0), mine(1), mine(2)], [[0, 1, 3], [3, 4], [2, 4, 5]]);
  assert.is(await second.commit([{ topic: 't', partition: 3, offset: 1 }]).catch(codeOf), 'KAFKA_FENCED');
  nodes[1]!.resume();
  await settle();
  assert.equal([...mine(0), ...mine(1), ...mine(2)].toSorted((a, b) => a - b), [0, 1, 2, 3, 4, 5]);
  for (const node of nodes) await node.close();
});

test('while the brokers are away sends reject and readers wait', async () => {
  const kafka = createMemoryKafka({ partitions: 1 });
  const node = kafka.node();
  const producer = await node.producer();
  const states: string[] = [];
  node.onState(({ state }) => states.push(state));
  const reader = node.reader('t', { isolation: 'uncommitted', maxBytes: 1000 });
  reader.seek(0, 'earliest');
  kafka.goDown();
  let got: string[] = [];
  const reading = reader.read(NEVER).then(fetched => { got = fetched.flatMap(({ records }) => records.map(({ value }) => String(value))); });
  assert.is(await producer.send([record('x')]).catch(codeOf), 'KAFKA_UNAVAILABLE');
  kafka.comeBack();
  await producer.send([record('y')]);
  await eventually(() => got.length > 0, 'read');
  assert.equal([got, states], [['y'], ['down', 'up']]);
  await reading;
  await node.close();
});

test.run();
