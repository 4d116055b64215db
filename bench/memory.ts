import { makeClipFile } from '../test/support/clip.ts';
import { placementText, runProgram, type Bench } from './support/bench.ts';
import type { MemoryOrder, MemoryResult } from './support/memory-loop.ts';

const FILES = 4;
const FLAT_MIB = 8;

/** Resident memory of a vision process that works as fast as it can. */
export const memory: Bench = {
  name: 'memory',
  question: 'Does the memory of a vision process stay flat over 20,000 frames?',
  async run({ isQuick, say }) {
    const frames = isQuick ? 500 : 5_000;
    const file = await makeClipFile({ width: 320, height: 240, fps: 25, frames, gop: 50 });
    const result = await runProgram<MemoryResult>('memory-loop', { files: Array.from({ length: FILES }, () => file), frames: frames * FILES } satisfies MemoryOrder);
    const mebibytes = (bytes: number): number => bytes / 2 ** 20;
    const growth = mebibytes(result.lastQuarter - result.secondQuarter);
    say(`${frames * FILES} frames in ${(result.wallMs / 1000).toFixed(0)} s: ${mebibytes(result.secondQuarter).toFixed(1)} MiB in the second quarter, ${mebibytes(result.lastQuarter).toFixed(1)} MiB in the last`);
    return {
      conditions: [
        placementText(), `${FILES} unpaced files of ${frames} generated frames, H.264 320x240, motion detector, one batch process; ${(frames * FILES / result.wallMs * 1000).toFixed(0)} frames a second`,
        'resident memory (VmRSS) every 100 ms; medians of the second and of the last quarter of the frames; one run, since it repeats itself 20,000 times',
      ],
      rows: [
        {
          what: `growth from the second to the last quarter of ${frames * FILES} frames`, figure: growth, unit: 'MiB', target: { is: '≤', value: FLAT_MIB }, runs: [growth],
          bound: `${FLAT_MIB} MiB is taken as flat: what V8's heap breathes`,
        },
        { what: 'resident memory in the last quarter', figure: mebibytes(result.lastQuarter), unit: 'MiB', runs: [mebibytes(result.lastQuarter)] },
      ],
    };
  },
};
