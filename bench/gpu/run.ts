// `npm run bench:gpu [-- --provider cuda …]`: the pipeline against onnxruntime's own loop, on a GPU. See README.md beside this file.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { capabilities } from '../../src/inference/capabilities.ts';
import { openNvdec } from '../../src/media/index.ts';
import { machineText, median } from '../support/bench.ts';
import { benchClip } from '../support/clips.ts';
import { convNet } from './conv-net.ts';
import { ortLoop, pipelineRun, type GpuCase, type LoopRow, type PipelineResult } from './measure.ts';

const TARGET = 0.95;

const { values } = parseArgs({
  options: {
    provider: { type: 'string', default: 'cuda' }, decoder: { type: 'string', default: 'auto' }, size: { type: 'string', default: '416' },
    gflop: { type: 'string' }, files: { type: 'string', default: '4' }, runs: { type: 'string', default: '3' }, quick: { type: 'boolean', default: false },
  },
});
const say = (line: string): void => { process.stdout.write(`${line}\n`); };

process.exitCode = await main();

async function main(): Promise<number> {
  const { provider, quick, decoder } = values;
  if (decoder !== 'auto' && decoder !== 'software' && decoder !== 'nvdec') { say(`unknown decoder '${decoder}' (known: auto, software, nvdec)`); return 2; }
  const capability = (await capabilities()).find(({ name }) => name === provider);
  if (capability?.isAvailable !== true) { say(`provider '${provider}' does not start here: ${capability?.reason ?? 'unknown'}${provider === 'cuda' ? '; npm run setup:cuda fetches it' : ''}`); return 1; }
  const folder = mkdtempSync(join(tmpdir(), 'vto-bench-gpu-'));
  try {
    const clip = await benchClip(quick ? 'short' : 'long');
    const size = Number(values.size);
    const net = convNet({ size, gflop: Number(values.gflop ?? (quick ? 0.1 : 20)) });
    const model = join(folder, 'conv-net.onnx');
    writeFileSync(model, net.model);
    const count = quick ? 2 : Number(values.files);
    const files = Array.from({ length: count }, () => clip.path);
    const order: GpuCase = { model, size, provider, decoder, files, frames: clip.frames * count, warmUpFrames: 30 * count };
    const nvdec = openNvdec();
    say(`${machineText()}; provider ${provider}; nvdec: ${nvdec.device ? `opens, scale_cuda ${nvdec.device.scales ? 'there' : 'not there'}` : nvdec.reason}; decoder ${decoder}`);
    say(`network: ${net.gflop.toFixed(2)} GFLOP at ${size}x${size}; ${count} files at once: ${clip.text}`);
    return await compare(order, quick ? 1 : Number(values.runs), quick);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The sides take turns, so that what else the machine does meets both. */
async function compare(order: GpuCase, runs: number, isQuick: boolean): Promise<number> {
  const loops: LoopRow[] = [];
  const pipelines: PipelineResult[] = [];
  for (let run = 0; run < runs; run += 1) {
    const rows: LoopRow[] = [];
    for (const batch of isQuick ? [1, 2] : [1, 2, 4, 8, 16, 32]) rows.push(await ortLoop(order, batch, isQuick ? 0.2 : 2));
    for (const row of rows) say(`  onnxruntime alone, batch ${row.batch}: ${row.framesPerSecond.toFixed(1)} frames/s, a run ${row.p50Ms.toFixed(2)} ms (p99 ${row.p99Ms.toFixed(2)})`);
    loops.push(rows.reduce((best, row) => (row.framesPerSecond > best.framesPerSecond ? row : best)));
    const pipeline = await pipelineRun(order);
    pipelines.push(pipeline);
    say(`  pipeline: ${pipeline.framesPerSecond.toFixed(1)} frames/s; model ${pipeline.inferMs.p50.toFixed(2)} ms (p99 ${pipeline.inferMs.p99.toFixed(2)}), decoding ${pipeline.decodeMs.p50.toFixed(2)} ms (p99 ${pipeline.decodeMs.p99.toFixed(2)}) a frame`);
  }
  const ratio = median(pipelines.map((pipeline, run) => pipeline.framesPerSecond / (loops[run]?.framesPerSecond ?? Number.NaN)));
  const best = median(loops.map(({ framesPerSecond }) => framesPerSecond));
  say(`pipeline ÷ onnxruntime's own loop at its best batch (${loops.map(({ batch }) => batch).join(', ')}): ${ratio.toFixed(3)} of ${best.toFixed(1)} frames/s (target ≥ ${TARGET}: ${ratio >= TARGET ? 'met' : 'MISSED'})`);
  return 0;
}
