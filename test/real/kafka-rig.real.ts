import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { TopicTail, type TailRecord } from '../support/cluster/topic-tail.ts';
import { kafkaOrSkip, ownKafkaOrSkip } from '../support/kafka/kafka-or-skip.ts';
import { aliveBrokers } from '../support/kafka/metadata.ts';
import { until } from '../support/vto-run.ts';

const START_KAFKA = fileURLToPath(new URL('../support/kafka/start-kafka.ts', import.meta.url));
const hasKcat = spawnSync('kcat', ['-V'], { stdio: 'ignore' }).status === 0;
if (!hasKcat) console.log('SKIP: kcat against the test brokers: it is not installed');

/** kcat makes no topics. */
async function makeTopic(brokers: readonly string[], topic: string, replication: number): Promise<void> {
  const { Kafka, logLevel } = await import('kafkajs');
  const admin = new Kafka({ brokers: [...brokers], logLevel: logLevel.NOTHING }).admin();
  await admin.connect();
  await admin.createTopics({ topics: [{ topic, numPartitions: 2, replicationFactor: replication }] });
  await admin.disconnect();
}

async function kcat(args: readonly string[], input = ''): Promise<string> {
  const child = spawn('kcat', args, { stdio: ['pipe', 'pipe', 'pipe'] });
  let [output, errors] = ['', ''];
  child.stdout.on('data', (bytes: Buffer) => { output += bytes.toString(); });
  child.stderr.on('data', (bytes: Buffer) => { errors += bytes.toString(); });
  child.stdin.end(input);
  const [code] = await once(child, 'close') as [number];
  assert.is(code, 0, errors);
  return output;
}

const produce = (brokers: readonly string[], topic: string, text: string): Promise<string> => kcat(['-P', '-b', brokers.join(','), '-t', topic, '-K', ':', '-X', 'acks=all', '-X', 'message.timeout.ms=40000'], text);
const consume = async (brokers: readonly string[], topic: string): Promise<readonly string[]> => {
  const text = await kcat(['-C', '-b', brokers.join(','), '-t', topic, '-o', 'beginning', '-e', '-q', '-K', ':', '-X', 'isolation.level=read_committed']);
  return text.split('\n').filter((line) => line !== '').sort();
};

for (const series of ['3.9', '4.x'] as const) {
  const kafka = await kafkaOrSkip(series);
  if (kafka === undefined || !hasKcat) continue;
  test(`kcat writes to and reads from Apache Kafka ${kafka.version}`, async () => {
    const topic = `rig-${Math.random().toString(36).slice(2)}`;
    await makeTopic(kafka.brokers, topic, 1);
    await produce(kafka.brokers, topic, 'gate:one\ndock:two\n');
    assert.equal(await consume(kafka.brokers, topic), ['dock:two', 'gate:one']);
  });
}

test('a broker that was killed comes back with what it had acknowledged', async () => {
  const kafka = await ownKafkaOrSkip();
  if (kafka === undefined || !hasKcat) return;
  await makeTopic(kafka.brokers, 'kept', 1);
  await produce(kafka.brokers, 'kept', 'gate:one\n');
  await kafka.kill();
  assert.is(await aliveBrokers(kafka.brokers[0]!), 0);
  await kafka.restart();
  assert.equal(await consume(kafka.brokers, 'kept'), ['gate:one']);
  await kafka.stop();
  await kafka.restart();
  await produce(kafka.brokers, 'kept', 'gate:two\n');
  assert.equal(await consume(kafka.brokers, 'kept'), ['gate:one', 'gate:two']);
  await kafka.close();
});

test('the outside reader brings every committed byte once, call by call, and nothing of aborted transactions', async () => {
  const given = await kafkaOrSkip();
  if (given === undefined || !hasKcat) return;
  const { Kafka, logLevel } = await import('kafkajs');
  const topic = `tail-${Math.random().toString(36).slice(2)}`;
  await makeTopic(given.brokers, topic, 1);
  const producer = new Kafka({ brokers: [...given.brokers], logLevel: logLevel.NOTHING }).producer({ transactionalId: topic, maxInFlightRequests: 1, idempotent: true, retry: { initialRetryTime: 5 } });
  await producer.connect();
  const commit = async (value: Buffer | null, isKept: boolean): Promise<void> => {
    const transaction = await producer.transaction();
    await transaction.send({ topic, messages: [{ key: 'a\nb', value, partition: 1 }] });
    await (isKept ? transaction.commit() : transaction.abort());
  };
  const binary = Buffer.from(Array.from({ length: 3000 }, (_, index) => index % 256));
  const tail = new TopicTail(given.brokers, topic, 2);
  const seen: TailRecord[] = [];
  await commit(binary, true);
  await commit(Buffer.from('gone'), false);
  await tail.read((record) => seen.push(record));
  await commit(null, true);
  await commit(Buffer.alloc(0), true);
  await tail.read((record) => seen.push(record));
  await producer.disconnect();
  assert.equal(seen.map(({ partition, key }) => [partition, key]), [[1, 'a\nb'], [1, 'a\nb'], [1, 'a\nb']]);
  assert.equal(seen.map(({ value }) => value?.toString('hex')), [binary.toString('hex'), undefined, '']);
});

test('three brokers go on when one is killed', async () => {
  const kafka = await ownKafkaOrSkip({ nodes: 3 });
  if (kafka === undefined || !hasKcat) return;
  await makeTopic(kafka.brokers, 'spread', 3);
  await produce(kafka.brokers, 'spread', 'gate:one\n');
  for (const node of [0, 1]) {
    await kafka.kill(node);
    await produce(kafka.brokers, 'spread', `gate:without ${node}\n`);
    await kafka.restart(node);
  }
  assert.equal(await consume(kafka.brokers, 'spread'), ['gate:one', 'gate:without 0', 'gate:without 1']);
  await kafka.close();
});

test('a broker ends with the process that started it, also when that is killed', async () => {
  const why = await ownKafkaOrSkip();
  if (why === undefined) return;
  await why.close();
  const child = spawn(process.execPath, ['--input-type=module', '-e', `const { startKafka } = await import(${JSON.stringify(START_KAFKA)}); console.log((await startKafka()).brokers[0]); setInterval(() => {}, 1000);`], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [line] = await once(child.stdout, 'data') as [Buffer];
  const address = line.toString().trim();
  assert.is(await aliveBrokers(address), 1);
  child.kill('SIGKILL');
  await until(async () => await aliveBrokers(address) === 0, 'the broker is gone');
});

test.run();
