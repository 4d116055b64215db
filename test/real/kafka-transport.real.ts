import { spawn, type ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Assignment, Fetched, KafkaNode, PartitionReader } from '../../src/transports/kafka-types.ts';
import { transportContract } from '../contracts/transport-contract.ts';
import { blockRecordCodec } from '../support/block-record-codec.ts';
import { block } from '../support/byte-codec.ts';
import { envelope, NEVER } from '../support/envelopes.ts';
import { eventually } from '../support/eventually.ts';
import { ownKafkaOrSkip } from '../support/kafka/kafka-or-skip.ts';
import type { Kafka } from '../support/kafka/start-kafka.ts';
import { freshTopic, testNode, topicSpec } from '../support/kafka/test-node.ts';

const CHILD = fileURLToPath(new URL('../support/kafka/consumer-child.ts', import.meta.url));
const SESSION_MS = 2000;
const WIDE = { maxItems: 1000, maxBytes: 1 << 24 };
const OUT = { ...WIDE, batchBytes: 1 << 20, lingerMs: 0 };
const codeOf = (error: Error & { code?: string }): string => error.code ?? error.message;
const offsetsOf = (fetched: readonly Fetched[]): number[] => fetched.flatMap(({ records }) => records.map(({ offset }) => offset));

process.on('warning', warning => { if (warning.name === 'TimeoutNegativeWarning') throw warning; });

const children = new Set<ChildProcess>();
process.once('exit', () => { for (const child of children) child.kill('SIGKILL'); });

/** A consumer in a process of its own. */
function startConsumer(brokers: readonly string[], topic: string, group: string, mode = ''): { readonly child: ChildProcess; readonly got: number[] } {
  const child = spawn(process.execPath, [CHILD, brokers.join(','), topic, group, String(SESSION_MS), mode], { stdio: ['ignore', 'pipe', 'inherit'] });
  const got: number[] = [];
  child.stdout.on('data', (bytes: Buffer) => { got.push(...bytes.toString().trim().split('\n').map(Number)); });
  children.add(child);
  return { child, got };
}

/** Reads until `count` records are there. */
async function readSome(reader: PartitionReader, count: number): Promise<Fetched[]> {
  const all: Fetched[] = [];
  while (all.reduce((sum, { records }) => sum + records.length, 0) < count) all.push(...await reader.read(AbortSignal.timeout(20_000)));
  return all;
}

function contractOn(kafka: Kafka): void {
  transportContract(`kafka ${kafka.version}`, { acknowledgedBy: 'log', sessionMs: SESSION_MS }, async bounds => {
    const topic = freshTopic('contract');
    const producing = testNode(kafka.brokers).node;
    await producing.ensureTopics([topicSpec(topic, 2)]);
    const consumers: KafkaNode[] = [];
    let poisoned = 0;
    const open = () => {
      const { node } = testNode(kafka.brokers);
      consumers.push(node);
      return { node, input: node.input(topic, blockRecordCodec, { ...bounds, group: topic, sessionTimeoutMs: SESSION_MS, onInvalid: async () => { poisoned += 1; } }) };
    };
    let consumer = open();
    const output = producing.output(topic, blockRecordCodec, { ...bounds, batchBytes: 1 << 20, lingerMs: 0 });
    return {
      output, input: () => consumer.input, depth: () => output.depth(), end: () => void output.close(),
      async stall() { kafka.pause(0, true); return async () => kafka.pause(0, false); },
      async crash() { await consumer.node.close(); consumer = open(); },
      async poison() { await (await producing.producer()).send([{ topic, key: 'cam', value: Buffer.from('?') }]); },
      poisoned: () => poisoned,
      async close() { for (const node of [producing, ...consumers]) await node.close(); },
    };
  });
}

