// A camera node and a detector node as `vto start --roles …` starts them, and a reader of what comes out. Arguments: a JSON of LatencyOrder.
// Prints a JSON of LatencyFrame[].
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openKafkaLink } from '../../actors/process/kafka-link.ts';
import { systemRandom } from '../../src/engine/seeded-random.ts';
import { systemClock } from '../../src/engine/system-clock.ts';
import type { CameraId } from '../../src/engine/units.ts';
import { topicSpecs } from '../../src/messages/topic-specs.ts';
import type { KafkaRecord } from '../../src/transports/kafka-types.ts';
import { loadConfig } from '../../src/utility-ops/config/load-config.ts';
import { Cluster } from '../../test/support/cluster/cluster.ts';
import { FrameTimes } from './frame-times.ts';
import type { LatencyOrder } from './latency-order.ts';

const order = JSON.parse(process.argv[2] ?? '') as LatencyOrder;
const folder = mkdtempSync(join(tmpdir(), 'vto-bench-'));
const quiet = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {}, child: () => quiet };
const { kafka } = loadConfig({ environment: {}, cwd: folder, flags: { data: folder, kafka: { brokers: [...order.brokers], topicPrefix: order.prefix, partitions: order.partitions } } });
const link = openKafkaLink({ kafka, name: 'bench', clock: systemClock, random: systemRandom, log: quiet });
const codecs = await link.codecs;
await link.node.ensureTopics(topicSpecs(kafka));

/** Hands on every record of a topic from now on, with the moment at which it could be read, in microseconds since the Unix epoch. */
async function follow(topic: string, take: (record: KafkaRecord, readAt: number) => void, signal: AbortSignal): Promise<void> {
  const reader = link.node.reader(topic, { isolation: 'committed', maxBytes: 16 << 20 });
  for (let partition = 0; partition < order.partitions; partition += 1) reader.seek(partition, 'latest');
  while (!signal.aborted) {
    const fetched = await reader.read(signal).catch((error: unknown) => { if (signal.aborted) return []; throw error; });
    const readAt = systemClock.now();
    for (const { records } of fetched) for (const record of records) take(record, readAt);
  }
}

const cluster = new Cluster({
  brokers: order.brokers, topicPrefix: order.prefix, folder, partitions: order.partitions,
  env: { VTO__KAFKA__DELIVERY: order.delivery, VTO__KAFKA__COMMIT_INTERVAL_MS: String(order.commitIntervalMs), VTO__RECORDING__PART_MS: String(order.partMs), VTO__UTILITY_OPS__LOG_LEVEL: 'warn' },
});
const times = new FrameTimes(order.partMs);
const reading = new AbortController();
try {
  await Promise.all([cluster.start('camera', 'camera,recorder'), cluster.start('detector', 'detector')]);
  await cluster.ready();
  const following = Promise.all([
    follow(link.topic('detections'), ({ value }, readAt) => { if (value) times.ended(codecs.detections.decode(value), readAt); }, reading.signal),
    follow(link.topic('chunks'), ({ value, timestampMs }) => { if (value) times.published(codecs.chunks.decode(value), timestampMs); }, reading.signal),
  ]);
  const producer = await link.node.producer();
  for (const [index, uri] of order.uris.entries()) {
    const id = `bench-${index}` as CameraId;
    const body = { id, uri, maxFps: null, isDetecting: true, isLooping: true };
    await producer.send([{ topic: link.topic('cameras'), key: id, value: codecs.cameras.encode(body), headers: codecs.cameras.headers(body, id) }]);
  }
  const giveUpMs = systemClock.monotonicMs() + 60_000;
  while (times.cameras < order.uris.length) {
    if (systemClock.monotonicMs() > giveUpMs) throw new Error(`frames of ${times.cameras} of ${order.uris.length} cameras within a minute:\n${cluster.names.map(name => cluster.node(name).output).join('\n')}`);
    await systemClock.sleep(50);
  }
  await systemClock.sleep(order.warmUpMs);
  times.begin();
  await systemClock.sleep(order.measureMs);
  const frames = times.end();
  reading.abort();
  await following;
  await cluster.stopAll();
  await link.close();
  await new Promise<void>(done => { process.stdout.write(`${JSON.stringify(frames)}\n`, () => done()); }); // a pipe takes a long line in pieces
} finally {
  cluster.killAll();
  rmSync(folder, { recursive: true, force: true });
}
process.exit(0);
