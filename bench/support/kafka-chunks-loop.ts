// Writes chunk records to a topic and reads them back, by our transport or by kafkajs as it comes. Arguments: a JSON of KafkaChunksOrder. Prints a KafkaChunksResult as JSON.
import { Kafka, logLevel, Partitioners } from 'kafkajs';
import { systemRandom } from '../../src/engine/seeded-random.ts';
import { systemClock } from '../../src/engine/system-clock.ts';
import type { Envelope } from '../../src/engine/ports.ts';
import { epochMicros, type CameraId } from '../../src/engine/units.ts';
import { connectKafka } from '../../src/transports/kafka/connect-kafka.ts';
import type { RecordCodec } from '../../src/transports/kafka-types.ts';

/** What is written and read by whom. */
export interface KafkaChunksOrder { readonly client: 'ours' | 'kafkajs'; readonly brokers: readonly string[]; readonly topic: string; readonly records: number; readonly sizeBytes: number; readonly inFlight: number;
  /** Present: one record at a time, each so long after the one before, read as it comes; ours only. */
  readonly paceMs?: number }
/** Milliseconds of wall time and of processor time of this process for each half. */
export interface KafkaChunksResult { readonly produceMs: number; readonly produceCpuMs: number; readonly consumeMs: number; readonly consumeCpuMs: number }
/** Milliseconds from each push to its record at a reader. */
export interface KafkaLatencyResult { readonly latenciesMs: readonly number[] }

const WARM_UP = 20;
const MAX_BYTES = 8 << 20;
const order = JSON.parse(process.argv[2] ?? '') as KafkaChunksOrder;
const { signal } = new AbortController();
const value = Buffer.alloc(order.sizeBytes, 'video');
const log = { info() { /* figures only */ }, warn() { /* as info */ } };

interface Client { send(): Promise<unknown>; receive(count: number, onWarm: () => void): Promise<void>; close(): Promise<void> }

const bytesCodec: RecordCodec<Buffer> = { encode: body => body, decode: bytes => bytes, headers: () => ({ ce_specversion: '1.0' }) };

async function ours(): Promise<Client> {
  const node = connectKafka({ brokers: order.brokers }, { clock: systemClock, random: systemRandom, log });
  await node.ensureTopics([{ topic: order.topic, partitions: 1, replication: -1, config: { 'max.message.bytes': String(MAX_BYTES) } }]);
  const bounds = { maxItems: 64, maxBytes: 64 << 20 };
  const output = node.output(order.topic, bytesCodec, { ...bounds, batchBytes: 1 << 20, lingerMs: 0 });
  const item: Envelope<Buffer> = { body: value, key: 'cam' as CameraId, capturedAt: epochMicros(0), trace: '' };
  return {
    send: () => output.push([item], signal),
    async receive(count, onWarm) {
      const reader = node.reader(order.topic, { isolation: 'committed', maxBytes: MAX_BYTES });
      reader.seek(0, 'earliest');
      for (let got = 0; got < count;) {
        for (const { records } of await reader.read(signal)) {
          if (got < WARM_UP && got + records.length >= WARM_UP) onWarm();
          got += records.length;
        }
      }
    },
    close: () => node.close(),
  };
}

async function stock(): Promise<Client> {
  const kafka = new Kafka({ brokers: [...order.brokers], logLevel: logLevel.NOTHING });
  const admin = kafka.admin();
  await admin.connect();
  await admin.createTopics({ topics: [{ topic: order.topic, numPartitions: 1, replicationFactor: 1, configEntries: [{ name: 'max.message.bytes', value: String(MAX_BYTES) }] }] });
  await admin.disconnect();
  const producer = kafka.producer({ idempotent: true, maxInFlightRequests: 1, createPartitioner: Partitioners.DefaultPartitioner });
  await producer.connect();
  const consumer = kafka.consumer({ groupId: order.topic, maxWaitTimeInMs: 200, maxBytes: MAX_BYTES, maxBytesPerPartition: MAX_BYTES });
  await consumer.connect();
  return {
    send: () => producer.send({ topic: order.topic, acks: -1, messages: [{ key: 'cam', value, headers: { ce_specversion: '1.0' } }] }),
    async receive(count, onWarm) {
      await consumer.subscribe({ topic: order.topic, fromBeginning: true });
      let got = 0;
      await new Promise<void>((resolve, reject) => {
        consumer.run({ eachMessage: async () => { got += 1; if (got === WARM_UP) onWarm(); if (got === count) resolve(); } }).catch(reject);
      });
    },
    async close() { await producer.disconnect(); await consumer.disconnect(); },
  };
}

const now = (): { readonly ms: number; readonly cpuMs: number } => {
  const { user, system } = process.cpuUsage();
  return { ms: performance.now(), cpuMs: (user + system) / 1000 };
};

async function produce(client: Client, count: number): Promise<void> {
  let sent = 0;
  const lane = async (): Promise<void> => { while (sent < count) { sent += 1; await client.send(); } };
  await Promise.all(Array.from({ length: order.inFlight }, lane));
}

async function latencies(paceMs: number): Promise<KafkaLatencyResult> {
  const node = connectKafka({ brokers: order.brokers }, { clock: systemClock, random: systemRandom, log });
  await node.ensureTopics([{ topic: order.topic, partitions: 1, replication: -1, config: {} }]);
  const output = node.output(order.topic, bytesCodec, { maxItems: 64, maxBytes: 64 << 20, batchBytes: 1 << 20, lingerMs: 0 });
  const reader = node.reader(order.topic, { isolation: 'committed', maxBytes: MAX_BYTES });
  reader.seek(0, 'earliest');
  const sentMs: number[] = [];
  const latenciesMs: number[] = [];
  const reading = (async () => {
    while (latenciesMs.length < order.records) for (const { records } of await reader.read(signal)) for (const { offset } of records) latenciesMs.push(performance.now() - (sentMs[offset] ?? 0));
  })();
  for (let index = 0; index < order.records; index += 1) {
    sentMs.push(performance.now());
    void output.push([{ body: value, key: 'cam' as CameraId, capturedAt: epochMicros(0), trace: '' }], signal);
    await systemClock.sleep(paceMs);
  }
  await reading;
  await node.close();
  return { latenciesMs: latenciesMs.slice(WARM_UP) };
}

function finish(result: KafkaChunksResult | KafkaLatencyResult): void {
  process.stdout.write(`${JSON.stringify(result)}\n`, () => process.exit(0)); // a pipe takes a long line in pieces
}

if (order.paceMs === undefined) finish(await throughput()); else finish(await latencies(order.paceMs));

async function throughput(): Promise<KafkaChunksResult> {
  const client = await (order.client === 'ours' ? ours() : stock());
  await produce(client, WARM_UP);
  const start = now();
  await produce(client, order.records);
  const written = now();
  let reading = written;
  await client.receive(order.records + WARM_UP, () => { reading = now(); });
  const read = now();
  await client.close();
  return { produceMs: written.ms - start.ms, produceCpuMs: written.cpuMs - start.cpuMs, consumeMs: read.ms - reading.ms, consumeCpuMs: read.cpuMs - reading.cpuMs };
}