function transactionTests(kafka: Kafka): void {
  const tests = suite(`kafka ${kafka.version} transactions`);
  tests('of two producers of an id the newer one fences the older one, and what the older one left open is aborted', async () => {
    const topic = freshTopic('fence');
    const { node } = testNode(kafka.brokers);
    await node.ensureTopics([topicSpec(topic)]);
    const older = await node.transactions(`${topic}.id`, 10_000);
    await older.commit([{ topic, partition: 0, key: 'k', value: Buffer.from('1') }], [{ group: topic, topic, partition: 0, offset: 11 }]);
    const newer = await node.transactions(`${topic}.id`, 10_000);
    assert.is(await older.commit([{ topic, partition: 0, key: 'k', value: Buffer.from('zombie') }], [{ group: topic, topic, partition: 0, offset: 99 }]).catch(codeOf), 'KAFKA_FENCED');
    assert.is(await older.commit([], [{ group: topic, topic, partition: 0, offset: 99 }]).catch(codeOf), 'KAFKA_FENCED', 'it stays fenced');
    await newer.commit([{ topic, partition: 0, key: 'k', value: Buffer.from('2') }], []);
    const reader = node.reader(topic, { isolation: 'committed', maxBytes: 1 << 20 });
    reader.seek(0, 'earliest');
    assert.equal((await readSome(reader, 2)).flatMap(({ records }) => records.map(({ value }) => String(value))), ['1', '2']);
    assert.equal([...await node.committed(topic, topic)], [[0, 11]]);
    await node.close();
  });

  tests('a record too large for the topic aborts its transaction, and the producer goes on', async () => {
    const topic = freshTopic('large');
    const { node } = testNode(kafka.brokers);
    await node.ensureTopics([{ ...topicSpec(topic), config: { 'max.message.bytes': '100000' } }]);
    const producer = await node.transactions(`${topic}.id`, 10_000);
    const record = (size: number) => ({ topic, partition: 0, key: 'k', value: Buffer.alloc(size) });
    assert.is(await producer.commit([record(10), record(200_000), record(20)], []).catch(codeOf), 'RECORD_INVALID');
    await producer.commit([record(30), record(80_000), record(80_000)], []);
    const reader = node.reader(topic, { isolation: 'committed', maxBytes: 1 << 20 });
    reader.seek(0, 'earliest');
    const fetched = await readSome(reader, 3);
    assert.equal(fetched.flatMap(({ records }) => records.map(({ value }) => value?.length)), [30, 80_000, 80_000]);
    const { end } = (await node.bounds(topic)).get(0)!;
    assert.is(fetched.at(-1)?.nextOffset, end, 'the position is after the control record');
    await node.close();
  });

  tests('many transactions after each other take milliseconds each', async () => {
    const topic = freshTopic('many');
    const { node } = testNode(kafka.brokers);
    await node.ensureTopics([topicSpec(topic)]);
    const producer = await node.transactions(`${topic}.id`, 10_000);
    const tookMs: number[] = [];
    for (let index = 0; index < 60; index += 1) {
      const start = performance.now();
      await producer.commit([{ topic, partition: 0, key: 'k', value: Buffer.from(String(index)) }], [{ group: topic, topic, partition: 0, offset: index }]);
      tookMs.push(performance.now() - start);
    }
    const median = tookMs.toSorted((one, other) => one - other)[30]!;
    console.log(`  a transaction takes ${median.toFixed(1)} ms (median)`);
    assert.ok(median < 150, `${median} ms: CONCURRENT_TRANSACTIONS must not cost a long pause`);
    await node.close();
  });
  tests.run();
}

