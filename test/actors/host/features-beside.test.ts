import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { FeatureShelf } from '../../../actors/host/feature-shelf.ts';
import type { CameraId } from '../../../src/engine/units.ts';
import type { FeatureTensor } from '../../../src/messages/feature-tensor.ts';
import { eventually } from '../../support/eventually.ts';
import { FakeVision } from '../../support/fake-vision.ts';
import { CameraWriter, FEATURE_ENCODERS, featureOf, readAll, startHost, topicsOf, untilLedger, wrongOf } from '../../support/host-world.ts';
import { createMemoryKafka, type MemoryKafka } from '../../support/memory-kafka.ts';
import { v8Codec } from '../../support/v8-codec.ts';

const topics = topicsOf('t');
const featuresTopic = 't.features';
const FRAME = { camera: 'a' as CameraId, epoch: 1, frameSeq: 7 };

/** Frames whose features are not there exactly once, of all that have a record. */
async function wrongFeatures(kafka: MemoryKafka, counts: ReadonlyMap<string, number>, dropped: ReadonlyMap<string, string>): Promise<readonly string[]> {
  const found = new Map<string, string[]>();
  for (const { value, key } of await readAll(kafka.node(), featuresTopic)) {
    const { camera, epoch, frameSeq, encoder } = v8Codec<FeatureTensor>().decode(value ?? Buffer.alloc(0));
    assert.is(key, camera);
    const frame = `${camera}/${epoch}/${frameSeq}`;
    found.set(frame, [...found.get(frame) ?? [], encoder]);
  }
  return [...counts.keys()].filter(frame => (found.get(frame) ?? []).sort().join() !== (dropped.has(frame) ? '' : FEATURE_ENCODERS.join()));
}

test('features are committed once, with the record of their frame, through replaced vision processes and a replaced host', async () => {
  const kafka = createMemoryKafka({ partitions: 2 });
  const producer = await kafka.node().producer();
  const writers = ['a', 'b', 'c'].map(camera => new CameraWriter({ camera, producer, topic: topics.chunks, gop: 10 }));
  const first = kafka.node();
  const vision = new FakeVision({ heldMax: 6 });
  const dying = startHost(first, { topics, visions: [vision], featuresTopic });
  for (let round = 0; round < 3; round += 1) {
    for (const writer of writers) await writer.write(23);
    await eventually(() => vision.decoded >= (round + 1) * 30, 'it decodes');
    vision.replace();
  }
  vision.isStalled = true;
  first.suspend(); // it neither knows nor leaves
  const next = startHost(kafka.node(), { topics, featuresTopic });
  for (const writer of writers) await writer.write(30, { isEnd: true });
  const { counts, dropped } = await untilLedger(kafka.node(), topics, writers);
  assert.equal(wrongOf(counts, writers), []);
  assert.equal(await wrongFeatures(kafka, counts, dropped), []);
  await Promise.all([dying.stop(), next.stop()]);
});

test('a host delivering at least once writes features before their record', async () => {
  const kafka = createMemoryKafka({ partitions: 1 });
  const writers = [new CameraWriter({ camera: 'a', producer: await kafka.node().producer(), topic: topics.chunks })];
  const host = startHost(kafka.node(), { topics, featuresTopic, settings: { delivery: 'at-least-once' } });
  await writers[0]!.write(40, { isEnd: true });
  const { counts, dropped } = await untilLedger(kafka.node(), topics, writers);
  assert.equal(await wrongFeatures(kafka, counts, dropped), []);
  await host.stop();
});

test('the shelf gives a frame\'s features once, and the last ones of each encoder', () => {
  const shelf = new FeatureShelf();
  shelf.put(featureOf(FRAME, 'hog@1'));
  shelf.put(featureOf(FRAME, 'lbp@1'));
  const again = { ...featureOf(FRAME, 'hog@1'), payload: Uint8Array.of(1, 2, 3, 4) };
  shelf.put(again);
  assert.equal(shelf.take(FRAME), [featureOf(FRAME, 'lbp@1'), again]);
  assert.equal(shelf.take(FRAME), []);
  assert.is(shelf.size, 0);
});

test('the shelf lets the oldest go when too much waits, never what came last', () => {
  const shelf = new FeatureShelf();
  for (let frameSeq = 0; frameSeq < 100; frameSeq += 1) shelf.put({ ...featureOf({ ...FRAME, frameSeq }, 'onnx@1'), payload: new Uint8Array(1 << 20) });
  assert.is(shelf.size, 63);
  assert.is(shelf.take({ ...FRAME, frameSeq: 99 }).length, 1);
  assert.is(shelf.take({ ...FRAME, frameSeq: 0 }).length, 0);
  shelf.put({ ...featureOf(FRAME, 'huge@1'), payload: new Uint8Array(80 << 20) });
  assert.equal([shelf.size, shelf.take(FRAME).length], [1, 1]);
});

test.run();
