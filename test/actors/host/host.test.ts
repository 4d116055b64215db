import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { PlatformError } from '../../../src/engine/errors.ts';
import type { ChunkPart } from '../../../src/messages/chunk-part.ts';
import type { KafkaNode, RecordCodec } from '../../../src/transports/kafka-types.ts';
import type { TerminalRecord } from '../../../src/messages/terminal-record.ts';
import { eventually } from '../../support/eventually.ts';
import { FakeVision } from '../../support/fake-vision.ts';
import { CameraWriter, ledgerOf, readAll, startHost, topicsOf, untilLedger, v8Codecs, wrongOf, type RunningHost } from '../../support/host-world.ts';
import { createMemoryKafka, type MemoryKafka } from '../../support/memory-kafka.ts';
import { v8Codec } from '../../support/v8-codec.ts';
import { sumOf } from '../../../src/utility-ops/telemetry/snapshot.ts';

const topics = topicsOf('t');

async function writersOf(kafka: MemoryKafka, cameras: readonly string[], gop = 10): Promise<CameraWriter[]> {
  const producer = await kafka.node().producer();
  return cameras.map(camera => new CameraWriter({ camera, producer, topic: topics.chunks, gop }));
}

const faultsOf = (hosts: readonly RunningHost[]): string[] => hosts.flatMap(({ visions }) => visions.flatMap(({ faults }) => faults));

async function metric({ telemetry }: RunningHost, name: string): Promise<number> {
  return sumOf([await telemetry.snapshot()], `visutility_${name}`);
}

/** A node that does some things otherwise. */
function changed(node: KafkaNode, changes: Partial<KafkaNode>): KafkaNode {
  return new Proxy(node, {
    get(target, name) {
      const value = Reflect.get(name in changes ? changes : target, name) as unknown;
      return typeof value === 'function' && !(name in changes) ? value.bind(target) as unknown : value;
    },
  });
}

test('every frame is detected and committed once, to the partition it came from', async () => {
  const kafka = createMemoryKafka({ partitions: 3 });
  const writers = await writersOf(kafka, ['a', 'b', 'c', 'd', 'e']);
  const host = startHost(kafka.node(), { topics });
  for (const writer of writers) await writer.write(57, { isEnd: true });
  const { counts, dropped } = await untilLedger(kafka.node(), topics, writers);
  assert.equal(wrongOf(counts, writers), []);
  assert.is(dropped.size, 0);
  const places = async (topic: string): Promise<readonly string[]> => [...new Set((await readAll(kafka.node(), topic)).map(({ key, partition }) => `${key}@${partition}`))].sort();
  assert.equal(await places(topics.detections), await places(topics.chunks));
  await host.stop();
  const committed = await kafka.node().committed(topics.group, topics.chunks);
  for (const [partition, { end }] of await kafka.node().bounds(topics.chunks)) assert.is(committed.get(partition) ?? 0, end);
  assert.equal(faultsOf([host]), []);
});

test('a host that dies is replaced by another, which goes on at a key frame with no record lost or doubled', async () => {
  const kafka = createMemoryKafka({ partitions: 2 });
  const writers = await writersOf(kafka, ['a', 'b', 'c'], 25);
  const first = kafka.node();
  const vision = new FakeVision();
  const dying = startHost(first, { topics, visions: [vision] });
  for (const writer of writers) await writer.write(40);
  await eventually(() => vision.decoded >= 100, 'the first host works');
  vision.isStalled = true;
  first.suspend(); // it neither knows nor leaves
  const next = startHost(kafka.node(), { topics });
  for (const writer of writers) await writer.write(30, { isEnd: true });
  const { counts, dropped } = await untilLedger(kafka.node(), topics, writers);
  assert.equal(wrongOf(counts, writers), []);
  assert.is(dropped.size, 0);
  assert.equal(faultsOf([dying, next]), []);
  await Promise.all([dying.stop(), next.stop()]);
});

