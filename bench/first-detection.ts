import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { median, type Bench } from './support/bench.ts';

const LAUNCHER = fileURLToPath(new URL('../src/cli/vto.mjs', import.meta.url));
const LIMIT_MS = 60_000;

/** Seconds from the start of `vto start` to its line about the first detected object. */
async function secondsToFirst(): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), 'vto-bench-'));
  const startMs = performance.now();
  const child = spawn(process.execPath, [LAUNCHER, 'start', '--data', folder, '--port', '0', '--no-table'], { stdio: ['ignore', 'pipe', 'pipe'] });
  const exited = once(child, 'exit');
  try {
    return await new Promise<number>((resolve, reject) => {
      let output = '';
      const limit = setTimeout(() => reject(new Error(`no detection within ${LIMIT_MS / 1000} s:\n${output}`)), LIMIT_MS);
      const read = (text: string): void => {
        output += text;
        if (!output.includes('first detection after')) return;
        clearTimeout(limit);
        resolve((performance.now() - startMs) / 1000);
      };
      child.stdout.setEncoding('utf8').on('data', read);
      child.stderr.setEncoding('utf8').on('data', read);
      child.once('exit', code => reject(new Error(`vto start ended with ${String(code)}:\n${output}`)));
    });
  } finally {
    child.kill('SIGINT');
    await exited;
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The demo, as somebody meets it who has just installed the program. */
export const firstDetection: Bench = {
  name: 'first-detection',
  question: 'How long does somebody wait for the first box?',
  async run({ isQuick, say }) {
    const times: number[] = [];
    for (let run = 0; run < (isQuick ? 2 : 5); run += 1) {
      times.push(await secondsToFirst());
      say(`first detection after ${times.at(-1)?.toFixed(2)} s`);
    }
    return {
      conditions: ['`vto start` of a new data folder with its two demo scenes, dependencies installed, on all cores (not pinned)', 'from the start of the launcher to the line about the first frame with a box that is on disk'],
      rows: [{ what: 'start to first detection', figure: median(times), unit: 's', target: { is: '≤', value: 5 }, runs: times, bound: 'starting the four processes, then the motion detector must have learnt the background' }],
    };
  },
};
