import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { systemRandom } from '../../src/engine/seeded-random.ts';
import { systemClock } from '../../src/engine/system-clock.ts';
import { epochMicros, type CameraId } from '../../src/engine/units.ts';
import { avroSchema, compileAvro, schemaFolder } from '../../src/messages/avro-schema.ts';
import { recordHeaders } from '../../src/messages/cloud-event.ts';
import type { RecordCodec } from '../../src/messages/record-codec.ts';
import { fixedSchemaIds } from '../../src/messages/schema-ids.ts';
import type { TopicName } from '../../src/messages/schema-history.ts';
import { topicSpecs } from '../../src/messages/topic-specs.ts';
import { recordCodecs, topicName, TOPICS } from '../../src/messages/topics.ts';
import { connectKafka } from '../../src/transports/kafka/connect-kafka.ts';
import type { OutRecord } from '../../src/transports/kafka-types.ts';
import { type Dice, rollDice } from '../support/dice.ts';
import { deleteTopics } from '../support/kafka/delete-topics.ts';
import { kafkaOrSkip } from '../support/kafka/kafka-or-skip.ts';
import { outsidePython } from '../support/outside-python.ts';
import { randomBody } from '../support/random-bodies.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { withGateway } from '../support/with-gateway.ts';

const SCRIPT = fileURLToPath(new URL('../support/outside-clients.py', import.meta.url));
const RECORDS = 20;
const QUIET = { debug() {}, info() {}, warn() {}, error() {} };
const KEY = 'dock-2' as CameraId;
const AT = epochMicros(1_700_000_000_123_456);
const TRACE = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';

/** Output of a program that must end well. */
async function output(program: string, args: readonly string[]): Promise<Buffer> {
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  const [pieces, errors]: [Buffer[], Buffer[]] = [[], []];
  child.stdout.on('data', (bytes: Buffer) => { pieces.push(bytes); });
  child.stderr.on('data', (bytes: Buffer) => { errors.push(bytes); });
  const [code] = await once(child, 'close') as [number];
  assert.is(code, 0, `${program}: ${Buffer.concat(errors).toString()}`);
  return Buffer.concat(pieces);
}

const lines = (text: Buffer): unknown[] => text.toString().trimEnd().split('\n').map((line) => JSON.parse(line) as unknown);

/** The record as the schema alone says it is: bytes in hex, times in microseconds. */
function expected(topic: TopicName, value: Buffer): unknown {
  const record: unknown = compileAvro(avroSchema(topic)).fromBuffer(value.subarray(5));
  return JSON.parse(JSON.stringify(record, (key, inner: unknown) => {
    if (key === 'chunkAtMs') return (inner as number) * 1000;
    const isBytes = typeof inner === 'object' && inner !== null && 'type' in inner && inner.type === 'Buffer';
    return isBytes ? Buffer.from((inner as unknown as { data: number[] }).data).toString('hex') : inner;
  }));
}

interface Sent { readonly topic: TopicName; readonly record: OutRecord & { readonly value: Buffer; readonly headers: Readonly<Record<string, string>> } }

/** Records of every topic, as ours are written. */
function randomRecords(dice: Dice, prefix: string): readonly Sent[] {
  const { deadLetters, ...codecs } = recordCodecs(fixedSchemaIds(), prefix);
  const all: Readonly<Record<TopicName, unknown>> = { ...codecs, 'dead-letters': deadLetters };
  return TOPICS.flatMap(({ name }) => Array.from({ length: RECORDS }, () => {
    const codec = all[name] as RecordCodec<unknown>;
    const body = randomBody(name, dice);
    const headers = recordHeaders(codec, { body, key: KEY, capturedAt: AT, trace: TRACE });
    return { topic: name, record: { topic: topicName(prefix, name), partition: 1, key: KEY, value: codec.encode(body), headers } };
  }));
}

const recordsOf = (sent: readonly Sent[], topic: TopicName): readonly Sent['record'][] => sent.filter((one) => one.topic === topic).map(({ record }) => record);

/** Records that lie on Kafka. */
interface World { readonly bootstrap: string; readonly prefix: string; readonly sent: readonly Sent[] }

