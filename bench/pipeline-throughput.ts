import { median, placementText, runProgram, type Bench, type BenchOptions, type BenchRow } from './support/bench.ts';
import { benchClip, benchModel, type BenchClip } from './support/clips.ts';
import type { LoopOrder, LoopResult } from './support/loop-order.ts';

interface Case { readonly name: string; readonly order: LoopOrder; readonly runs: number; readonly throughputMin: number }
interface Pair { readonly throughput: number; readonly cpu: number; readonly bareCpuMs: number; readonly pipelineCpuMs: number }

/** Share of the frames before the measurement: V8 compiles what runs for the first thousand or so, on either side. */
const WARM_UP = 0.3;

function orderOf(clip: BenchClip, model: string, files: number): LoopOrder {
  const frames = clip.frames * files;
  return { files: Array.from({ length: files }, () => clip.path), model, frames, warmUpFrames: Math.round(WARM_UP * frames) };
}

/** One run of each side, in turn: whatever else the machine does meets both. */
async function pairOf(order: LoopOrder, isBareFirst: boolean): Promise<Pair> {
  const results: Partial<Record<'bare-loop' | 'pipeline-loop', LoopResult>> = {};
  for (const side of isBareFirst ? ['bare-loop', 'pipeline-loop'] as const : ['pipeline-loop', 'bare-loop'] as const) results[side] = await runProgram<LoopResult>(side, order);
  const bare = results['bare-loop']!;
  const pipeline = results['pipeline-loop']!;
  return {
    throughput: (pipeline.frames / pipeline.wallMs) / (bare.frames / bare.wallMs), cpu: (pipeline.cpuMs / pipeline.frames) / (bare.cpuMs / bare.frames),
    bareCpuMs: bare.cpuMs / bare.frames, pipelineCpuMs: pipeline.cpuMs / pipeline.frames,
  };
}

async function rowsOf({ name, order, runs, throughputMin }: Case, say: BenchOptions['say']): Promise<BenchRow[]> {
  const pairs: Pair[] = [];
  for (let run = 0; run < runs; run += 1) {
    const pair = await pairOf(order, run % 2 === 0);
    pairs.push(pair);
    say(`${name}: throughput ${pair.throughput.toFixed(3)}, CPU ${pair.cpu.toFixed(3)} of the bare loop (${pair.pipelineCpuMs.toFixed(2)} and ${pair.bareCpuMs.toFixed(2)} ms a frame)`);
  }
  const cost = `${(median(pairs.map(pair => pair.pipelineCpuMs - pair.bareCpuMs)) * 1000).toFixed(0)} µs a frame more than the bare loop's ${(median(pairs.map(pair => pair.bareCpuMs)) * 1000).toFixed(0)} µs`;
  const throughputs = pairs.map(pair => pair.throughput);
  const cpu = pairs.map(pair => pair.cpu);
  return [
    { what: `${name}: pipeline throughput ÷ bare loop`, figure: median(throughputs), unit: 'ratio', target: { is: '≥', value: throughputMin }, runs: throughputs, bound: cost },
    {
      what: `${name}: CPU per frame ÷ bare loop`, figure: median(cpu), unit: 'ratio', runs: cpu, bound: cost,
      ...(order.files.length > 1 ? { target: { is: '≤' as const, value: 1.05 } } : {}),
    },
  ];
}

/** `vto infer` against the tightest loop over the same decoder, scaler and session. */
export const pipelineThroughput: Bench = {
  name: 'pipeline-throughput',
  question: 'How close does the pipeline come to a bare decode, scale and infer loop?',
  async run({ isQuick, say }) {
    const [short, middle, long] = [await benchClip('short'), await benchClip('middle'), await benchClip('long')];
    const real = benchModel();
    const runs = isQuick ? 1 : 5;
    const cases: Case[] = [];
    if (real !== undefined) {
      cases.push({ name: `${real.text}, 4 files at once`, order: orderOf(isQuick ? short : middle, real.model, 4), runs, throughputMin: 0.97 });
      if (!isQuick) cases.push({ name: `${real.text}, single file`, order: orderOf(middle, real.model, 1), runs, throughputMin: 0.92 });
    } else say('no real network here (the shared models are not there): motion only');
    cases.push(
      { name: 'motion, 4 files at once', order: orderOf(isQuick ? middle : long, 'motion', 4), runs, throughputMin: 0.97 },
      { name: 'motion, single file', order: orderOf(isQuick ? middle : long, 'motion', 1), runs, throughputMin: 0.92 },
    );
    const rows: BenchRow[] = [];
    for (const each of cases) rows.push(...await rowsOf(each, say));
    return {
      rows,
      conditions: [
        placementText(), `clips: ${[short, middle, long].map(clip => clip.text).join('; ')}`,
        'pipeline: the batch path of `vto infer`, one batch process (sources, chunkers, intake, featurizer, detector) and ipc to its parent; 4 files at once: four unpaced sources of one process, as a vision process serves many cameras',
        'bare loop: one process, the same src/media reader, decoder and scaler and the same detector session, file by file in turn; no ids, ports or records',
        `the first ${WARM_UP * 100} % of the frames are not measured: start-up, model load and compilation by V8 are on neither side; CPU: user and system time of the whole process tree`,
      ],
    };
  },
};
