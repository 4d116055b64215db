import { median, runProgram, type Bench, type BenchRow } from './support/bench.ts';
import { benchModel } from './support/clips.ts';
import type { QuietOrder, QuietResult } from './support/quiet-order.ts';

const FPS = 25;
const GOP = 50;
/** What the machine of the target has. */
const CORES = 2;

interface Figures { readonly shares: number[]; readonly feeder: number[]; readonly otherwise: number[]; readonly behind: number[]; readonly detected: number[] }

async function measure(order: QuietOrder, runs: number, say: (line: string) => void): Promise<Figures> {
  const figures: Figures = { shares: [], feeder: [], otherwise: [], behind: [], detected: [] };
  for (let run = 0; run < runs; run += 1) {
    const result = await runProgram<QuietResult>('quiet-loop', order);
    const cameras = result.acknowledged / (result.wallMs / 1000 * FPS); // of what it worked on: a busy machine does not flatter
    figures.shares.push(result.cpuMs / result.wallMs / cameras * 100);
    figures.feeder.push(result.feederCpuMs / result.wallMs / cameras * 100);
    figures.otherwise.push(result.otherwise);
    figures.behind.push((result.fed - result.acknowledged) / result.fed);
    figures.detected.push(result.detected / (result.wallMs / 1000) / cameras);
    say(`${order.cameras} cameras, gate ${order.gate}: ${figures.shares.at(-1)?.toFixed(2)} % of a core each in vision, ${figures.feeder.at(-1)?.toFixed(2)} % to feed; ${result.fed} fed, ${result.acknowledged} done, ${result.detected} detected, ${result.quiet} quiet, ${result.otherwise} ended otherwise`);
  }
  return figures;
}

/** How little a camera costs in the vision process while nothing is there. */
export const quietCameras: Bench = {
  name: 'quiet-cameras',
  question: 'How many quiet 1080p cameras do the vision processes of two cores sustain?',
  async run({ isQuick, say }) {
    const runs = isQuick ? 1 : 3;
    const common = { processes: 1, fps: FPS, gop: GOP, warmUpMs: isQuick ? 20_000 : 60_000, measureMs: isQuick ? 8_000 : 30_000 } as const;
    const rows: BenchRow[] = [];
    const models = [{ model: 'motion', text: 'motion' }, ...isQuick ? [] : [benchModel() ?? []].flat()];
    for (const { model, text } of models) {
      const quiet = await measure({ ...common, cameras: isQuick ? 20 : 60, model, gate: 'auto' }, runs, say);
      const share = median(quiet.shares);
      rows.push(
        { what: `${text}: a quiet 1080p camera at ${FPS} frames a second, in the vision process`, figure: share, unit: '% of a core', runs: quiet.shares, bound: `${median(quiet.detected).toFixed(2)} looks a second` },
        { what: `${text}: cameras for which ${CORES} cores have time`, figure: CORES * 100 / share, unit: 'cameras', runs: quiet.shares.map(each => CORES * 100 / each), target: { is: '≥', value: 200 } },
        { what: `${text}: frames that ended neither detected nor quiet`, figure: median(quiet.otherwise), unit: 'frames', runs: quiet.otherwise, target: { is: '≤', value: 0 } },
        { what: `${text}: share of what was fed that was left over`, figure: median(quiet.behind), unit: 'ratio', runs: quiet.behind, target: { is: '≤', value: 0.02 } },
      );
    }
    const open = await measure({ ...common, cameras: 4, model: 'motion', gate: 'off', warmUpMs: 5_000 }, runs, say);
    rows.push({ what: 'motion, without the gate: the same camera', figure: median(open.shares), unit: '% of a core', runs: open.shares });
    return {
      rows,
      conditions: [
        'one vision process as production runs it, model, featurizer and ipc, pinned to one core together with the process that feeds it; CPU: every thread of the vision process (schedstat)',
        `cameras: 1920x1080 H.264 at constant quality with sensor noise, ${FPS} frames a second, a key frame every ${GOP / FPS} s at different times, packets from memory; nothing moves`,
        'after the gates have learnt: at first every camera is decoded more',
        'not in it: receiving and recording (see recorded-only), which do not depend on the gate',
      ],
    };
  },
};
