import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { ChunkPart } from '../../../src/messages/chunk-part.ts';
import type { KafkaNode } from '../../../src/transports/kafka-types.ts';
import { readParts } from '../../support/both-ways.ts';
import { readAll } from '../../support/host-world.ts';
import { createMemoryKafka } from '../../support/memory-kafka.ts';
import { CODECS, startDetector, startFeaturizer, type SplitNode } from '../../support/split-world.ts';

const FRAMES = 90;
const URIS = ['street', 'yard', 'street'].map((scene, seed) => `synthetic://${scene}?size=640x360&fps=15&frames=${FRAMES}&seed=${seed + 1}`);
const LIMIT_MS = 25_000;

async function write(kafka: KafkaNode, parts: readonly ChunkPart[]): Promise<void> {
  const producer = await kafka.producer();
  await producer.send(parts.map(part => ({ topic: 'vto.chunks', key: part.camera, value: CODECS.chunks.encode(part) })));
  await producer.close();
}

/** How each frame ended, by camera and number; fails for one that ended twice. */
async function endings(kafka: KafkaNode): Promise<ReadonlyMap<string, string>> {
  const ended = new Map<string, string>();
  for (const { value } of await readAll(kafka, 'vto.detections')) {
    const record = CODECS.detections.decode(value!);
    const [from, to] = record.kind === 'dropped' ? [record.from, record.to] : [record.frameSeq, record.frameSeq];
    for (let frame = from; frame <= to; frame += 1) {
      assert.not.ok(ended.has(`${record.camera} ${frame}`), `${record.camera} ${frame} ended twice`);
      ended.set(`${record.camera} ${frame}`, record.kind === 'dropped' ? record.reason : record.kind);
    }
  }
  return ended;
}

async function until<Value>(look: () => Promise<Value>, isEnough: (value: Value) => boolean, what: string): Promise<Value> {
  const limit = performance.now() + LIMIT_MS;
  for (;;) {
    const value = await look();
    if (isEnough(value)) return value;
    if (performance.now() > limit) throw new Error(`${what}: not within ${LIMIT_MS} ms`);
    await new Promise<void>((resolve) => { setTimeout(resolve, 30); });
  }
}

const featuresOf = (kafka: KafkaNode): Promise<number> => readAll(kafka, 'vto.features').then(({ length }) => length);

const nodes: SplitNode[] = [];
test.after(async () => { for (const node of nodes) await node.stop(); });

test('featurizer and detector nodes end every frame once, also when their vision processes are killed in between', async () => {
  const cluster = createMemoryKafka({ partitions: 2 });
  const kafka = cluster.node();
  const parts = await readParts({ uris: URIS, maxFps: 15, model: 'motion', maxUnits: FRAMES });
  const total = parts.reduce((sum, { units }) => sum + units.length, 0);
  assert.is(total, URIS.length * FRAMES);
  const options = { kafka, prefix: 'vto', splitMaxFps: 5 };
  const featurizer = await startFeaturizer(options);
  nodes.push(featurizer);
  const half = parts.length / 2;
  await write(kafka, parts.slice(0, half));
  await until(() => featuresOf(kafka), count => count > 10, 'features are there');
  process.kill(featurizer.actor.pid!, 'SIGKILL');
  const detector = await startDetector(options);
  nodes.push(detector);
  await until(() => endings(kafka), ended => [...ended.values()].filter(how => how === 'detected').length > 10, 'detections are there');
  process.kill(detector.actor.pid!, 'SIGKILL');
  await write(kafka, parts.slice(half));
  const ended = await until(() => endings(kafka), each => each.size === total, 'every frame ended').catch(async (error: unknown) => {
    throw new Error(`${String(error)}: ${(await endings(kafka)).size} of ${total}\n${[...featurizer.lines, ...detector.lines].slice(-20).join('\n')}`);
  });
  const counts = Object.fromEntries(Object.entries(Object.groupBy(ended.values(), how => how)).map(([how, of]) => [how, of!.length]));
  console.log(`${total} frames: ${JSON.stringify(counts)}, ${await featuresOf(kafka)} features`);
  assert.equal(Object.keys(counts).toSorted(), ['detected', 'rate'], `nothing became undecodable: ${[...featurizer.lines, ...detector.lines].filter(line => line.includes('reason')).join('\n')}`);
  assert.ok(counts['detected']! >= total / 3 && counts['detected']! <= total / 2, '5 of 15 a second; a process that is replaced chooses anew among the frames that had no record yet');
  assert.is(await featuresOf(kafka), counts['detected'], 'a feature each');
});

test.run();
