import { median, placementText, quantile, runProgram, type Bench, type BenchRow } from './support/bench.ts';
import { benchClip } from './support/clips.ts';
import type { CommitOrder } from './support/commit-loop.ts';
import type { HopOrder, HopResult } from './support/hop-loop.ts';
import type { PlatformOrder, PlatformResult } from './support/platform-order.ts';
import type { ScaleOrder } from './support/scale-loop.ts';

const HOP_BYTES = 8_000;

function rowOf(what: string, figures: readonly number[], target?: BenchRow['target'], bound?: string): BenchRow {
  return { what, figure: median(figures), unit: 'ms', runs: figures, ...(target === undefined ? {} : { target }), ...(bound === undefined ? {} : { bound }) };
}

/** What every frame took besides decoder, scaler and model, in milliseconds. */
async function overheadsOf(order: PlatformOrder, scaleMs: number): Promise<readonly number[]> {
  const { timings } = await runProgram<PlatformResult>('platform-loop', order);
  if (timings.length === 0) throw new Error('no frame was detected on');
  return timings.map(each => Math.max(0, each.ageMs - each.decodeMs - each.inferMs - scaleMs));
}

/** Paced cameras on the real process tree: what a frame waits and costs besides decoding, scaling and the model. */
export const engineOverhead: Bench = {
  name: 'engine-overhead',
  question: 'What does the engine add to a frame, without decoding, scaling and the model?',
  async run({ isQuick, say }) {
    const clip = await benchClip('middle');
    const runs = isQuick ? 1 : 5;
    const times = isQuick ? { warmUpMs: 2_000, measureMs: 4_000 } : { warmUpMs: 2_000, measureMs: 6_000 };
    const orderOf = (cameras: number): PlatformOrder => ({ uris: Array.from({ length: cameras }, () => clip.path), isDetecting: true, ...times });
    const engine = { p50: [] as number[], p99: [] as number[] };
    const pair = { p50: [] as number[], p99: [] as number[] };
    const commit = { p50: [] as number[], p99: [] as number[] };
    const hops = { memory: [] as number[], ipc: [] as number[], memoryBusy: [] as number[], ipcBusy: [] as number[] };
    for (let run = 0; run < runs; run += 1) {
      const scaleMs = median(await runProgram<number[]>('scale-loop', { file: clip.path, model: 'motion' } satisfies ScaleOrder));
      const overheads = await overheadsOf(orderOf(1), scaleMs);
      const ofPair = await overheadsOf(orderOf(2), scaleMs);
      const commits = await runProgram<number[]>('commit-loop', { records: isQuick ? 50 : 100, everyMs: 20 } satisfies CommitOrder);
      const hop = await runProgram<HopResult>('hop-loop', { items: isQuick ? 2_000 : 5_000, sizeBytes: HOP_BYTES } satisfies HopOrder);
      engine.p50.push(median(overheads));
      engine.p99.push(quantile(overheads, 0.99));
      pair.p50.push(median(ofPair));
      pair.p99.push(quantile(ofPair, 0.99));
      commit.p50.push(median(commits));
      commit.p99.push(quantile(commits, 0.99));
      hops.memory.push(median(hop.memory));
      hops.ipc.push(median(hop.ipc));
      hops.memoryBusy.push(hop.memoryBusyMs);
      hops.ipcBusy.push(hop.ipcBusyMs);
      say(`${overheads.length} frames: p50 ${engine.p50.at(-1)?.toFixed(2)} ms, p99 ${engine.p99.at(-1)?.toFixed(2)} ms to the record (scaling ${scaleMs.toFixed(2)} ms left out); commit p50 ${commit.p50.at(-1)?.toFixed(2)} ms, p99 ${commit.p99.at(-1)?.toFixed(2)} ms`);
    }
    return {
      conditions: [
        placementText(), `one camera (and, to show the waiting for each other, two in step) that play ${clip.text} in real time, motion detector; root, store, ingest and vision processes; ${times.measureMs / 1000} s a run`,
        'from arrival to record: from the moment the unit reached the ingest process to the moment the record was made, less the time in the decoder, in the scaler (its median over the same clip) and in the model. It holds chunking, writing the unit to the archive (a frame is fed when it is durable), the hop to the vision process, and every stage\'s hosting',
        'from record to commit: from the vision side\'s push to the acknowledgement that the record is on disk, one record each 20 ms against a real store process; it holds both ways of the hop, the wait for a fuller transaction and the fsync',
        `hops: one part of ${HOP_BYTES} bytes there and its acknowledgement back`,
      ],
      rows: [
        rowOf('arrival to record, p50', engine.p50, { is: '≤', value: 0.5 }, 'the unit is written to the archive first, then two process switches on one core'),
        rowOf('arrival to record, p99', engine.p99, { is: '≤', value: 2 }),
        rowOf('arrival to record, two cameras in step, p50', pair.p50, undefined, 'every second frame waits while the other camera\'s is decoded and in the model'),
        rowOf('arrival to record, two cameras in step, p99', pair.p99),
        rowOf('record to commit, p50', commit.p50, undefined, 'the fsync of the transaction'),
        rowOf('record to commit, p99', commit.p99),
        rowOf('memory hop, one at a time', hops.memory),
        rowOf('memory hop, many under way', hops.memoryBusy),
        rowOf('ipc hop, one at a time', hops.ipc, undefined, 'two process switches on one core'),
        rowOf('ipc hop, many under way', hops.ipcBusy),
      ],
    };
  },
};
