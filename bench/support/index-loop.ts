// The way of terminal records from Kafka into the store of a gateway node: an index process is below this one, records lie in the topic already
// or are written while it reads. Arguments: a JSON of IndexOrder. Prints a JSON of IndexResult.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Kafka, logLevel } from 'kafkajs';
import { openKafkaLink } from '../../actors/process/kafka-link.ts';
import { startIndexProcess } from '../../actors/root/index-process.ts';
import { createActorSystem } from '../../src/engine/actor-system.ts';
import { systemRandom } from '../../src/engine/seeded-random.ts';
import { systemClock } from '../../src/engine/system-clock.ts';
import { epochMicros, type CameraId } from '../../src/engine/units.ts';
import { TOPICS, topicName } from '../../src/messages/topics.ts';
import type { DetectedRecord } from '../../src/messages/terminal-record.ts';
import type { OutRecord } from '../../src/transports/kafka-types.ts';
import { loadConfig } from '../../src/utility-ops/config/load-config.ts';
import { processCpuMs } from './process-tree.ts';

/** How many records of how many cameras, with how many boxes each, in transactions of how many. */
export interface IndexOrder { readonly brokers: readonly string[]; readonly prefix: string; readonly records: number; readonly cameras: number; readonly boxes: number; readonly batch: number }

/** Processor and wall time of both sides. Those of the brokers are not in it. */
export interface IndexResult { readonly records: number; readonly indexed: number; readonly writeMs: number; readonly writeCpuMs: number; readonly indexMs: number; readonly indexCpuMs: number }

const PARTITIONS = 8;
const order = JSON.parse(process.argv[2] ?? '') as IndexOrder;
const folder = mkdtempSync(join(tmpdir(), 'vto-bench-'));
const quiet = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {}, child: () => quiet };
const config = loadConfig({ cwd: folder, flags: { data: folder, roles: ['gateway'], kafka: { brokers: [...order.brokers], topicPrefix: order.prefix, partitions: PARTITIONS } } });
const link = openKafkaLink({ kafka: config.kafka, name: 'bench', clock: systemClock, random: systemRandom, log: quiet });
const codecs = await link.codecs;
await link.node.ensureTopics(TOPICS.map(({ name }) => ({ topic: topicName(order.prefix, name), partitions: PARTITIONS, replication: 1, config: {} })));

function recordOf(index: number): OutRecord {
  const camera = `bench-${index % order.cameras}` as CameraId;
  const frameSeq = Math.floor(index / order.cameras);
  const body: DetectedRecord = {
    kind: 'detected', camera, epoch: 1, frameSeq, capturedAt: epochMicros(1_700_000_000_000_000 + frameSeq * 40_000), ptsSeconds: frameSeq / 25, width: 1280, height: 720,
    boxes: Array.from({ length: order.boxes }, (_, box) => ({ classId: box, label: 'person', score: 0.7, x1: 10 + box, y1: 10, x2: 60 + box, y2: 90 })),
    model: 'yolox@1.0.0', modelDigest: '0'.repeat(64), provider: 'cpu', timings: { decodeMs: 1, waitMs: 1, inferMs: 3, ageMs: 5 },
  };
  return { topic: topicName(order.prefix, 'detections'), key: camera, value: codecs.detections.encode(body), headers: codecs.detections.headers(body, camera) };
}

/** As a detector node writes: transactions of many records. */
async function write(): Promise<{ readonly ms: number; readonly cpuMs: number }> {
  const producer = await link.node.transactions(`${order.prefix}.bench`, 30_000);
  const [startMs, startCpuMs] = [performance.now(), processCpuMs(process.pid)];
  for (let from = 0; from < order.records; from += order.batch) {
    await producer.commit(Array.from({ length: Math.min(order.batch, order.records - from) }, (_, index) => recordOf(from + index)), []);
  }
  const taken = { ms: performance.now() - startMs, cpuMs: processCpuMs(process.pid) - startCpuMs };
  await producer.close();
  return taken;
}

/** From the start of an index process that serves to its last record. */
async function index(): Promise<{ readonly ms: number; readonly cpuMs: number; readonly records: number }> {
  const ending = new AbortController();
  const system = createActorSystem({ name: 'bench', clock: systemClock, random: systemRandom, onEvent: () => {} });
  const access = await startIndexProcess({ config, paths: { data: folder, sockets: folder }, clock: systemClock, random: systemRandom, system, onLine: (_name, line) => process.stderr.write(`${line}\n`), signal: ending.signal });
  const pid = access.pid ?? 0;
  const [startMs, startCpuMs, before] = [performance.now(), processCpuMs(pid), await access.store.lastRecordId()];
  while (await access.store.lastRecordId() < order.records) await systemClock.sleep(10);
  const taken = { ms: performance.now() - startMs, cpuMs: processCpuMs(pid) - startCpuMs, records: order.records - before };
  ending.abort();
  await system.stop();
  await access.close();
  return taken;
}

/** The brokers may be used by others too. */
async function deleteTopics(): Promise<void> {
  const admin = new Kafka({ brokers: [...order.brokers], logLevel: logLevel.NOTHING }).admin();
  await admin.connect();
  await admin.deleteTopics({ topics: TOPICS.map(({ name }) => topicName(order.prefix, name)) });
  await admin.disconnect();
}

const written = await write();
const indexed = await index();
await link.close();
await deleteTopics();
rmSync(folder, { recursive: true, force: true });
const result: IndexResult = { records: order.records, indexed: indexed.records, writeMs: written.ms, writeCpuMs: written.cpuMs, indexMs: indexed.ms, indexCpuMs: indexed.cpuMs };
process.stdout.write(`${JSON.stringify(result)}\n`, () => process.exit(0));
