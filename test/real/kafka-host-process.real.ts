import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { HostDuty } from '../../actors/host/serve-host.ts';
import { ProcessActor } from '../../actors/process/child-process.ts';
import { POLICIES } from '../../actors/tree.ts';
import type { VisionSettings } from '../../actors/vision/vision-role.ts';
import { createActorSystem } from '../../src/engine/actor-system.ts';
import { systemRandom } from '../../src/engine/seeded-random.ts';
import { systemClock } from '../../src/engine/system-clock.ts';
import { epochMicros, type CameraId } from '../../src/engine/units.ts';
import type { ChunkPart } from '../../src/messages/chunk-part.ts';
import { fixedSchemaIds } from '../../src/messages/schema-ids.ts';
import { recordCodecs } from '../../src/messages/topics.ts';
import { connectKafka } from '../../src/transports/kafka/connect-kafka.ts';
import { CONFIG_SCHEMA } from '../../src/utility-ops/config/schema.ts';
import { encodeClip } from '../support/encoded-clip.ts';
import { eventually } from '../support/eventually.ts';
import { ledgerOf, topicsOf } from '../support/host-world.ts';
import { kafkaOrSkip } from '../support/kafka/kafka-or-skip.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const codecs = recordCodecs(fixedSchemaIds());
const LINK = { clock: systemClock, random: systemRandom };
const FRAMES = 250;
const PER_PART = 5;

/** A clip with B-frames and long GOPs as its camera would write it, five frames a record. */
function partsOf(camera: CameraId): ChunkPart[] {
  const { units, parameters } = encodeClip('h264', { frames: FRAMES, gop: 125, bFrames: 2 });
  const parts: ChunkPart[] = [];
  for (let from = 0; from < units.length; from += PER_PART) {
    parts.push({
      camera, epoch: 1, chunkSeq: 0, partSeq: parts.length, chunkStartedAt: epochMicros(0), parameters, isOpenGop: false, isEpochEnd: from + PER_PART >= units.length, isRecovered: false, isAccounted: false, feed: 0,
      units: units.slice(from, from + PER_PART).map((unit, index) => ({ ...unit, frameSeq: from + index, capturedAt: epochMicros((from + index) * 40_000), arrivedAt: systemClock.now() })),
    });
  }
  return parts;
}

const kafka = await kafkaOrSkip();
if (kafka !== undefined) test(`Kafka ${kafka.version}: host and vision processes killed at any time leave every frame detected and committed once`, async () => {
  const prefix = `host-${randomBytes(6).toString('hex')}`;
  const topics = topicsOf(prefix);
  const { group: _group, ...names } = topics;
  const node = connectKafka({ brokers: kafka.brokers }, { ...LINK, log: { info() { /* not looked at */ }, warn() { /* not looked at */ } } });
  await node.ensureTopics(Object.values(names).map(topic => ({ topic, partitions: 2, replication: -1, config: {} })));
  const folder = temporaryFolder();
  const lines: string[] = [];
  const { kafka: settings } = CONFIG_SCHEMA.parse({ kafka: { brokers: [...kafka.brokers], topicPrefix: prefix, sessionTimeoutMs: 6_000 } });
  const host: HostDuty = { duty: 'fused', socket: join(folder, 'host.sock'), visionSockets: [join(folder, 'vision.sock')], kafka: settings, maxRewindMs: 60_000 };
  const vision: VisionSettings = {
    socket: join(folder, 'vision.sock'), storeSocket: host.socket, stalenessMs: 60_000, catchUpMs: 60_000, splitMaxFps: 5, maxFps: null,
    model: { model: 'motion', family: 'auto', providers: ['cpu'], scoreMin: 0.3, iouMax: 0.45, labels: [] },
  };
  const system = createActorSystem({ name: 'test', ...LINK, onEvent: () => {} });
  const started = (name: string, role: 'host' | 'vision', value: unknown): ProcessActor => {
    const actor = new ProcessActor({ name, role, settings: () => value, threadPoolSize: 4, clock: systemClock, stopMs: 2_000, onLine: (_, line) => { lines.push(line); } });
    system.supervise(actor, POLICIES.process);
    return actor;
  };
  const processes = [started('host', 'host', host), started('vision-0', 'vision', vision)];
  const producer = await node.producer();
  const cameras = ['a', 'b', 'c'] as CameraId[];
  const parts = cameras.map(partsOf);
  const detected = async (): Promise<number> => (await ledgerOf(node, topics, codecs.detections)).counts.size;
  for (let index = 0; index < parts[0]!.length; index += 1) {
    await producer.send(parts.map(ofCamera => ({ topic: topics.chunks, key: ofCamera[index]!.camera, value: codecs.chunks.encode(ofCamera[index]!) })));
    if (index % 12 !== 11) continue;
    const goal = cameras.length * (PER_PART * (index + 1) - 30);
    let count = 0;
    for (const until = performance.now() + 30_000; count < goal && performance.now() < until;) count = await detected();
    assert.ok(count >= goal, `${count} of ${goal} frames: ${lines.slice(-5).join('\n')}`);
    const victim = processes[Math.floor(index / 12) % 2]!;
    const { pid } = victim;
    process.kill(pid!, 'SIGKILL');
    const at = performance.now();
    await eventually(() => victim.pid !== pid && victim.isReady, 'the process is back', 20_000);
    console.log(`${victim.name} back after ${Math.round(performance.now() - at)} ms`);
  }
  let ledger = await ledgerOf(node, topics, codecs.detections);
  for (const until = performance.now() + 30_000; ledger.counts.size < cameras.length * FRAMES && performance.now() < until;) ledger = await ledgerOf(node, topics, codecs.detections);
  assert.is(ledger.counts.size, cameras.length * FRAMES, lines.slice(-5).join('\n'));
  assert.equal([...ledger.counts].filter(([, count]) => count !== 1), []);
  assert.equal([...ledger.dropped], []);
  const at = performance.now();
  await system.stop();
  console.log(`stopped in ${Math.round(performance.now() - at)} ms`);
  await node.close();
});

test.run();
