import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { blockRecordCodec } from '../support/block-record-codec.ts';
import { block } from '../support/byte-codec.ts';
import { envelope, NEVER } from '../support/envelopes.ts';
import { eventually } from '../support/eventually.ts';
import { ownKafkaOrSkip } from '../support/kafka/kafka-or-skip.ts';
import { freshTopic, testNode, topicSpec } from '../support/kafka/test-node.ts';

const SESSION_MS = 2000;
const OUT = { maxItems: 1000, maxBytes: 1 << 24, batchBytes: 1 << 20, lingerMs: 0 };

test('what is begun before there is a broker goes on when there is one', async () => {
  const probe = await ownKafkaOrSkip();
  if (probe === undefined) return;
  const [address] = probe.brokers;
  await probe.close();
  const topic = freshTopic('late');
  const { node } = testNode([address!]);
  const output = node.output(topic, blockRecordCodec, OUT);
  const reader = node.reader(topic, { isolation: 'committed', maxBytes: 1 << 20 });
  reader.seek(0, 'earliest');
  const reading = reader.read(NEVER);
  const pushed = output.push([envelope(block(7))], NEVER);
  const making = node.ensureTopics([topicSpec(topic)]);
  const joining = node.join({ group: topic, topics: [topic], sessionTimeoutMs: SESSION_MS, onAssigned: () => { /* looked at below */ } });
  const transactions = node.transactions(topic, 5000);
  await eventually(() => node.state.state === 'down', 'nobody is there');
  const kafka = await ownKafkaOrSkip({ port: Number(address!.split(':')[1]) });
  await making;
  await pushed;
  assert.is(blockRecordCodec.decode((await reading)[0]!.records[0]!.value!).id, 7);
  assert.equal((await joining).assignment?.partitions.get(topic), [0]);
  await (await transactions).commit([], [{ group: topic, topic, partition: 0, offset: 1 }]);
  await node.close();
  await kafka?.close();
});

test('when the leader of a partition dies, another one is written to and read from, without loss or repetition', async () => {
  const kafka = await ownKafkaOrSkip({ nodes: 3 });
  if (kafka === undefined) return;
  const topic = freshTopic('leader');
  const { node } = testNode(kafka.brokers);
  await node.ensureTopics([topicSpec(topic, 3, 3)]);
  const output = node.output(topic, blockRecordCodec, OUT);
  const reader = node.reader(topic, { isolation: 'committed', maxBytes: 1 << 20 });
  const got = new Map<number, number[]>();
  for (const partition of [0, 1, 2]) { reader.seek(partition, 'earliest'); got.set(partition, []); }
  const keys = ['cam-a', 'cam-b', 'cam-c', 'cam-d', 'cam-e'];
  const total = 500;
  const pushes: Promise<void>[] = [];
  const pushing = (async () => {
    for (let id = 0; id < total; id += 1) {
      pushes.push(output.push([envelope(block(id, 2000), keys[id % 5]!)], NEVER));
      await new Promise<void>(resolve => { setTimeout(resolve, 5); });
      if (id === 150) void kafka.kill(0);
    }
  })();
  let count = 0;
  while (count < total) for (const { partition, records } of await reader.read(AbortSignal.timeout(60_000))) { count += records.length; got.get(partition)?.push(...records.map(({ value }) => blockRecordCodec.decode(value!).id)); }
  await pushing;
  await Promise.all(pushes);
  assert.equal([...got.values()].flat().toSorted((one, other) => one - other), Array.from({ length: total }, (_, id) => id));
  for (const ids of got.values()) for (const key of [0, 1, 2, 3, 4]) { const own = ids.filter(id => id % 5 === key); assert.equal(own, own.toSorted((one, other) => one - other)); }
  await node.close();
  await kafka.close();
});
test.run();