test('a zombie that wakes commits nothing, and takes no partition away from its successor', async () => {
  const kafka = createMemoryKafka({ partitions: 1 });
  const writers = await writersOf(kafka, ['a', 'b']);
  const asleep = kafka.node();
  const vision = new FakeVision();
  const zombie = startHost(asleep, { topics, visions: [vision] });
  for (const writer of writers) await writer.write(20);
  await eventually(() => vision.decoded >= 40, 'the zombie has frames in flight');
  vision.isStalled = true;
  asleep.suspend();
  const owner = startHost(kafka.node(), { topics });
  for (const writer of writers) await writer.write(20);
  await eventually(() => owner.visions[0]!.decoded >= 20, 'the successor works');
  vision.go(); // the zombie has something to commit, which its successor has committed, or will
  await eventually(() => zombie.lines.some(line => line.includes('KAFKA_FENCED')), 'the zombie is told');
  asleep.resume();
  for (const writer of writers) await writer.write(20, { isEnd: true });
  const { counts } = await untilLedger(kafka.node(), topics, writers);
  assert.equal(wrongOf(counts, writers), []);
  assert.is(await metric(owner, 'partitions_fenced_total'), 0);
  assert.equal(faultsOf([zombie, owner]), []);
  await Promise.all([zombie.stop(), owner.stop()]);
});

for (const gop of [5, 1_000]) {
  test(`a vision process replaced within a GOP of ${gop} frames is fed again from its key frame, without a rebalance`, async () => {
    const kafka = createMemoryKafka({ partitions: 2 });
    const writers = await writersOf(kafka, ['a', 'b', 'c'], gop);
    const vision = new FakeVision({ heldMax: 6 });
    const host = startHost(kafka.node(), { topics, visions: [vision] });
    for (let round = 0; round < 6; round += 1) {
      for (const writer of writers) await writer.write(23);
      await eventually(() => vision.decoded >= (round + 1) * 30, 'it decodes');
      vision.replace();
    }
    for (const writer of writers) await writer.write(4, { isEnd: true });
    const { counts, dropped } = await untilLedger(kafka.node(), topics, writers);
    assert.equal(wrongOf(counts, writers), []);
    assert.is(dropped.size, 0);
    assert.equal(faultsOf([host]), []);
    assert.ok(await metric(host, 'partition_rewinds_total') >= 12);
    await host.stop();
  });
}

test('what lies too far back to be decoded again ends as undecodable up to the next key frame', async () => {
  const kafka = createMemoryKafka({ partitions: 1 });
  const writers = await writersOf(kafka, ['a'], 30);
  const vision = new FakeVision();
  const host = startHost(kafka.node(), { topics, visions: [vision], maxRewindMs: -1 });
  await writers[0]!.write(20, { perPart: 1 });
  await eventually(() => vision.decoded === 20, 'it decodes');
  await eventually(() => host.host.inFlight === 3, 'all but the frames held have their record');
  vision.replace();
  await writers[0]!.write(20, { perPart: 1, isEnd: true });
  const { counts, dropped } = await untilLedger(kafka.node(), topics, writers);
  assert.equal(wrongOf(counts, writers), []);
  assert.equal([...dropped], Array.from({ length: 13 }, (_, index) => [`a/1/${17 + index}`, 'undecodable']));
  await host.stop();
});

test('a second host takes over some partitions and leaves the others alone, and gives them back when it stops', async () => {
  const kafka = createMemoryKafka({ partitions: 8 });
  const writers = await writersOf(kafka, ['a', 'b', 'c', 'd', 'e', 'f'], 15);
  const first = startHost(kafka.node(), { topics });
  const keepWriting = async (): Promise<void> => { for (const writer of writers) await writer.write(10); };
  await keepWriting();
  await eventually(() => first.host.partitions.length === 8, 'the first host has everything');
  const second = startHost(kafka.node(), { topics });
  await keepWriting();
  await eventually(() => first.host.partitions.length === 4 && second.host.partitions.length === 4, 'they share');
  const moved = new Set((await readAll(kafka.node(), topics.chunks)).filter(({ partition }) => second.host.partitions.includes(partition)).map(({ key }) => key));
  await eventually(() => [...first.visions[0]!.open].every(camera => !moved.has(camera)), 'the first vision process has closed the decoders of the others');
  await keepWriting();
  const startedAt = performance.now();
  await second.stop();
  assert.ok(performance.now() - startedAt < 2_000);
  await eventually(() => first.host.partitions.length === 8, 'the first host has everything again');
  for (const writer of writers) await writer.write(7, { isEnd: true });
  const { counts, dropped } = await untilLedger(kafka.node(), topics, writers);
  assert.equal(wrongOf(counts, writers), []);
  assert.is(dropped.size, 0);
  assert.equal(faultsOf([first, second]), []);
  await first.stop();
});

