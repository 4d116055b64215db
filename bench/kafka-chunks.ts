import { randomBytes } from 'node:crypto';
import { kafkaOrSkip } from '../test/support/kafka/kafka-or-skip.ts';
import { median, placementText, quantile, runProgram, type Bench, type BenchRow } from './support/bench.ts';
import type { KafkaChunksOrder, KafkaChunksResult, KafkaLatencyResult } from './support/kafka-chunks-loop.ts';

const SIZE_BYTES = 500_000;
const RUNS = 5;
const PACED_BYTES = 200_000;
const PACE_MS = 33;

/** Chunk records through our transport and through kafkajs as it comes, in turns. */
export const kafkaChunks: Bench = {
  name: 'kafka-chunks',
  question: 'What does a chunk record cost on its way through Kafka?',
  async run({ isQuick, say }) {
    const kafka = await kafkaOrSkip();
    if (kafka === undefined) return undefined;
    const records = isQuick ? 60 : 300;
    const latencies: KafkaLatencyResult[] = [];
    const results = { ours: [] as KafkaChunksResult[], kafkajs: [] as KafkaChunksResult[] };
    try {
      for (let run = 0; run < (isQuick ? 1 : RUNS); run += 1) {
        latencies.push(await runProgram<KafkaLatencyResult>('kafka-chunks-loop', { client: 'ours', brokers: kafka.brokers, topic: `bench-${randomBytes(4).toString('hex')}`, records, sizeBytes: PACED_BYTES, inFlight: 1, paceMs: PACE_MS } satisfies KafkaChunksOrder));
        for (const client of run % 2 === 0 ? ['ours', 'kafkajs'] as const : ['kafkajs', 'ours'] as const) {
          const order: KafkaChunksOrder = { client, brokers: kafka.brokers, topic: `bench-${randomBytes(4).toString('hex')}`, records, sizeBytes: SIZE_BYTES, inFlight: 4 };
          const result = await runProgram<KafkaChunksResult>('kafka-chunks-loop', order);
          results[client].push(result);
          say(`${client}: produce ${rate(result.produceMs, records).toFixed(0)} MB/s, ${(result.produceCpuMs / records).toFixed(2)} ms CPU; consume ${rate(result.consumeMs, records).toFixed(0)} MB/s, ${(result.consumeCpuMs / records).toFixed(2)} ms CPU`);
        }
      }
    } finally {
      await kafka.close();
    }
    const both = ({ produceMs, consumeMs }: KafkaChunksResult): number => rate(produceMs + consumeMs, records);
    const cpu = ({ produceCpuMs, consumeCpuMs }: KafkaChunksResult): number => (produceCpuMs + consumeCpuMs) / records;
    return {
      conditions: [
        placementText(), `Apache Kafka ${kafka.version} on the same machine, not pinned; one partition, records of ${SIZE_BYTES / 1000} KB, ${records} a run, 4 pushes in flight, idempotent, acknowledged by all replicas`,
        'written first, then read from the beginning; the first 20 records of each are not counted; processor time of the client\'s process, user and system',
        'kafkajs 2.2.4 as it comes: producer.send, consumer.run with eachMessage and an 8 MiB fetch',
      ],
      rows: [
        ...compared('written and read, ours ÷ kafkajs', results, both, { is: '≥', value: 1.4 }),
        ...compared('written, ours ÷ kafkajs', results, ({ produceMs }) => rate(produceMs, records)),
        ...compared('read, ours ÷ kafkajs', results, ({ consumeMs }) => rate(consumeMs, records)),
        row('our CPU for a record written and read', 'ms', results.ours.map(cpu)), row('that of kafkajs', 'ms', results.kafkajs.map(cpu)),
        { ...row(`push to reader, ${PACED_BYTES / 1000} KB each ${PACE_MS} ms, p50`, 'ms', latencies.map(({ latenciesMs }) => quantile(latenciesMs, 0.5))), target: { is: '≤', value: 10 } },
        { ...row('push to reader, p99', 'ms', latencies.map(({ latenciesMs }) => quantile(latenciesMs, 0.99))), target: { is: '≤', value: 40 } },
        row('written by us', 'MB/s', results.ours.map(({ produceMs }) => rate(produceMs, records))), row('read by us', 'MB/s', results.ours.map(({ consumeMs }) => rate(consumeMs, records))),
      ],
    };
  },
};

function rate(ms: number, records: number): number {
  return records * SIZE_BYTES / 1000 / ms;
}

function row(what: string, unit: string, runs: readonly number[]): BenchRow {
  return { what, figure: median(runs), unit, runs };
}

function compared(what: string, { ours, kafkajs }: { readonly ours: readonly KafkaChunksResult[]; readonly kafkajs: readonly KafkaChunksResult[] }, of: (result: KafkaChunksResult) => number, target?: BenchRow['target']): BenchRow[] {
  const runs = ours.map((result, index) => of(result) / of(kafkajs[index] ?? result));
  return [{ what, figure: median(runs), unit: 'times', runs, ...(target === undefined ? {} : { target }) }];
}
