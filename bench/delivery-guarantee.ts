import { median, placementText, runProgram, type Bench, type BenchRow } from './support/bench.ts';
import type { HostOrder, HostResult } from './support/host-order.ts';
import { TOPICS, topicName } from '../src/messages/topics.ts';
import { deleteTopics } from '../test/support/kafka/delete-topics.ts';
import { kafkaOrSkip } from '../test/support/kafka/kafka-or-skip.ts';

type Delivery = NonNullable<HostOrder['run']>['delivery'];
interface Pair { readonly once: HostResult; readonly least: HostResult }

const SHAPE = { partitions: 4, cameras: 24, framesPerPart: 5, unitBytes: 200, boxes: 8, commitIntervalMs: 100 } as const;

/** One run of each, in turn, over the same chunks: whatever else the machine does meets both. */
async function pairOf(order: HostOrder, run: number): Promise<Pair> {
  const results: Partial<Record<Delivery, HostResult>> = {};
  for (const delivery of run % 2 === 0 ? ['at-least-once', 'exactly-once'] as const : ['exactly-once', 'at-least-once'] as const) {
    results[delivery] = await runProgram<HostResult>('host-loop', { ...order, run: { delivery, group: `${order.prefix}.${delivery}-${run}` } } satisfies HostOrder);
  }
  const { 'exactly-once': once, 'at-least-once': least } = results;
  if (once === undefined || least === undefined) throw new Error('a run gave no result');
  return { once, least };
}

const perSecond = ({ records, ms }: HostResult): number => records * 1000 / ms;
const perCore = ({ records, cpuMs }: HostResult): number => records * 1000 / cpuMs;

/** What transactions cost: a real host on real brokers, with a vision process that answers at once. */
export const deliveryGuarantee: Bench = {
  name: 'delivery-guarantee',
  question: 'What does exactly-once cost against at-least-once?',
  async run({ isQuick, say }) {
    const kafka = await kafkaOrSkip();
    if (kafka === undefined) return undefined;
    const prefix = `bench-${Math.random().toString(36).slice(2, 10)}`;
    const order: HostOrder = { ...SHAPE, brokers: kafka.brokers, prefix, framesPerCamera: isQuick ? 2_000 : 12_500 };
    const frames = order.cameras * order.framesPerCamera;
    const pairs: Pair[] = [];
    let chunkBytes = 0;
    try {
      chunkBytes = (await runProgram<{ readonly bytes: number }>('host-loop', order)).bytes;
      for (let run = 0; run < (isQuick ? 1 : 5); run += 1) {
        const pair = await pairOf(order, run);
        pairs.push(pair);
        say(`exactly-once ${text(perSecond(pair.once))}/s in ${pair.once.transactions} transactions, at-least-once ${text(perSecond(pair.least))}/s; ${text(perCore(pair.once))} and ${text(perCore(pair.least))} a core-second`);
      }
    } finally {
      await deleteTopics(kafka.brokers, TOPICS.map(({ name }) => topicName(prefix, name)));
      await kafka.close();
    }
    const row = (what: string, unit: string, of: (pair: Pair) => number): BenchRow => {
      const runs = pairs.map(of);
      return { what, figure: median(runs), unit, runs };
    };
    const adds = 'beyond `cluster-records`, whose writer only encodes and commits 2 boxes a record: fetching and decoding chunks, keeping progress, 8 boxes a record, positions and offsets; all on one core';
    return {
      conditions: [
        `${placementText()}; the broker (${kafka.version}) is not pinned, and its time is in no CPU figure`,
        `the host of a detector node (actors/host) on ${order.partitions} partitions with ${order.cameras} cameras, commit interval ${order.commitIntervalMs} ms; both sides read the same ${frames} frames that lie on Kafka already, as groups of their own, after a first pass that has everything compiled`,
        `chunks: ${order.framesPerPart} frames of ${order.unitBytes} bytes a part (${(chunkBytes / frames).toFixed(0)} bytes a frame with all that is around it), so that records, not video, are what is measured`,
        'the vision process is in the host\'s process and answers each frame at once with a record of 8 boxes: no decoder, no model, no hop',
      ],
      rows: [
        { ...row('throughput exactly-once ÷ at-least-once', 'ratio', ({ once, least }) => perSecond(once) / perSecond(least)), target: { is: '≥', value: 0.9 } },
        row('CPU a record, exactly-once ÷ at-least-once', 'ratio', ({ once, least }) => perCore(least) / perCore(once)),
        row('exactly-once, by the clock', 'records/s', ({ once }) => perSecond(once)),
        row('at-least-once, by the clock', 'records/s', ({ least }) => perSecond(least)),
        row('exactly-once, chunks read', 'MB/s', ({ once }) => perSecond(once) * chunkBytes / frames / 1e6),
        { ...row('exactly-once, per core of the host', 'records/s', ({ once }) => perCore(once)), bound: adds },
        row('at-least-once, per core of the host', 'records/s', ({ least }) => perCore(least)),
      ],
    };
  },
};

function text(figure: number): string { return Math.round(figure).toLocaleString('en'); }
