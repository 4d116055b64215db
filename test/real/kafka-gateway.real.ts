import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { contentHashOf } from '../../actors/ingest/chunk-tools.ts';
import { createBackend } from '../../actors/gateway/backend.ts';
import { openKafkaLink } from '../../actors/process/kafka-link.ts';
import { NO_MODELS } from '../../actors/root/node-backend.ts';
import { startGatewayNode, type GatewayRoot } from '../../actors/root/start-gateway-node.ts';
import { auditTopics } from '../../src/data-ops/audit-topics.ts';
import { listDeadLetters, retryDeadLetters } from '../../src/data-ops/dead-letters.ts';
import { systemRandom } from '../../src/engine/seeded-random.ts';
import { systemClock } from '../../src/engine/system-clock.ts';
import { epochMicros, type CameraId } from '../../src/engine/units.ts';
import type { ChunkPart } from '../../src/messages/chunk-part.ts';
import type { TerminalRecord } from '../../src/messages/terminal-record.ts';
import { topicSpecs } from '../../src/messages/topic-specs.ts';
import { TOPICS, topicName, type RecordCodecs } from '../../src/messages/topics.ts';
import { createGateway } from '../../src/serving-ops/gateway.ts';
import type { KafkaNode, OutRecord } from '../../src/transports/kafka-types.ts';
import { loadConfig } from '../../src/utility-ops/config/load-config.ts';
import type { Config } from '../../src/utility-ops/config/schema.ts';
import { createRecorder } from '../../src/utility-ops/telemetry/recorder.ts';
import { deleteTopics } from '../support/kafka/delete-topics.ts';
import { kafkaOrSkip, ownKafkaOrSkip } from '../support/kafka/kafka-or-skip.ts';
import { camera, detected, dropped } from '../support/ledger-fixtures.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { call, type Answer } from '../support/with-gateway.ts';

const MAIN = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url));
const PARTITIONS = 4;
const folder = temporaryFolder();
const quiet = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {}, child: () => quiet };
let rigs = 0;

/** A cluster of a test's own on brokers that others may use too. */
interface Rig {
  readonly config: Config;
  readonly node: KafkaNode;
  readonly codecs: RecordCodecs;
  topic(name: (typeof TOPICS)[number]['name']): string;
  record(body: TerminalRecord): OutRecord;
  start(): Promise<Served>;
  /** Deletes the topics too. */
  close(): Promise<void>;
}

interface Served { readonly root: GatewayRoot; get(path: string): Promise<Answer>; call(method: string, path: string, body?: object): Promise<Answer>; stop(): Promise<void> }

async function makeRig(brokers: readonly string[]): Promise<Rig> {
  const prefix = `gateway-test-${Math.random().toString(36).slice(2, 10)}`;
  const data = join(folder, `${rigs += 1}`);
  const config = loadConfig({ cwd: '/', flags: { data, roles: ['gateway'], kafka: { brokers: [...brokers], topicPrefix: prefix, partitions: PARTITIONS } } });
  const link = openKafkaLink({ kafka: config.kafka, name: 'test', clock: systemClock, random: systemRandom, log: quiet });
  const codecs = await link.codecs;
  await link.node.ensureTopics(topicSpecs(config.kafka));
  return {
    config, node: link.node, codecs, topic: name => topicName(prefix, name),
    record: body => ({ topic: topicName(prefix, 'detections'), key: body.camera, value: codecs.detections.encode(body) }),
    start: () => serve(config, codecs),
    async close() {
      await link.close();
      await deleteTopics(brokers, TOPICS.map(({ name }) => topicName(prefix, name)));
    },
  };
}

