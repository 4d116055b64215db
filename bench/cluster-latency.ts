import { median, placementText, quantile, runProgram, type Bench, type BenchRow } from './support/bench.ts';
import type { LatencyFrame, LatencyOrder } from './support/latency-order.ts';
import type { ScaleOrder } from './support/scale-loop.ts';
import { TOPICS, topicName } from '../src/messages/topics.ts';
import { makeClipFile } from '../test/support/clip.ts';
import { deleteTopics } from '../test/support/kafka/delete-topics.ts';
import { kafkaOrSkip } from '../test/support/kafka/kafka-or-skip.ts';

const DELIVERIES = ['at-least-once', 'exactly-once'] as const;
type Delivery = (typeof DELIVERIES)[number];

const FPS = 25;
const CLIP = { width: 160, height: 120, fps: FPS, frames: 500, gop: 50 } as const;
const SETTINGS = { partitions: 4, commitIntervalMs: 100, partMs: 200 } as const;
/** Beside the part and the commit interval, a live record may take so long. */
const LIVE_MS = 100;

/** Figures of one run, in milliseconds: of the whole way, of what the cluster adds, and of what it adds on the camera node and up to the end of the model. */
interface Run {
  readonly inAll: readonly number[]; readonly added: readonly number[]; readonly toKafka: readonly number[]; readonly toModel: readonly number[];
  /** `added` of the first frame of each part. */
  readonly first: readonly number[];
}

async function runOf(order: Omit<LatencyOrder, 'prefix'>, scaleMs: number): Promise<Run> {
  const prefix = `bench-${Math.random().toString(36).slice(2, 10)}`;
  try {
    const frames = await runProgram<LatencyFrame[]>('latency-loop', { ...order, prefix } satisfies LatencyOrder);
    const expected = order.measureMs / 1000 * FPS * order.uris.length;
    if (frames.length < expected / 2) throw new Error(`${frames.length} of ${expected} frames were detected on`);
    const own = ({ partMs, ownMs, beforeMs, place }: LatencyFrame): number => partMs + ownMs + beforeMs + scaleMs * (place + 1);
    const added = (frame: LatencyFrame): number => Math.max(0, frame.inAllMs - own(frame));
    return {
      inAll: frames.map(({ inAllMs }) => inAllMs), added: frames.map(added), first: frames.filter(({ place }) => place === 0).map(added), toKafka: frames.map(({ toKafkaMs }) => Math.max(0, toKafkaMs)),
      toModel: frames.map(frame => Math.max(0, frame.ageMs - own(frame))),
    };
  } finally {
    await deleteTopics(order.brokers, TOPICS.map(({ name }) => topicName(prefix, name)));
  }
}

/** Paced cameras on a camera node and a detector node: how long after its arrival a frame's record can be read. */
export const clusterLatency: Bench = {
  name: 'cluster-latency',
  question: 'How much later is a frame\'s record there when cameras and detectors are on different nodes?',
  async run({ isQuick, say }) {
    const kafka = await kafkaOrSkip();
    if (kafka === undefined) return undefined;
    const file = await makeClipFile(CLIP);
    const times = isQuick ? { warmUpMs: 2_000, measureMs: 4_000 } : { warmUpMs: 4_000, measureMs: 12_000 };
    const runs: Record<Delivery, Run[]> = { 'at-least-once': [], 'exactly-once': [] };
    try {
      const scaleMs = median(await runProgram<number[]>('scale-loop', { file, model: 'motion' } satisfies ScaleOrder));
      for (let run = 0; run < (isQuick ? 1 : 5); run += 1) {
        for (const delivery of run % 2 === 0 ? DELIVERIES : DELIVERIES.toReversed()) {
          const one = await runOf({ ...SETTINGS, ...times, brokers: kafka.brokers, uris: [file], delivery }, scaleMs);
          runs[delivery].push(one);
          say(`${delivery}: ${one.added.length} frames, added p50 ${text(one.added, 0.5)}, p99 ${text(one.added, 0.99)} ms, of which on the camera node p50 ${text(one.toKafka, 0.5)}, p99 ${text(one.toKafka, 0.99)} ms, to the end of the model p50 ${text(one.toModel, 0.5)}, p99 ${text(one.toModel, 0.99)} ms; in all p50 ${text(one.inAll, 0.5)} ms`);
        }
      }
    } finally {
      await kafka.close();
    }
    const row = (delivery: Delivery, what: string, of: keyof Run, share: number): BenchRow => {
      const figures = runs[delivery].map(run => quantile(run[of], share));
      return { what: `${delivery}: ${what}, p${share * 100}`, figure: median(figures), unit: 'ms', runs: figures };
    };
    return {
      conditions: [
        `${placementText()}; the broker (${kafka.version}) is not pinned`,
        `one camera (${CLIP.width}x${CLIP.height}, ${FPS} fps) in a node with role camera and the motion detector in a node with role detector, as \`vto start\` runs them; partMs ${SETTINGS.partMs}, commitIntervalMs ${SETTINGS.commitIntervalMs}; ${times.measureMs / 1000} s a run`,
        'in all: from the arrival of the frame at the camera node to the moment at which a reader outside (read_committed) was given its terminal record',
        'added: the same, less the wait for the end of its part (its part\'s first arrival and partMs; earlier where a new chunk begins), and less decoder, scaler (its median over the clip) and model for it and for the frames of its part before it, which reach the detector at the same moment',
        'it holds the archive, two hops over Kafka, three over ipc, every stage\'s hosting, and, exactly once, the wait for the next transaction',
      ],
      rows: [
        { ...row('at-least-once', 'added', 'added', 0.5), target: { is: '≤', value: 10 }, bound: 'the five or six frames of a part come at once: each waits for what the ones before it take besides decoder and model' },
        { ...row('at-least-once', 'added', 'added', 0.99), target: { is: '≤', value: 40 } },
        row('at-least-once', 'added, first frames of their parts', 'first', 0.5),
        row('at-least-once', 'added on the camera node', 'toKafka', 0.5),
        row('at-least-once', 'added up to the end of the model', 'toModel', 0.5),
        row('at-least-once', 'in all', 'inAll', 0.5),
        { ...row('exactly-once', 'in all', 'inAll', 0.5), target: { is: '≤', value: SETTINGS.partMs + SETTINGS.commitIntervalMs + LIVE_MS } },
        row('exactly-once', 'in all', 'inAll', 0.99),
        { ...row('exactly-once', 'added', 'added', 0.5), bound: 'half the commit interval, and the transaction' },
        row('exactly-once', 'added', 'added', 0.99),
      ],
    };
  },
};

function text(values: readonly number[], share: number): string { return quantile(values, share).toFixed(1); }
