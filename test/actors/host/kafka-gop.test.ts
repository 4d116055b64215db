import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { kafkaGop } from '../../../actors/host/kafka-gop.ts';
import { visionLink } from '../../../actors/host/vision-link.ts';
import { SwitchedPort } from '../../../src/data-ops/feed/switched-port.ts';
import { systemClock } from '../../../src/engine/system-clock.ts';
import { sumOf } from '../../../src/utility-ops/telemetry/snapshot.ts';
import { eventually } from '../../support/eventually.ts';
import { rollDice } from '../../support/dice.ts';
import { FakeVision } from '../../support/fake-vision.ts';
import { CameraWriter, startHost, topicsOf, untilLedger, wrongOf, type RunningHost } from '../../support/host-world.ts';
import { createMemoryKafka } from '../../support/memory-kafka.ts';
import { v8Codec } from '../../support/v8-codec.ts';

const topics = topicsOf('t');
const never = new AbortController().signal;

test('vision processes follow each other below the consumer group: each catches up from Kafka, nothing is read again, every frame has one record', async () => {
  const dice = rollDice('kafka gop');
  const kafka = createMemoryKafka({ partitions: 2 });
  const producer = await kafka.node().producer();
  const writers = ['a', 'b', 'c', 'd'].map(camera => new CameraWriter({ camera, producer, topic: topics.chunks, gop: 400 }));
  const visions = Array.from({ length: 5 }, () => new FakeVision());
  const first = visions[0]!;
  let host: RunningHost | undefined;
  const port = new SwitchedPort({
    port: first.port(), clock: systemClock, onPause: () => {},
    gopOf: kafkaGop({ kafka: kafka.node(), topic: topics.chunks, codec: v8Codec(), startOf: (camera, epoch) => host?.host.gopStart(camera, epoch) }),
  });
  // One group of results: a vision process of its own brings what each of them answers.
  const running = host = startHost(kafka.node(), { topics, visions, children: [visionLink(port, never)] });
  const rewinds = async (): Promise<number> => sumOf([await running.telemetry.snapshot()], 'visutility_partition_rewinds_total');
  for (const writer of writers) await writer.write(dice.between(30, 60));
  await untilLedgerButHeld(writers, visions);
  const before = await rewinds();
  for (const successor of visions.slice(1)) {
    const switched = port.switchTo(successor.port());
    let isSwitched = false;
    void switched.then(() => { isSwitched = true; });
    while (!isSwitched) {
      for (const writer of writers) await writer.write(dice.between(0, 6));
      await new Promise(resolve => { setTimeout(resolve, 2); });
    }
    port.settle(true);
    for (const writer of writers) await writer.write(dice.between(1, 10));
  }
  for (const writer of writers) await writer.write(1, { isEnd: true });
  const { counts, dropped } = await untilLedger(kafka.node(), topics, writers);
  assert.equal(wrongOf(counts, writers), []);
  assert.is(dropped.size, 0);
  assert.is(await rewinds(), before);
  assert.equal(visions.flatMap(({ faults }) => faults), [], 'each process can decode what it is fed');
  const wanted = visions.flatMap(({ fed }) => fed.filter(({ isAccounted }) => !isAccounted).map(({ camera, frameSeq }) => `${camera}/${frameSeq}`));
  assert.is(new Set(wanted).size, wanted.length, 'no frame is detected on twice');
  assert.ok(visions.slice(1).every(({ fed }) => fed.some(({ isAccounted }) => isAccounted)), 'each decoded the group of pictures it came into');
  await running.stop();
});

test('cameras whose partition goes to another node keep no switch waiting', async () => {
  const kafka = createMemoryKafka({ partitions: 2 });
  const producer = await kafka.node().producer();
  const writers = ['a', 'b', 'c', 'd'].map(camera => new CameraWriter({ camera, producer, topic: topics.chunks, gop: 30 }));
  const visions = [new FakeVision(), new FakeVision()];
  const port = new SwitchedPort({ port: visions[0]!.port(), clock: systemClock, onPause: () => {}, async *gopOf() { /* nothing can be had */ } });
  const host = startHost(kafka.node(), { topics, visions, children: [visionLink(port, never)] });
  for (const writer of writers) await writer.write(20);
  await untilLedgerButHeld(writers, visions);
  const switched = port.switchTo(visions[1]!.port());
  let isSwitched = false;
  void switched.then(() => { isSwitched = true; });
  const other = startHost(kafka.node(), { topics });
  await eventually(() => host.host.partitions.length === 1 && other.host.partitions.length === 1, 'each has a partition');
  assert.not.ok(isSwitched, 'the cameras that are left wait for their key frames');
  for (const writer of writers) await writer.write(15);
  await eventually(() => isSwitched, 'the switch is over');
  port.settle(true);
  for (const writer of writers) await writer.write(5, { isEnd: true });
  const { counts } = await untilLedger(kafka.node(), topics, writers);
  assert.equal(wrongOf(counts, writers), []);
  await other.stop();
  await host.stop();
});

/** Everything that was written was fed; decoders may hold the last frames back. */
async function untilLedgerButHeld(writers: readonly CameraWriter[], visions: readonly FakeVision[]): Promise<void> {
  const wanted = writers.reduce((sum, { next }) => sum + next, 0);
  while (visions.reduce((sum, { decoded }) => sum + decoded, 0) < wanted) await new Promise(resolve => { setTimeout(resolve, 2); });
}

test.run();