test('a broker that is away for a while leaves no frame without its record and none with two', async () => {
  const kafka = createMemoryKafka({ partitions: 2 });
  const writers = await writersOf(kafka, ['a', 'b', 'c'], 12);
  const host = startHost(kafka.node(), { topics });
  for (let round = 0; round < 4; round += 1) {
    for (const writer of writers) await writer.write(30);
    await eventually(() => host.visions[0]!.decoded > round * 40, 'it decodes');
    kafka.goDown();
    await new Promise(resolve => { setTimeout(resolve, 60); }); // the time that passes is what is tested
    kafka.comeBack();
  }
  for (const writer of writers) await writer.write(3, { isEnd: true });
  const { counts, dropped } = await untilLedger(kafka.node(), topics, writers);
  assert.equal(wrongOf(counts, writers), []);
  assert.is(dropped.size, 0);
  assert.equal(faultsOf([host]), []);
  await host.stop();
});

test('a commit whose outcome is not known is decided by Kafka, not by what the host remembers', async () => {
  const kafka = createMemoryKafka({ partitions: 1 });
  const writers = await writersOf(kafka, ['a', 'b'], 12);
  const host = startHost(kafka.node(), { topics });
  let count = 0;
  const everyThird = async (): Promise<void> => { count += 1; if (count % 3 === 0 && count < 60) throw new Error('the connection broke'); };
  kafka.faults.beforeCommit = everyThird;
  kafka.faults.afterCommit = everyThird;
  for (let round = 0; round < 10; round += 1) {
    for (const writer of writers) await writer.write(11);
    await new Promise(resolve => { setTimeout(resolve, 30); }); // so that there are several commits
  }
  for (const writer of writers) await writer.write(3, { isEnd: true });
  const { counts, dropped } = await untilLedger(kafka.node(), topics, writers, 20_000);
  assert.ok(count > 6, 'commits failed');
  assert.equal(wrongOf(counts, writers), []);
  assert.is(dropped.size, 0);
  assert.equal(faultsOf([host]), []);
  await host.stop();
});

test('a record that cannot be decoded goes to the dead letters, and the ones behind it are processed', async () => {
  const kafka = createMemoryKafka({ partitions: 1 });
  const writers = await writersOf(kafka, ['a']);
  const producer = await kafka.node().producer();
  const host = startHost(kafka.node(), { topics });
  await writers[0]!.write(10);
  await producer.send([{ topic: topics.chunks, key: 'a', value: Buffer.from('poison'), headers: { from: 'test' } }, { topic: topics.chunks, key: null, value: null }]);
  await writers[0]!.write(10, { isEnd: true });
  const { counts } = await untilLedger(kafka.node(), topics, writers);
  assert.equal(wrongOf(counts, writers), []);
  await host.stop();
  const letters = (await readAll(kafka.node(), topics.deadLetters)).map(({ value }) => v8Codec<{ payload: Uint8Array; tries: number; errorCode: string; offset: number; headers: object }>().decode(value!));
  assert.equal(letters.map(({ tries, errorCode, offset }) => ({ tries, errorCode, offset })), [{ tries: 3, errorCode: 'RECORD_INVALID', offset: 2 }, { tries: 3, errorCode: 'RECORD_INVALID', offset: 3 }]);
  assert.equal(Buffer.from(letters[0]!.payload).toString(), 'poison');
  assert.equal(letters[0]!.headers, { from: 'test' });
});