function groupTests(kafka: Kafka): void {
  const tests = suite(`kafka ${kafka.version} groups`);
  tests('partitions stay with their members when one comes and goes, and every assignment is told', async () => {
    const topic = freshTopic('sticky');
    const nodes = [0, 1, 2].map(() => testNode(kafka.brokers).node);
    await nodes[0]!.ensureTopics([topicSpec(topic, 6)]);
    const told: Assignment[][] = [[], [], []];
    const join = (index: number) => nodes[index]!.join({ group: topic, topics: [topic], sessionTimeoutMs: 6000, onAssigned: assignment => { told[index]!.push(assignment); } });
    const mine = (index: number): readonly number[] => told[index]!.at(-1)?.partitions.get(topic) ?? [];
    const members = [await join(0)];
    assert.equal(mine(0), [0, 1, 2, 3, 4, 5]);
    members.push(await join(1));
    await eventually(() => mine(0).length === 3, 'shared');
    const before = [mine(0), mine(1)];
    members.push(await join(2));
    await eventually(() => [0, 1, 2].every(index => mine(index).length === 2), 'shared by three');
    assert.ok(mine(0).every(partition => before[0]!.includes(partition)) && mine(1).every(partition => before[1]!.includes(partition)), 'none moved between those who stayed');
    const held = [mine(0), mine(1)];
    await members[2]!.close();
    await eventually(() => mine(0).length === 3 && mine(1).length === 3, 'shared by two again');
    assert.ok(held[0]!.every(partition => mine(0).includes(partition)) && held[1]!.every(partition => mine(1).includes(partition)));
    for (const assignments of told) assert.equal(assignments.map(({ generation }) => generation), assignments.map(({ generation }) => generation).toSorted((one, other) => one - other));
    await members[0]!.commit([{ topic, partition: mine(0)[0]!, offset: 5 }]);
    assert.is((await nodes[0]!.committed(topic, topic)).get(mine(0)[0]!), 5);
    for (const node of nodes) await node.close();
  });

  tests('a consumer killed in mid-work loses nothing: the next process gets what it had not acknowledged', async () => {
    const topic = freshTopic('killed');
    const { node } = testNode(kafka.brokers);
    await node.ensureTopics([topicSpec(topic)]);
    const output = node.output(topic, blockRecordCodec, OUT);
    for (let id = 0; id < 20; id += 1) await output.push([envelope(block(id))], NEVER);
    const first = startConsumer(kafka.brokers, topic, topic, 'slow');
    await eventually(() => first.got.length === 20, 'all handed out', 20_000);
    first.child.kill('SIGKILL');
    const second = startConsumer(kafka.brokers, topic, topic);
    await eventually(() => second.got.length === 20, 'all handed out again', 20_000);
    assert.equal(second.got, first.got);
    second.child.kill('SIGKILL');
    await node.close();
  });

  tests('a member that stood still past its session finds its partitions gone and takes part again', async () => {
    const topic = freshTopic('zombie');
    const { node } = testNode(kafka.brokers);
    await node.ensureTopics([topicSpec(topic)]);
    const output = node.output(topic, blockRecordCodec, OUT);
    const zombie = startConsumer(kafka.brokers, topic, topic);
    await output.push([envelope(block(0))], NEVER);
    await eventually(() => zombie.got.length === 1, 'it works', 20_000);
    await new Promise<void>(resolve => { setTimeout(resolve, 500); }); // what it has done is committed in intervals
    zombie.child.kill('SIGSTOP');
    const heir = startConsumer(kafka.brokers, topic, topic);
    await output.push([envelope(block(1))], NEVER);
    await eventually(() => heir.got.length === 1, 'another takes over', 20_000);
    assert.equal(heir.got, [1]);
    zombie.child.kill('SIGCONT');
    await output.push([envelope(block(2))], NEVER);
    await eventually(() => heir.got.length + zombie.got.length >= 3, 'goes on', 20_000);
    heir.child.kill('SIGKILL');
    await output.push([envelope(block(3))], NEVER);
    await eventually(() => zombie.got.includes(3), 'takes over in turn', 20_000);
    zombie.child.kill('SIGKILL');
    await node.close();
  });
  tests.run();
}