async function serve(config: Config, codecs: RecordCodecs): Promise<Served> {
  const telemetry = createRecorder({ process: 'root', hasProcessMetrics: false });
  const link = openKafkaLink({ kafka: config.kafka, name: 'root', clock: systemClock, random: systemRandom, log: quiet });
  const root = await startGatewayNode({ config, clock: systemClock, random: systemRandom, log: quiet, telemetry, onLine: (_name, line) => { if (/"level":(50|60)/.test(line)) console.log(line); }, node: link.node, codecs, models: NO_MODELS });
  const backend = createBackend(root.gateway, { ownMetrics: () => telemetry.snapshot(), sleep: (ms, signal) => systemClock.sleep(ms, signal) });
  const http = await createGateway({ backend, clock: systemClock, log: quiet, port: 0 });
  const { port } = await http.listen();
  return {
    root, get: path => call(port, 'GET', path), call: (method, path, body) => call(port, method, path, body === undefined ? {} : { body }),
    async stop() {
      await http.close({ deadlineMs: 500 });
      await root.stop();
      await link.close();
    },
  };
}

/** Runs `vto` and gives its exit code and what it wrote. */
async function vto(rig: Rig, ...args: readonly string[]): Promise<{ readonly code: number | null; readonly out: string; readonly errors: string }> {
  const { brokers, topicPrefix } = rig.config.kafka;
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', MAIN, ...args, '--kafka', brokers.join(',')], { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, VTO__KAFKA__TOPIC_PREFIX: topicPrefix } });
  let [out, errors] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', (text: string) => { out += text; });
  child.stderr.setEncoding('utf8').on('data', (text: string) => { errors += text; });
  const code = await new Promise<number | null>((resolve, reject) => { child.once('error', reject); child.once('close', resolve); });
  return { code, out, errors };
}

async function until(condition: () => Promise<boolean>, what: string, limitMs = 20_000): Promise<void> {
  const untilMs = performance.now() + limitMs;
  while (!await condition()) {
    if (performance.now() > untilMs) throw new Error(`${what}: not within ${limitMs} ms`);
    await new Promise(resolve => { setTimeout(resolve, 50); });
  }
}

async function recordsOf(served: Served): Promise<readonly { id: number; frameSeq?: number; from?: number; to?: number; camera: string }[]> {
  return (await served.get('/api/v1/records?limit=1000')).json['records'] as never;
}

const DOCK = camera('dock');

