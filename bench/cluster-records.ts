import { median, placementText, runProgram, type Bench, type BenchRow } from './support/bench.ts';
import type { IndexOrder, IndexResult } from './support/index-loop.ts';
import { kafkaOrSkip } from '../test/support/kafka/kafka-or-skip.ts';

const CAMERAS = 24;
const BOXES = 2;
const BATCH = 2_000;

/** How fast terminal records go from a detector node's transactions into the store of a gateway node. */
export const clusterRecords: Bench = {
  name: 'cluster-records',
  question: 'How many detection records a second go over Kafka into the store of a gateway node, per core?',
  async run({ isQuick, say }) {
    const kafka = await kafkaOrSkip();
    if (kafka === undefined) return undefined;
    const runs: IndexResult[] = [];
    try {
      for (let run = 0; run < (isQuick ? 1 : 5); run += 1) {
        const prefix = `bench-${Math.random().toString(36).slice(2, 10)}`;
        const result = await runProgram<IndexResult>('index-loop', { brokers: kafka.brokers, prefix, records: isQuick ? 50_000 : 300_000, cameras: CAMERAS, boxes: BOXES, batch: BATCH } satisfies IndexOrder);
        runs.push(result);
        say(`written at ${perSecond(result.records, result.writeMs)}/s, indexed at ${perSecond(result.indexed, result.indexMs)}/s`);
      }
    } finally {
      await kafka.close();
    }
    const row = (what: string, of: (result: IndexResult) => number, target?: number): BenchRow => {
      const figures = runs.map(of);
      return { what, figure: median(figures), unit: 'records/s', runs: figures, ...(target === undefined ? {} : { target: { is: '≥', value: target } as const }) };
    };
    return {
      conditions: [
        `${placementText()}; the broker (${kafka.version}) is not pinned, and its time is in no figure`, `${CAMERAS} cameras, ${BOXES} boxes a record, 8 partitions, transactions of ${BATCH} records`,
        'written: encoded, framed and committed in transactions by one process; indexed: fetched at read_committed, decoded, and committed to SQLite with an fsync a transaction by one index process',
        'per core: records ÷ processor time of the process; both ways: records ÷ processor time of both processes',
      ],
      rows: [
        row('indexed, per core', ({ indexed, indexCpuMs }) => indexed * 1000 / indexCpuMs, 50_000),
        row('written, per core', ({ records, writeCpuMs }) => records * 1000 / writeCpuMs, 50_000),
        row('written and indexed, per core of both together', ({ records, indexed, writeCpuMs, indexCpuMs }) => 1000 / (writeCpuMs / records + indexCpuMs / indexed)),
        row('indexed, by the clock', ({ indexed, indexMs }) => indexed * 1000 / indexMs),
        row('written, by the clock', ({ records, writeMs }) => records * 1000 / writeMs),
      ],
    };
  },
};

function perSecond(records: number, ms: number): string { return Math.round(records * 1000 / ms).toLocaleString('en'); }