function logTests(kafka: Kafka): void {
  const tests = suite(`kafka ${kafka.version} log`);
  tests('topics made by several nodes at once are usable at once', async () => {
    const topics = [1, 2, 3].map(() => freshTopic('made'));
    const nodes = [1, 2, 3].map(() => testNode(kafka.brokers).node);
    await Promise.all(nodes.map(node => node.ensureTopics(topics.map(topic => topicSpec(topic, 3)))));
    for (const [index, node] of nodes.entries()) {
      const written = await (await node.producer()).send(topics.map(topic => ({ topic, partition: index, key: null, value: Buffer.from('x') })));
      assert.equal(written.map(({ offset }) => offset), [0, 0, 0]);
      assert.is(await node.partitionCount(topics[index]!), 3);
    }
    assert.is(await nodes[0]!.ensureTopics([topicSpec(topics[0]!, 4)]).catch(codeOf), 'TOPIC_UNFIT');
    for (const node of nodes) await node.close();
  });

  tests('a topic the broker does not make is refused with the command that makes it', async () => {
    const { node } = testNode(kafka.brokers);
    const topic = freshTopic('refused');
    const error = await node.ensureTopics([{ topic, partitions: 2, replication: 9, config: { 'cleanup.policy': 'compact' } }]).catch((each: { code: string; message: string }) => each);
    assert.is(error?.code, 'KAFKA_REFUSED');
    assert.match(error?.message ?? '', `kafka-topics.sh --bootstrap-server ${kafka.brokers[0]!} --create --topic ${topic} --partitions 2 --replication-factor 9 --config cleanup.policy=compact`);
    await node.close();
  });

  tests('an offset that retention took becomes the earliest, with a warning', async () => {
    const topic = freshTopic('gone');
    const { node, lines } = testNode(kafka.brokers);
    await node.ensureTopics([topicSpec(topic)]);
    const producer = await node.producer();
    for (let index = 0; index < 10; index += 1) await producer.send([{ topic, partition: 0, key: null, value: Buffer.from(String(index)) }]);
    await deleteRecords(kafka.brokers, topic, 6);
    const reader = node.reader(topic, { isolation: 'committed', maxBytes: 1 << 20 });
    reader.seek(0, 2);
    const fetched = await readSome(reader, 4);
    assert.equal([fetched[0]?.records.length, fetched[0]?.nextOffset, offsetsOf(fetched)], [0, 6, [6, 7, 8, 9]]);
    assert.equal(lines.filter(line => line.startsWith('the offset does not exist')).length, 1);
    assert.equal([...await node.bounds(topic)], [[0, { begin: 6, end: 10 }]]);
    reader.seek(0, 8);
    assert.equal(offsetsOf(await readSome(reader, 2)), [8, 9], 'seeking back is seeking');
    reader.drop(0);
    reader.seek(0, 'latest');
    await new Promise<void>(resolve => { setTimeout(resolve, 300); });
    await producer.send([{ topic, partition: 0, key: null, value: Buffer.from('new') }]);
    assert.equal(offsetsOf(await readSome(reader, 1)), [10]);
    await node.close();
  });

  tests('of pushes sent together only the one that is too large is refused', async () => {
    const topic = freshTopic('refused');
    const { node } = testNode(kafka.brokers);
    await node.ensureTopics([{ ...topicSpec(topic), config: { 'max.message.bytes': '100000' } }]);
    const output = node.output(topic, blockRecordCodec, OUT);
    const pushed = await Promise.all([1, 2, 3, 4].map(id => output.push([envelope(block(id, id === 3 ? 200_000 : 60_000))], NEVER).then(() => 'written', codeOf)));
    assert.equal(pushed, ['written', 'written', 'RECORD_INVALID', 'written']);
    const reader = node.reader(topic, { isolation: 'committed', maxBytes: 1 << 20 });
    reader.seek(0, 'earliest');
    assert.equal((await readSome(reader, 3)).flatMap(({ records }) => records.map(({ value }) => blockRecordCodec.decode(value!).id)), [1, 2, 4]);
    await node.close();
  });

  for (const compression of ['gzip', 'zstd'] as const) {
    tests(`records written with ${compression} are read back, headers, tombstones and all`, async () => {
      const topic = freshTopic(compression);
      const { node } = testNode(kafka.brokers, { compression });
      await node.ensureTopics([topicSpec(topic)]);
      const records = Array.from({ length: 300 }, (_, index) => ({ topic, partition: 0, key: `cam-${index}`, value: index % 7 === 0 ? null : Buffer.alloc(index * 10, index), headers: { 'ce_id': `é${index}` }, timestampMs: 1_700_000_000_000 + index }));
      const written = await (await node.producer()).send(records);
      assert.equal(written.map(({ offset }) => offset), records.map((_, index) => index));
      const reader = node.reader(topic, { isolation: 'committed', maxBytes: 1 << 20 });
      reader.seek(0, 'earliest');
      const got = (await readSome(reader, 300)).flatMap(each => each.records);
      assert.equal(got.map(({ key, value, headers, timestampMs }) => [key, value === null ? null : [...value.subarray(0, 2), value.length], headers, timestampMs]),
        records.map(({ key, value, headers, timestampMs }) => [key, value === null ? null : [...value.subarray(0, 2), value.length], headers, timestampMs]));
      await node.close();
    });
  }

  tests('a broker killed and started again on its storage: the output goes on without loss or repetition, the reader too', async () => {
    const topic = freshTopic('restart');
    const { node, lines } = testNode(kafka.brokers);
    await node.ensureTopics([topicSpec(topic, 2)]);
    const states: string[] = [];
    node.onState(({ state }) => states.push(state));
    const output = node.output(topic, blockRecordCodec, OUT);
    const plain = await node.producer();
    const reader = node.reader(topic, { isolation: 'committed', maxBytes: 1 << 20 });
    for (const partition of [0, 1]) reader.seek(partition, 'earliest');
    const got = new Map<string, number[]>();
    const stop = new AbortController();
    const reading = (async () => {
      for (;;) {
        for (const { records } of await reader.read(stop.signal)) for (const { key, value } of records) got.set(key ?? '', [...got.get(key ?? '') ?? [], blockRecordCodec.decode(value!).id]);
      }
    })().catch(() => { /* stopped */ });
    const total = 600;
    const pushes: Promise<void>[] = [];
    const pushing = (async () => {
      for (let id = 0; id < total; id += 1) {
        pushes.push(output.push([envelope(block(id, 2000), `cam-${id % 4}`)], NEVER));
        await new Promise<void>(resolve => { setTimeout(resolve, 5); });
      }
    })();
    await eventually(() => pushes.length > total / 3, 'in mid-flow', 20_000);
    await kafka.kill();
    await eventually(() => node.state.state === 'down', 'the outage is known');
    assert.match(node.state.message ?? '', kafka.brokers[0]!);
    await kafka.restart();
    await pushing;
    await Promise.all(pushes);
    await eventually(() => [...got.values()].reduce((sum, ids) => sum + ids.length, 0) >= total, 'all read', 30_000);
    for (let key = 0; key < 4; key += 1) assert.equal(got.get(`cam-${key}`), Array.from({ length: total / 4 }, (_, index) => index * 4 + key), `each once and in order of cam-${key}`);
    await eventually(() => node.state.state === 'up', 'up again');
    await plain.send([{ topic, partition: 0, key: 'late', value: blockRecordCodec.encode(block(1)) }]);
    assert.equal(states, ['down', 'up']);
    assert.ok(lines.length < 40, `an outage is no flood of lines:\n${lines.join('\n')}`);
    stop.abort();
    await reading;
    await node.close();
  });
  tests.run();
}

async function deleteRecords(brokers: readonly string[], topic: string, before: number): Promise<void> {
  const { Kafka: Client, logLevel } = await import('kafkajs');
  const admin = new Client({ brokers: [...brokers], logLevel: logLevel.NOTHING }).admin();
  await admin.connect();
  await admin.fetchTopicOffsets(topic); // loads the metadata that the next call wants
  await admin.deleteTopicRecords({ topic, partitions: [{ partition: 0, offset: String(before) }] });
  await admin.disconnect();
}

// All tests are known before the first one runs: uvu begins at the first pause.
for (const kafka of [await ownKafkaOrSkip({ version: '3.9' }), await ownKafkaOrSkip()]) {
  if (kafka === undefined) continue;
  contractOn(kafka);
  transactionTests(kafka);
  groupTests(kafka);
  logTests(kafka);
  const last = suite(`kafka ${kafka.version} end`);
  last('the broker ends', () => kafka.close());
  last.run();
}
