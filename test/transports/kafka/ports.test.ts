import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { KafkaNode } from '../../../src/transports/kafka-types.ts';
import { transportContract } from '../../contracts/transport-contract.ts';
import { blockRecordCodec } from '../../support/block-record-codec.ts';
import { block } from '../../support/byte-codec.ts';
import { envelope, NEVER } from '../../support/envelopes.ts';
import { eventually } from '../../support/eventually.ts';
import { createMemoryKafka } from '../../support/memory-kafka.ts';

const WIDE = { maxItems: 1000, maxBytes: 1 << 24 };

transportContract('kafka ports on a cluster in memory', { acknowledgedBy: 'log' }, async bounds => {
  const kafka = createMemoryKafka({ partitions: 2 });
  const producing = kafka.node();
  const consumers: KafkaNode[] = [];
  let poisoned = 0;
  const open = () => {
    const node = kafka.node();
    consumers.push(node);
    return { node, input: node.input('blocks', blockRecordCodec, { ...bounds, group: 'g', sessionTimeoutMs: 1000, onInvalid: async () => { poisoned += 1; } }) };
  };
  let consumer = open();
  const output = producing.output('blocks', blockRecordCodec, { ...bounds, batchBytes: 1 << 20, lingerMs: 0 });
  return {
    output, input: () => consumer.input, depth: () => output.depth(), end: () => void output.close(),
    async stall() { kafka.goDown(); return async () => kafka.comeBack(); },
    async crash() { consumer.node.suspend(); consumer = open(); },
    async poison() { await (await producing.producer()).send([{ topic: 'blocks', key: 'cam', value: Buffer.from('?') }]); },
    poisoned: () => poisoned,
    async close() { for (const node of [producing, ...consumers]) await node.close(); },
  };
});

test('an output gathers what comes within its linger into one send, and sends at once when that is large', async () => {
  const kafka = createMemoryKafka({ partitions: 1 });
  const sends: number[] = [];
  kafka.faults.beforeSend = async records => { sends.push(records.length); };
  const node = kafka.node();
  const output = node.output('t', blockRecordCodec, { ...WIDE, batchBytes: 500, lingerMs: 200 });
  const pushed: Promise<void>[] = [];
  for (let id = 0; id < 3; id += 1) { pushed.push(output.push([envelope(block(id))], NEVER)); await new Promise<void>(resolve => { setImmediate(resolve); }); }
  await Promise.all(pushed);
  assert.equal(sends, [3]);
  const start = performance.now();
  await Promise.all([3, 4, 5, 6, 7].map(id => output.push([envelope(block(id))], NEVER)));
  assert.equal(sends.slice(1).reduce((sum, count) => sum + count, 0), 5);
  assert.ok(sends[1]! >= 4, `four blocks of 108 bytes fit into 500: ${sends.join(', ')}`);
  assert.ok(performance.now() - start < 1000);
  await node.close();
});

test('an output that is closed while the brokers are away rejects what they do not have', async () => {
  const kafka = createMemoryKafka({ partitions: 1 });
  const node = kafka.node();
  const output = node.output('t', blockRecordCodec, { ...WIDE, batchBytes: 500, lingerMs: 0 });
  kafka.goDown();
  const pushes = [1, 2, 3].map(id => output.push([envelope(block(id, 400))], NEVER).then(() => 'pushed', (error: { code: string }) => error.code));
  await new Promise<void>(resolve => { setImmediate(resolve); });
  await output.close();
  assert.equal(await Promise.all(pushes), ['PORT_CLOSED', 'PORT_CLOSED', 'PORT_CLOSED']);
  assert.is(output.depth().items, 0);
});

test('the offset of a group is that of the lowest record that is not acknowledged', async () => {
  const kafka = createMemoryKafka({ partitions: 1 });
  const node = kafka.node();
  const output = node.output('t', blockRecordCodec, { ...WIDE, batchBytes: 500, lingerMs: 0 });
  const input = node.input('t', blockRecordCodec, { ...WIDE, group: 'g', sessionTimeoutMs: 1000, onInvalid: async () => assert.unreachable() });
  for (let id = 0; id < 4; id += 1) await output.push([envelope(block(id))], NEVER);
  const deliveries = [];
  for (let id = 0; id < 4; id += 1) deliveries.push(await input.pull(1, NEVER));
  await deliveries[0]?.ack();
  await deliveries[2]?.ack();
  await deliveries[3]?.ack();
  let committed: number | undefined;
  await eventually(() => { void node.committed('g', 't').then(found => { committed = found.get(0); }); return committed === 1; }, 'the first is committed');
  await deliveries[1]?.ack();
  await input.close();
  assert.is((await node.committed('g', 't')).get(0), 4);
  await node.close();
});

test('an input of a member that lost its partition forgets what it had not handed out', async () => {
  const kafka = createMemoryKafka({ partitions: 2 });
  const [writer, first, second] = [kafka.node(), kafka.node(), kafka.node()];
  const options = { ...WIDE, group: 'g', sessionTimeoutMs: 1000, onInvalid: async () => assert.unreachable() };
  const output = writer.output('t', blockRecordCodec, { ...WIDE, batchBytes: 5000, lingerMs: 0 });
  const input = first.input('t', blockRecordCodec, options);
  const keys = ['cam-a', 'cam-b', 'cam-c', 'cam-d'];
  for (const [index, key] of keys.entries()) await output.push([envelope(block(index), key)], NEVER);
  const one = await input.pull(1, NEVER);
  const other = second.input('t', blockRecordCodec, options);
  const theirs: number[] = [];
  const mine: number[] = one?.items.map(item => item.body.id) ?? [];
  await eventually(() => { void other.pull(9, AbortSignal.timeout(20)).then(async delivery => { theirs.push(...delivery?.items.map(item => item.body.id) ?? []); await delivery?.ack(); }, () => {}); return theirs.length > 0; }, 'the new member has a partition');
  for (;;) {
    const delivery = await input.pull(9, AbortSignal.timeout(50)).catch(() => undefined);
    if (delivery === undefined) break;
    mine.push(...delivery.items.map(item => item.body.id));
  }
  assert.equal([...new Set([...mine, ...theirs])].toSorted((a, b) => a - b), [0, 1, 2, 3]);
  assert.ok(mine.filter(id => theirs.includes(id)).length <= 1, 'only what was handed out already may come twice');
  for (const node of [writer, first, second]) await node.close();
});

test.run();