for (const series of ['3.9', '4.x'] as const) {
  const kafka = await kafkaOrSkip(series);
  if (kafka === undefined) continue;

  test(`a gateway node on Kafka ${kafka.version} serves what transactions committed, once, also after its index was killed and after its own end`, async () => {
    const rig = await makeRig(kafka.brokers);
    let served = await rig.start();
    try {
      await until(async () => (await served.get('/readyz')).status === 200, 'ready');
      assert.is((await served.call('POST', '/api/v1/cameras', { id: 'dock', uri: 'rtsp://user:secret@10.0.0.1/main' })).status, 201);
      const producer = await rig.node.producer();
      await producer.send([{ topic: rig.topic('events'), key: 'dock', value: rig.codecs.events.encode({ type: 'received', camera: DOCK, at: epochMicros(1e15), epoch: 1, received: 2000, node: 'a' }) }]);
      let writer = await rig.node.transactions(`${rig.topic('detections')}.writer`, 10_000);
      let next = 0;
      const write = async (count: number): Promise<void> => {
        await writer.commit(Array.from({ length: count }, (_, index) => rig.record(index % 5 === 4 ? dropped(DOCK, 1, next + index, next + index, 'rate') : detected(DOCK, 1, next + index))), []);
        next += count;
      };
      await write(100);
      await until(async () => (await recordsOf(served)).length === 100, 'the first hundred');
      process.kill(served.root.pids()['index']!, 'SIGKILL');
      await write(50);
      await until(async () => (await recordsOf(served)).length === 150, 'fifty more');
      await served.stop();
      await write(50);
      writer = await rig.node.transactions(`${rig.topic('detections')}.writer`, 10_000);
      await write(30);
      served = await rig.start();
      await until(async () => (await recordsOf(served)).length === 230, 'what was written while it was away');
      const records = await recordsOf(served);
      assert.equal(records.map(({ frameSeq, from }) => frameSeq ?? from), Array.from({ length: 230 }, (_, index) => index));
      assert.equal(records.map(({ id }) => id), Array.from({ length: 230 }, (_, index) => index + 1));
      const [balance] = (await served.get('/api/v1/ledger')).json['balances'] as { received: number; pending: number }[];
      assert.equal([balance!.received, balance!.pending], [2000, 2000 - 230]);
      await until(async () => (await served.get('/readyz')).status === 200, 'ready again');
      assert.equal(((await served.get('/api/v1/cameras')).json['cameras'] as { id: string }[]).map(({ id }) => id), ['dock']);
      assert.is((await served.call('DELETE', '/api/v1/cameras/dock')).status, 204);
      await writer.close();
    } finally {
      await served.stop();
      await rig.close();
    }
  });

  test(`dead letters on Kafka ${kafka.version} are listed and written back once`, async () => {
    const rig = await makeRig(kafka.brokers);
    try {
      const producer = await rig.node.producer();
      const letter = { topic: rig.topic('chunks'), partition: 2, offset: 7, group: `${rig.config.kafka.topicPrefix}.detector`, key: 'dock', headers: { a: 'b' }, errorCode: 'RECORD_INVALID', errorMessage: 'no record', tries: 3, at: epochMicros(1e15), payload: Buffer.from('bytes') };
      await producer.send([{ topic: rig.topic('dead-letters'), partition: 1, key: 'dock', value: rig.codecs.deadLetters.encode(letter) }]);
      const options = { node: rig.node, codec: rig.codecs.deadLetters, prefix: rig.config.kafka.topicPrefix, clock: systemClock, signal: new AbortController().signal };
      assert.equal((await listDeadLetters(options, 9)).entries.map(({ offset, isRetried }) => [offset, isRetried]), [[0, false]]);
      assert.is((await retryDeadLetters(options, 'all', false)).retried.length, 1);
      assert.equal((await retryDeadLetters(options, 'all', false)).refused.length, 1);
      assert.equal((await listDeadLetters(options, 9)).entries.map(({ offset, isRetried }) => [offset, isRetried]), [[0, true]]);
      const listed = await vto(rig, 'dead-letters', 'list', '--format', 'ndjson');
      assert.equal([listed.code, (JSON.parse(listed.out) as { isRetried: boolean; payloadBytes: number })], [0, { ...JSON.parse(listed.out) as object, isRetried: true, payloadBytes: 5 }]);
      assert.is((await vto(rig, 'dead-letters', 'retry', '--partition', '1', '--offset', '0')).code, 1, 'it was retried before');
      assert.match((await vto(rig, 'dead-letters', 'retry', '--partition', '1', '--offset', '99')).errors, /no dead letter at offset 99 of partition 1/);
      const reader = rig.node.reader(rig.topic('chunks'), { isolation: 'committed', maxBytes: 1 << 20 });
      reader.seek(2, 'earliest');
      const { records } = (await reader.read(new AbortController().signal))[0]!;
      assert.equal(records.map(({ key, value, headers }) => [key, value!.toString(), headers['a']]), [['dock', 'bytes', 'b']]);
    } finally {
      await rig.close();
    }
  });

  test(`the audit of topics on Kafka ${kafka.version} finds one lost frame among many`, async () => {
    const rig = await makeRig(kafka.brokers);
    try {
      const producer = await rig.node.producer();
      const at = epochMicros(1e15);
      const part = (id: CameraId, from: number): OutRecord => {
        const body: ChunkPart = {
          camera: id, epoch: 3, chunkSeq: 0, partSeq: from, chunkStartedAt: at, isOpenGop: false, isEpochEnd: false, isRecovered: false, isAccounted: false, feed: 0,
          units: Array.from({ length: 5 }, (_, index) => ({ frameSeq: from + index, pts: null, dts: null, duration: 1, isKey: index === 0, isCorrupt: false, capturedAt: at, arrivedAt: at, data: Buffer.alloc(20_000) })),
          parameters: { codec: 'h264', framing: 'annexb', width: 64, height: 48, extradata: new Uint8Array(0), timeBase: { num: 1, den: 90_000 }, frameRate: 25 },
        };
        return { topic: rig.topic('chunks'), key: id, value: rig.codecs.chunks.encode(body) };
      };
      const ids = ['a', 'b', 'c', 'd', 'e'].map(name => camera(name));
      const writer = await rig.node.transactions(`${rig.topic('detections')}.writer`, 10_000);
      for (const id of ids) {
        const written = await producer.send(Array.from({ length: 40 }, (_, index) => part(id, index * 5)));
        const frames = Array.from({ length: 200 }, (_, frame) => frame).filter(frame => !(id === 'c' && frame === 117));
        await writer.commit(frames.map(frame => rig.record(detected(id, 3, frame))), [{ group: `${rig.config.kafka.topicPrefix}.detector`, topic: rig.topic('chunks'), partition: written[0]!.partition, offset: written.at(-1)!.offset + 1 }]);
      }
      const report = await auditTopics({ node: rig.node, codecs: rig.codecs, prefix: rig.config.kafka.topicPrefix, isSplit: false, createHash: contentHashOf, clock: systemClock, signal: new AbortController().signal });
      assert.equal(report.problems.map(({ message }) => message), ["camera 'c' epoch 3: 1 frames in chunks have no record and nobody works on them: 117"]);
      assert.equal([report.balances.length, report.records, report.pending], [5, 200 + 999, 0]);
      const verified = await vto(rig, 'verify');
      assert.is(verified.code, 1);
      assert.match(verified.out, /\nPROBLEM lost: camera 'c' epoch 3: 1 frames in chunks have no record and nobody works on them: 117\n1199 records read, 0 chunks are as they were recorded\nNOT SOUND\n$/);
      await writer.commit([rig.record(detected(camera('c'), 3, 117))], []);
      const json = await vto(rig, 'verify', '--format', 'json');
      assert.equal([json.code, (JSON.parse(json.out) as { isSound: boolean }).isSound], [0, true]);
    } finally {
      await rig.close();
    }
  });
}