test('a record of a schema that is not known waits for a registry that does not answer, and is decoded when it does', async () => {
  const kafka = createMemoryKafka({ partitions: 1 });
  const writers = await writersOf(kafka, ['a', 'b']);
  let asked = 0;
  const chunks: RecordCodec<ChunkPart> = {
    ...v8Codec<ChunkPart>(),
    decode(value) {
      if (asked < 5) throw new PlatformError('SCHEMA_UNKNOWN', 'not known');
      return v8Codec<ChunkPart>().decode(value);
    },
    async learn() {
      asked += 1;
      if (asked < 5) throw new PlatformError('REGISTRY_UNAVAILABLE', 'no answer');
      return true;
    },
  };
  const host = startHost(kafka.node(), { topics, codecs: { ...v8Codecs(), chunks } });
  for (const writer of writers) await writer.write(20, { isEnd: true });
  const { counts, dropped } = await untilLedger(kafka.node(), topics, writers);
  assert.equal(wrongOf(counts, writers), []);
  assert.is(dropped.size, 0);
  await host.stop();
  assert.is((await readAll(kafka.node(), topics.deadLetters)).length, 0);
});

test('a stop during a slow commit commits the rest behind it', async () => {
  const kafka = createMemoryKafka({ partitions: 1 });
  const writers = await writersOf(kafka, ['a']);
  const vision = new FakeVision({ heldMax: 0 });
  let running = 0;
  let most = 0;
  kafka.faults.beforeCommit = async () => {
    running += 1;
    most = Math.max(most, running);
    await new Promise(resolve => { setTimeout(resolve, 40); }); // a slow broker
    running -= 1;
  };
  const host = startHost(kafka.node(), { topics, visions: [vision] });
  await writers[0]!.write(30);
  await eventually(() => running === 1, 'a commit is under way');
  await writers[0]!.write(30);
  await eventually(() => vision.decoded === 60, 'it decodes');
  await host.stop();
  const { counts } = await ledgerOf(kafka.node(), topics);
  assert.equal(wrongOf(counts, writers), []);
  assert.is(most, 1);
});

test('a record that kills vision processes is found out and goes to the dead letters; the camera goes on at its next key frame, the others lose nothing', async () => {
  const kafka = createMemoryKafka({ partitions: 1 });
  const writers = await writersOf(kafka, ['a', 'b', 'c'], 20);
  const vision = new FakeVision();
  Object.assign(vision, { poison: 'poison', isRestarting: true });
  const host = startHost(kafka.node(), { topics, visions: [vision] });
  for (const writer of writers) await writer.write(30);
  await writers[1]!.write(2, { text: 'poison', perPart: 1 });
  for (const writer of writers) await writer.write(30, { isEnd: true });
  const { counts, dropped } = await untilLedger(kafka.node(), topics, writers);
  assert.equal(wrongOf(counts, writers), []);
  assert.equal([...dropped], Array.from({ length: 10 }, (_, index) => [`b/1/${30 + index}`, 'undecodable']));
  await eventually(() => host.lines.some(line => line.includes('dead letters')), 'it is said');
  await host.stop();
  const letters = (await readAll(kafka.node(), topics.deadLetters)).map(({ value }) => v8Codec<{ tries: number; errorCode: string }>().decode(value!));
  assert.equal(letters.map(({ tries, errorCode }) => [tries, errorCode]), [[3, 'PROCESS_EXITED']]);
  assert.ok(vision.deaths <= 7, `${vision.deaths} processes died`);
  assert.equal(faultsOf([host]), []);
});

test('frames of a session that another node has replaced end as superseded', async () => {
  const kafka = createMemoryKafka({ partitions: 1 });
  const [writer] = await writersOf(kafka, ['a']);
  const host = startHost(kafka.node(), { topics });
  const producer = await kafka.node().producer();
  const old = new CameraWriter({ camera: 'a', producer, topic: topics.chunks });
  await old.write(15);
  writer!.begin(7);
  await writer!.write(15);
  await old.send(old.sent.slice(-2)); // what it is not sure of, it repeats
  await old.write(5);
  await writer!.write(15, { isEnd: true });
  const { counts, dropped } = await untilLedger(kafka.node(), topics, [writer!, old]);
  assert.equal(wrongOf(counts, [writer!, old]), []);
  assert.equal([...dropped], Array.from({ length: 5 }, (_, index) => [`a/1/${15 + index}`, 'superseded']));
  assert.equal(faultsOf([host]), []);
  await host.stop();
});

