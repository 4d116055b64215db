import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { makeClipFile } from '../test/support/clip.ts';
import { temporaryFolder } from '../test/support/temporary-folder.ts';
import type { AllocationResult } from './support/allocation-probe.ts';
import { median, placementText, runProgram, type Bench } from './support/bench.ts';
import { benchModel } from './support/clips.ts';
import type { LoopOrder, LoopResult } from './support/loop-order.ts';

const PROBE = fileURLToPath(new URL('support/allocation-probe.ts', import.meta.url));
const [WIDTH, HEIGHT] = [640, 360];

interface Measured { readonly bytes: number; readonly collectUs: number; readonly top: readonly { readonly at: string; readonly bytes: number }[] }

async function allocated(model: string, file: string, frames: number): Promise<AllocationResult> {
  const out = join(temporaryFolder(), 'allocations.json');
  const order: LoopOrder = { files: [file], model, frames, warmUpFrames: 1 };
  await runProgram<LoopResult>('pipeline-loop', order, { env: { NODE_OPTIONS: `--import=${PROBE}`, VTO_BENCH_ALLOCATIONS: out } });
  return JSON.parse(readFileSync(out, 'utf8')) as AllocationResult;
}

/** What a frame costs beyond what starting costs: the difference of a long and a short run. */
async function measure(model: string, short: { readonly file: string; readonly frames: number }, long: { readonly file: string; readonly frames: number }): Promise<Measured> {
  const [few, many] = [await allocated(model, short.file, short.frames), await allocated(model, long.file, long.frames)];
  const frames = long.frames - short.frames;
  const before = new Map(few.top.map(({ at, bytes }) => [at, bytes]));
  return {
    bytes: (many.bytes - few.bytes) / frames, collectUs: (many.collectMs - few.collectMs) * 1000 / frames,
    top: many.top.map(({ at, bytes }) => ({ at, bytes: (bytes - (before.get(at) ?? 0)) / frames })).sort((a, b) => b.bytes - a.bytes).slice(0, 8),
  };
}

/** JavaScript objects of the vision side of the pipeline. */
export const frameAllocations: Bench = {
  name: 'frame-allocations',
  question: 'How much does the vision process allocate for a frame?',
  async run({ isQuick, say }) {
    const real = benchModel();
    const [few, many] = isQuick ? [100, 400] : [500, 2500];
    const clip = async (frames: number): Promise<{ file: string; frames: number }> => ({ file: await makeClipFile({ width: WIDTH, height: HEIGHT, fps: 25, frames, gop: 50 }), frames });
    const [short, long] = [await clip(few), await clip(many)];
    const rows = [];
    for (const { name, model } of [{ name: 'motion', model: 'motion' }, ...(real === undefined ? [] : [{ name: real.text, model: real.model }])]) {
      const runs: Measured[] = [];
      for (let run = 0; run < (isQuick ? 1 : 5); run += 1) {
        const result = await measure(model, short, long);
        runs.push(result);
        say(`${name}: ${result.bytes.toFixed(0)} bytes a frame, ${result.collectUs.toFixed(1)} µs a frame to collect them`);
      }
      for (const { at, bytes } of runs[0]?.top ?? []) say(`    ${bytes.toFixed(0).padStart(6)}  ${at}`);
      rows.push(
        { what: `${name}: JavaScript objects allocated a frame`, figure: median(runs.map(({ bytes }) => bytes)), unit: 'bytes', runs: runs.map(({ bytes }) => bytes) },
        { what: `${name}: time to collect them, a frame`, figure: median(runs.map(({ collectUs }) => collectUs)), unit: 'µs', runs: runs.map(({ collectUs }) => collectUs) },
      );
    }
    return {
      rows,
      conditions: [
        placementText(), `one unpaced file of generated frames, H.264 ${WIDTH}x${HEIGHT}, in a batch process: reader, chunker, intake, featurizer, detector and the link to the parent`,
        'V8\'s sampling heap profiler from the start of the process to its end, every 4 KiB, objects that were collected included; pixels and tensors, which lie outside V8\'s heap, are not in it',
        `a frame: the difference of a run of ${many} and one of ${few} frames, so that start-up is not in it`,
      ],
    };
  },
};
