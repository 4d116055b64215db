import { randomBytes } from 'node:crypto';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { seededRandom } from '../../src/engine/seeded-random.ts';
import { systemClock } from '../../src/engine/system-clock.ts';
import { fixedSchemaIds } from '../../src/messages/schema-ids.ts';
import { recordCodecs } from '../../src/messages/topics.ts';
import { connectKafka } from '../../src/transports/kafka/connect-kafka.ts';
import type { KafkaNode } from '../../src/transports/kafka-types.ts';
import { sumOf } from '../../src/utility-ops/telemetry/snapshot.ts';
import { eventually } from '../support/eventually.ts';
import { FakeVision } from '../support/fake-vision.ts';
import { CameraWriter, startHost, topicsOf, untilLedger, wrongOf, type RunningHost, type Topics } from '../support/host-world.ts';
import { kafkaOrSkip, ownKafkaOrSkip } from '../support/kafka/kafka-or-skip.ts';

const codecs = recordCodecs(fixedSchemaIds());
const silent = { info() { /* not looked at */ }, warn() { /* not looked at */ } };

interface Rig { readonly topics: Topics; node(): KafkaNode; writers(cameras: readonly string[], gop?: number): Promise<CameraWriter[]>; close(): Promise<void> }

async function rigOf(brokers: readonly string[], partitions: number): Promise<Rig> {
  const topics = topicsOf(`host-${randomBytes(6).toString('hex')}`);
  const nodes: KafkaNode[] = [];
  const node = (): KafkaNode => {
    const made = connectKafka({ brokers }, { clock: systemClock, random: seededRandom(nodes.length), log: silent });
    nodes.push(made);
    return made;
  };
  const { group: _group, ...names } = topics;
  await node().ensureTopics(Object.values(names).map(topic => ({ topic, partitions, replication: -1, config: topic === topics.positions ? { 'cleanup.policy': 'compact' } : {} })));
  return {
    topics, node,
    async writers(cameras, gop = 10) {
      const producer = await node().producer();
      return cameras.map(camera => new CameraWriter({ camera, producer, topic: topics.chunks, gop, codec: codecs.chunks }));
    },
    async close() {
      for (const each of nodes) await each.close();
      const { Kafka, logLevel } = await import('kafkajs');
      const admin = new Kafka({ brokers: [...brokers], logLevel: logLevel.NOTHING }).admin();
      await admin.connect();
      await admin.deleteTopics({ topics: Object.values(names) }).catch(() => { /* a broker that ends takes them along */ });
      await admin.disconnect();
    },
  };
}

const faultsOf = (hosts: readonly RunningHost[]): string[] => hosts.flatMap(({ visions }) => visions.flatMap(({ faults }) => faults));
const settings = { sessionTimeoutMs: 6_000, commitIntervalMs: 50 };

for (const series of ['3.9', '4.x'] as const) {
  const kafka = await kafkaOrSkip(series);
  if (kafka === undefined) continue;

  test(`Kafka ${kafka.version}: hosts come, go, and lose their vision processes, and every frame is committed once`, async () => {
    const rig = await rigOf(kafka.brokers, 4);
    const writers = await rig.writers(['a', 'b', 'c', 'd', 'e', 'f'], 25);
    const write = async (count: number, isEnd = false): Promise<void> => { for (const writer of writers) await writer.write(count, { isEnd }); };
    const first = startHost(rig.node(), { topics: rig.topics, codecs, settings });
    await write(30);
    await eventually(() => first.visions[0]!.decoded >= 100, 'the first host works', 20_000);
    const second = startHost(rig.node(), { topics: rig.topics, codecs, settings });
    await write(30);
    await eventually(() => first.host.partitions.length === 2 && second.host.partitions.length === 2, 'they share', 20_000);
    first.visions[0]!.replace();
    await write(30);
    second.visions[0]!.replace();
    await write(30);
    const startedAt = performance.now();
    await second.stop();
    const leftMs = performance.now() - startedAt;
    assert.ok(leftMs < 2_000, `it left after ${Math.round(leftMs)} ms`);
    await write(17, true);
    const { counts, dropped } = await untilLedger(rig.node(), rig.topics, writers, 30_000, codecs.detections);
    assert.equal(wrongOf(counts, writers), []);
    assert.is(dropped.size, 0);
    assert.equal(faultsOf([first, second]), []);
    await first.stop();
    await rig.close();
  });

  test(`Kafka ${kafka.version}: an owner that was taken over without knowing commits nothing`, async () => {
    const rig = await rigOf(kafka.brokers, 1);
    const [writer] = await rig.writers(['a'], 25);
    const vision = new FakeVision();
    const old = startHost(rig.node(), { topics: rig.topics, codecs, visions: [vision], settings });
    await writer!.write(40);
    await eventually(() => vision.decoded >= 40, 'it works', 20_000);
    await eventually(() => old.host.inFlight === 3, 'all but what the decoder holds is committed', 20_000);
    // What a node does that takes the partition over: the old owner does not hear of it before it commits.
    const usurper = await rig.node().transactions(`${rig.topics.group}.${rig.topics.chunks}.0`, 10_000);
    await writer!.write(20, { isEnd: true });
    await eventually(() => old.lines.some(line => line.includes('KAFKA_FENCED')), 'it is told', 20_000);
    await usurper.close();
    const { counts } = await untilLedger(rig.node(), rig.topics, [writer!], 30_000, codecs.detections);
    assert.equal(wrongOf(counts, [writer!]), []);
    assert.is(sumOf([await old.telemetry.snapshot()], 'visutility_partitions_fenced_total'), 1);
    await old.stop();
    await rig.close();
  });
}

test('a broker that is killed and comes back leaves every frame with one record', async () => {
  const kafka = await ownKafkaOrSkip();
  if (kafka === undefined) return;
  const rig = await rigOf(kafka.brokers, 2);
  const writers = await rig.writers(['a', 'b', 'c'], 25);
  const host = startHost(rig.node(), { topics: rig.topics, codecs, settings });
  for (const writer of writers) await writer.write(60);
  await eventually(() => host.visions[0]!.decoded >= 60, 'it works', 20_000);
  await kafka.kill();
  host.visions[0]!.replace();
  await kafka.restart();
  for (const writer of writers) await writer.write(60, { isEnd: true });
  const { counts, dropped } = await untilLedger(rig.node(), rig.topics, writers, 60_000, codecs.detections);
  assert.equal(wrongOf(counts, writers), []);
  assert.is(dropped.size, 0);
  assert.equal(faultsOf([host]), []);
  await host.stop();
  await rig.close();
  await kafka.close();
});

test.run();