test('a gateway node lives through a broker that is killed and comes back', async () => {
  const kafka = await ownKafkaOrSkip();
  if (kafka === undefined) return;
  const rig = await makeRig(kafka.brokers);
  const served = await rig.start();
  try {
    await until(async () => (await served.get('/readyz')).status === 200, 'ready');
    const producer = await rig.node.producer();
    await producer.send([rig.record(detected(DOCK, 1, 0))]);
    await until(async () => (await recordsOf(served)).length === 1, 'the first record');
    await kafka.kill();
    await until(async () => ((await served.get('/readyz')).json['links'] as { state: string }[]).every(({ state }) => state === 'down'), 'both links say that the broker is away');
    const ready = await served.get('/readyz');
    assert.equal([ready.status, (await served.get('/healthz')).status, (await recordsOf(served)).length], [200, 200, 1]);
    const refused = await served.call('POST', '/api/v1/cameras', { id: 'dock', uri: 'rtsp://10.0.0.1/main' });
    assert.equal([refused.status, refused.json['code']], [503, 'KAFKA_UNAVAILABLE']);
    await kafka.restart();
    await until(async () => (await served.call('POST', '/api/v1/cameras', { id: 'dock', uri: 'rtsp://10.0.0.1/main' })).status === 201, 'a camera can be added again', 40_000);
    await producer.send([rig.record(detected(DOCK, 1, 1))]);
    await until(async () => (await recordsOf(served)).length === 2, 'records follow again');
    await until(async () => ((await served.get('/readyz')).json['degraded'] as string[]).length === 0, 'nothing is degraded any more');
  } finally {
    await served.stop();
    await rig.close();
    await kafka.close();
  }
});

test.run();
