import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { OUTSIDE_PACKAGES, outsidePython } from '../test/support/outside-python.ts';
import { canPin, coresText, median, runProgram, type Bench, type BenchOptions, type BenchRow } from './support/bench.ts';
import { benchClip, benchModel, type BenchClip } from './support/clips.ts';
import type { LoopOrder, LoopResult } from './support/loop-order.ts';

const SCRIPT = fileURLToPath(new URL('support/plain-script.py', import.meta.url));
const WARM_UP = 30;

interface ScriptOrder extends LoopOrder { /** Of OpenCV, its decoder and onnxruntime; 0: as they come. */ readonly threads: number }
interface ScriptResult extends LoopResult { readonly versions: string }
interface Case { readonly name: string; readonly order: LoopOrder; /** One core and one thread for either side, or all that is there. */ readonly isPinned: boolean; readonly runs: number }
interface Pair { readonly ours: LoopResult; readonly script: ScriptResult }

function runScript(python: string, order: ScriptOrder, isPinned: boolean): ScriptResult {
  const [program, ...args] = [...(isPinned && canPin() ? ['taskset', '-c', coresText(1)] : []), python, SCRIPT, JSON.stringify(order)];
  const { status, stdout, stderr } = spawnSync(program ?? python, args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`plain-script.py ended with ${String(status)}: ${stderr.trim()}`);
  return JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as ScriptResult;
}

async function pairOf(python: string, { order, isPinned }: Case, isScriptFirst: boolean): Promise<Pair> {
  const script = (): ScriptResult => runScript(python, { ...order, threads: isPinned ? 1 : 0 }, isPinned);
  const ours = (): Promise<LoopResult> => runProgram<LoopResult>('pipeline-loop', order, { cores: isPinned ? 1 : 0 });
  if (isScriptFirst) return { script: script(), ours: await ours() };
  return { ours: await ours(), script: script() };
}

async function rowsOf(python: string, each: Case, say: BenchOptions['say']): Promise<{ readonly rows: BenchRow[]; readonly versions: string }> {
  const pairs: Pair[] = [];
  for (let run = 0; run < each.runs; run += 1) {
    const pair = await pairOf(python, each, run % 2 === 0);
    pairs.push(pair);
    const told = ({ frames, wallMs, cpuMs }: LoopResult): string => `${(frames / wallMs * 1000).toFixed(1)} frames/s at ${(cpuMs / frames).toFixed(2)} ms of processor time`;
    say(`${each.name}: ours ${told(pair.ours)}, the script ${told(pair.script)}`);
  }
  const throughput = pairs.map(({ ours, script }) => (ours.frames / ours.wallMs) / (script.frames / script.wallMs));
  const cpu = pairs.map(({ ours, script }) => (script.cpuMs / script.frames) / (ours.cpuMs / ours.frames));
  const figure = (side: keyof Pair): string => `${(median(pairs.map((pair) => pair[side].cpuMs / pair[side].frames)) * 1000).toFixed(0)} µs`;
  const bound = `processor time of a frame: ours ${figure('ours')}, the script ${figure('script')}; the network, which both run with onnxruntime, is most of it`;
  const target = { is: '≥' as const, value: 1.5 };
  return {
    versions: pairs[0]?.script.versions ?? '',
    rows: [
      { what: `${each.name}: frames/s, ours ÷ the script`, figure: median(throughput), unit: 'ratio', ...(each.isPinned ? { target } : {}), bound, runs: throughput },
      { what: `${each.name}: frames for a second of processor time, ours ÷ the script`, figure: median(cpu), unit: 'ratio', ...(each.isPinned ? {} : { target }), runs: cpu },
    ],
  };
}

/** `vto infer` against the script that a user would write with OpenCV, onnxruntime and NumPy. */
export const plainScript: Bench = {
  name: 'plain-script',
  question: 'How does the pipeline compare with a plain Python script of OpenCV, onnxruntime and NumPy?',
  async run({ isQuick, say }) {
    const [real, python] = [benchModel(), outsidePython('opencv')];
    if (real === undefined) say('SKIP: the shared models are not there');
    if (python === undefined) say(`SKIP: no Python with ${OUTSIDE_PACKAGES.opencv.packages.join(', ')}; \`npm run bench -- --setup\` installs them, or name one with VTO_TEST_PYTHON`);
    if (real === undefined || python === undefined) return undefined;
    const runs = isQuick ? 1 : 5;
    const [middle, hd] = [await benchClip(isQuick ? 'short' : 'middle'), await benchClip('hd')];
    const orderOf = (clip: BenchClip): LoopOrder => ({ files: [clip.path], model: real.model, frames: clip.frames, warmUpFrames: WARM_UP });
    const cases: Case[] = [
      { name: `${real.text}, 432p, one core`, order: orderOf(middle), isPinned: true, runs },
      { name: `${real.text}, 1080p, one core`, order: orderOf(hd), isPinned: true, runs: isQuick ? 0 : runs },
      { name: `${real.text}, 432p, all cores, as they come`, order: orderOf(middle), isPinned: false, runs },
      { name: `${real.text}, 1080p, all cores, as they come`, order: orderOf(hd), isPinned: false, runs: isQuick ? 0 : runs },
    ];
    const rows: BenchRow[] = [];
    let versions = '';
    for (const each of cases.filter((one) => one.runs > 0)) {
      const told = await rowsOf(python, each, say);
      rows.push(...told.rows);
      ({ versions } = told);
    }
    return {
      rows,
      conditions: [
        `one core: ${canPin() ? `everything pinned with taskset -c ${coresText(1)}` : 'NOT pinned, taskset (util-linux) is not there'}; one thread each for OpenCV, its decoder and onnxruntime in the script, one ORT thread and one decoder thread in ours`,
        'as they come: nothing pinned and no thread count given; the script\'s onnxruntime and OpenCV take all cores, ours is one batch process with one ORT thread and its parent',
        `script: ${versions}; cv2.VideoCapture, letterbox with cv2.resize, session.run, NumPy decoding and suppression, thresholds as ours`,
        `clips: ${[middle, hd].map(({ text }) => text).join('; ')}`,
        'ours: the batch path of `vto infer`, records with ids through ipc to the parent, processor time of all of it',
        `measured from frame ${WARM_UP} to the last; sides in turns`,
      ],
    };
  },
};
