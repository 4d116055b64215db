import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { measureTraffic } from '../../../src/cli/doctor/kafka-traffic.ts';
import { systemClock } from '../../../src/engine/system-clock.ts';
import { createMemoryKafka } from '../../support/memory-kafka.ts';

const AT_MS = 1_700_000_000_000;

test('the rate of a camera is that of its last records, however many cameras share a partition', async () => {
  const node = createMemoryKafka({ partitions: 2 }).node();
  const producer = await node.producer();
  const records = Array.from({ length: 100 }, (_, index) => ['a', 'b', 'c'].map(key => ({ topic: 't', partition: key === 'a' ? 0 : 1, key, value: Buffer.alloc(10_000), timestampMs: AT_MS + index * 200 }))).flat();
  await producer.send(records);
  const { cameras, bytesPerSecond, newestAtMs } = await measureTraffic(node, 't', systemClock);
  assert.is(cameras, 3);
  assert.ok(Math.abs((bytesPerSecond ?? 0) - 50_000) < 1, `${bytesPerSecond}: 5 records of 10 kB a second`);
  assert.is(newestAtMs, AT_MS + 99 * 200);
  await producer.close();
  await node.close();
});

test('an empty topic, and too few records, tell no rate', async () => {
  const node = createMemoryKafka({ partitions: 2 }).node();
  const producer = await node.producer();
  await producer.send([{ topic: 'few', partition: 0, key: 'a', value: Buffer.alloc(10), timestampMs: AT_MS }, { topic: 'few', partition: 0, key: 'a', value: null, timestampMs: AT_MS + 100 }]);
  assert.equal(await measureTraffic(node, 'few', systemClock), { cameras: 1, bytesPerSecond: undefined, newestAtMs: AT_MS + 100 });
  await node.partitionCount('none');
  assert.equal(await measureTraffic(node, 'none', systemClock), { cameras: 0, bytesPerSecond: undefined, newestAtMs: undefined });
  await producer.close();
  await node.close();
});

test.run();