test('at-least-once delivery loses nothing when a host dies', async () => {
  const kafka = createMemoryKafka({ partitions: 2 });
  const writers = await writersOf(kafka, ['a', 'b', 'c'], 20);
  const first = kafka.node();
  const settings = { delivery: 'at-least-once' } as const;
  const dying = startHost(first, { topics, settings });
  for (const writer of writers) await writer.write(30);
  await eventually(() => dying.visions[0]!.decoded >= 60, 'the first host works');
  first.suspend();
  const next = startHost(kafka.node(), { topics, settings });
  for (const writer of writers) await writer.write(30, { isEnd: true });
  const { counts } = await untilLedger(kafka.node(), topics, writers);
  assert.equal(wrongOf(counts, writers).filter(each => / 0 records|never sent/.test(each)), []);
  await Promise.all([dying.stop(), next.stop()]);
});

test('at least once, records can be read before the commit interval is over', async () => {
  const kafka = createMemoryKafka({ partitions: 1 });
  const [writer] = await writersOf(kafka, ['a']);
  const host = startHost(kafka.node(), { topics, settings: { delivery: 'at-least-once', commitIntervalMs: 3_600_000 } });
  await writer!.write(25, { isEnd: true });
  const { counts } = await untilLedger(kafka.node(), topics, [writer!]);
  assert.equal(wrongOf(counts, [writer!]), []);
  assert.is((await kafka.node().committed(topics.group, topics.chunks)).get(0), undefined);
  await host.stop();
  assert.is((await kafka.node().committed(topics.group, topics.chunks)).get(0), (await kafka.node().bounds(topics.chunks)).get(0)!.end);
});

test('at least once, no offset passes records whose writing failed', async () => {
  const kafka = createMemoryKafka({ partitions: 1 });
  const [writer] = await writersOf(kafka, ['a']);
  const node = kafka.node();
  let requests = 0;
  const failing = changed(node, {
    async producer() {
      const producer = await node.producer();
      return {
        close: () => producer.close(),
        async send(records) {
          const isRefused = records[0]?.topic === topics.detections && (requests += 1) % 3 === 2;
          if (!isRefused) return producer.send(records);
          await new Promise(resolve => { setTimeout(resolve, 30); }); // a commit of what follows may come before the answer
          throw new PlatformError('KAFKA_UNAVAILABLE', 'no answer');
        },
      };
    },
  });
  const host = startHost(failing, { topics, settings: { delivery: 'at-least-once', commitIntervalMs: 5 } });
  for (let round = 0; round < 10; round += 1) {
    await writer!.write(5, { isEnd: round === 9 });
    const before = requests;
    await eventually(() => requests > before, 'records are written');
  }
  const { counts } = await untilLedger(kafka.node(), topics, [writer!]);
  assert.equal(wrongOf(counts, [writer!]).filter(each => / 0 records|never sent/.test(each)), []);
  assert.ok(requests > 3, 'some were refused');
  await host.stop();
});

test('a camera that falls silent holds nobody up, and goes on where it stopped when it is back', async () => {
  const kafka = createMemoryKafka({ partitions: 1 });
  const [writer] = await writersOf(kafka, ['a'], 40);
  const host = startHost(kafka.node(), { topics, settings: { silentMs: 100 } });
  await writer!.write(25);
  await untilLedger(kafka.node(), topics, [writer!]); // the last three were held by the decoder
  assert.is(host.host.inFlight, 0);
  await writer!.write(30, { isEnd: true });
  const { counts, dropped } = await untilLedger(kafka.node(), topics, [writer!]);
  assert.equal(wrongOf(counts, [writer!]), []);
  assert.is(dropped.size, 0);
  assert.equal(faultsOf([host]), []);
  await host.stop();
});

test('a stop answers and commits what the vision process has', async () => {
  const kafka = createMemoryKafka({ partitions: 1 });
  const writers = await writersOf(kafka, ['a']);
  const vision = new FakeVision({ heldMax: 0 });
  const host = startHost(kafka.node(), { topics, visions: [vision], settings: { commitIntervalMs: 60_000 } });
  await writers[0]!.write(50);
  await eventually(() => vision.decoded === 50, 'it decodes');
  assert.is((await ledgerOf(kafka.node(), topics)).counts.size, 0);
  await host.stop();
  const records: TerminalRecord[] = (await readAll(kafka.node(), topics.detections)).map(({ value }) => v8Codec<TerminalRecord>().decode(value!));
  assert.is(records.length, 50);
});

test.run();