async function withRecords(brokers: readonly string[], check: (world: World) => Promise<void>): Promise<void> {
  const prefix = `outside-${Math.random().toString(36).slice(2)}`;
  const node = connectKafka({ brokers }, { clock: systemClock, random: systemRandom, log: QUIET });
  const specs = topicSpecs({ topicPrefix: prefix, partitions: 2, replication: 1, chunksRetentionHours: 1, recordsRetentionHours: 1, maxPartBytes: 4 << 20 });
  await node.ensureTopics(specs);
  try {
    const sent = randomRecords(rollDice('outside readers'), prefix);
    const producer = await node.transactions(`${prefix}-writer`, 10_000);
    await producer.commit(sent.map(({ record }) => record), []);
    await producer.close();
    await check({ bootstrap: brokers.join(','), prefix, sent });
  } finally {
    await deleteTopics(brokers, specs.map(({ topic }) => topic));
    await node.close();
  }
}

const kcat = (bootstrap: string, topic: string, ...more: readonly string[]): Promise<Buffer> => output('kcat', ['-C', '-b', bootstrap, '-t', topic, '-p', '1', '-o', 'beginning', '-e', '-q', ...more]);

const python = outsidePython('readers');
if (python === undefined) console.log('SKIP: readers of others: no Python with confluent-kafka and fastavro; name one with VTO_TEST_PYTHON');
const hasKcat = spawnSync('kcat', ['-V'], { stdio: 'ignore' }).status === 0;
if (!hasKcat) console.log('SKIP: kcat reads our records: it is not installed');

if (python !== undefined) {
  test('ours reads what confluent-kafka-python writes with a schema of the gateway, which takes no other', () => withGateway({ topicPrefix: 'site' }, async ({ port }) => {
    const wish = { id: 'dock-2', uri: 'rtsp://camera/1', maxFps: 2.5, isDetecting: true, isLooping: false };
    const write = (topic: string, schema: string): Promise<Buffer> => output(python, [SCRIPT, 'write', `http://127.0.0.1:${port}`, topic, join(schemaFolder(), schema), JSON.stringify({ ...wish, at: null })]);
    const [hex] = lines(await write('site.cameras', 'cameras.avsc'));
    assert.equal(recordCodecs(fixedSchemaIds()).cameras.decode(Buffer.from(String(hex), 'hex')), wish);
    const refused = await write('site.chunks', 'cameras.avsc').then(() => '', (error: unknown) => String(error));
    assert.match(refused, /read-only mode/);
  }));
}

for (const kafka of [await kafkaOrSkip('3.9'), await kafkaOrSkip('4.x')]) {
  if (kafka === undefined) continue;
  test.after(() => kafka.close());

  if (python !== undefined) {
    test(`confluent-kafka-python reads every topic through the gateway's registry paths, on Kafka ${kafka.version}`, () => withRecords(kafka.brokers, async ({ sent, bootstrap, prefix }) => {
      await withGateway({ topicPrefix: prefix }, async ({ port }) => {
        for (const { name } of TOPICS) {
          const read = lines(await output(python, [SCRIPT, 'kafka', bootstrap, `http://127.0.0.1:${port}`, topicName(prefix, name), String(RECORDS)]));
          assert.equal(read, recordsOf(sent, name).map(({ value, headers }) => ({ key: KEY, headers, partition: 1, value: expected(name, value) })), name);
        }
      });
    }));
  }

  if (hasKcat) {
    test(`kcat shows keys, headers and raw bytes, on Kafka ${kafka.version}`, () => withRecords(kafka.brokers, async ({ sent, bootstrap, prefix }) => {
      const records = recordsOf(sent, 'detections');
      const topic = topicName(prefix, 'detections');
      const shown = (await kcat(bootstrap, topic, '-f', '%k|%S|%h\n')).toString().trimEnd().split('\n');
      assert.equal(shown, records.map(({ value, headers }) => `${KEY}|${value.byteLength}|${Object.entries(headers).map(([name, text]) => `${name}=${text}`).join(',')}`));
      assert.ok((await kcat(bootstrap, topic, '-f', '%s')).equals(Buffer.concat(records.map(({ value }) => value))));
    }));
  }

  if (python !== undefined && hasKcat) {
    test(`fastavro reads records that kcat dumped, on Kafka ${kafka.version}`, () => withRecords(kafka.brokers, async ({ sent, bootstrap, prefix }) => {
      const folder = temporaryFolder();
      for (const { name, schema } of TOPICS) {
        const [first] = recordsOf(sent, name);
        const dumped = await kcat(bootstrap, topicName(prefix, name), '-c', '1', '-f', '%s');
        assert.is(dumped.readUInt32BE(1), fixedSchemaIds().idOf(name));
        const file = join(folder, name);
        writeFileSync(file, dumped.subarray(5));
        assert.equal(lines(await output(python, [SCRIPT, 'file', join(schemaFolder(), schema), file])), [expected(name, first!.value)], name);
      }
    }));
  }
}

test.run();
