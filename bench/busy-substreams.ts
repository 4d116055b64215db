import { rmSync } from 'node:fs';
import { dirname } from 'node:path';
import { makeClipFile } from '../test/support/clip.ts';
import { sharedData } from '../test/support/shared-data.ts';
import { placementText, quantile, runProgram, type Bench, type BenchOptions } from './support/bench.ts';
import { writeDenseModel } from './support/dense-model.ts';
import type { PlatformOrder, PlatformResult } from './support/platform-order.ts';

const CORES = 2;
const FPS = 5;
const PERIOD_MS = 1_000 / FPS;
/** Cameras begin so far from each other: never in step, as cameras are. */
const STAGGER_MS = 37;
/** The probe that the first guess is made from. */
const PROBE_CAMERAS = 12;
/** The search ends when the gap between what is sustained and what is not is this share. */
const CLOSE_ENOUGH = 0.04;
const TRIES_MAX = 6;

/** How many cameras ran, and how. */
interface Trial { readonly cameras: number; readonly isSustained: boolean; readonly cpuMsPerFrame: number; readonly byRole: Readonly<Record<string, number>>; readonly p50: number; readonly p99: number }

/** A minute of traffic as a sub-stream sends it; a test picture that moves all over where the recording is not there. */
async function subStream(): Promise<{ readonly uri: string; readonly text: string }> {
  const recording = sharedData('videos/car-detection.mp4');
  const graph = recording === undefined ? 'testsrc2=s=$size:r=$fps' : `movie=filename=${recording}:loop=0,setpts=N/(25*TB),fps=$fps,scale=$size`;
  const uri = await makeClipFile({ width: 640, height: 360, fps: FPS, frames: 60 * FPS, gop: 2 * FPS, graph });
  return { uri, text: recording === undefined ? 'GENERATED test picture (the shared recordings are not there)' : 'real recording car-detection.mp4' };
}

function roleText({ byRole }: Pick<Trial, 'byRole'>): string {
  return Object.entries(byRole).map(([role, ms]) => `${role} ${ms.toFixed(2)}`).join(', ');
}

/** Runs so many cameras. Sustained: every frame that was received is detected on, 99 % of them before the next one of their camera is due. */
async function trialOf(cameras: number, { order, say }: { readonly order: Omit<PlatformOrder, 'uris'> & { readonly uri: string }; readonly say: BenchOptions['say'] }): Promise<Trial> {
  const { uri, ...rest } = order;
  const { timings, dropped, cpuMs, cpuMsOf, received, wallMs } = await runProgram<PlatformResult>('platform-loop', { ...rest, uris: Array.from({ length: cameras }, () => uri) } satisfies PlatformOrder, { cores: CORES });
  const ages = timings.map(({ ageMs }) => ageMs);
  const left = Object.values(dropped).reduce((sum, count) => sum + count, 0);
  const trial = { cameras, isSustained: left === 0 && quantile(ages, 0.99) <= PERIOD_MS, cpuMsPerFrame: cpuMs / received, byRole: Object.fromEntries(Object.entries(cpuMsOf).map(([role, ms]) => [role, ms / received])), p50: quantile(ages, 0.5), p99: quantile(ages, 0.99) };
  say(`${cameras} cameras ${trial.isSustained ? 'sustained' : 'NOT sustained'}: ${timings.length} frames detected on, ${left} left out, age p50 ${trial.p50.toFixed(0)} ms, p99 ${trial.p99.toFixed(0)} ms; ${(cpuMs / wallMs).toFixed(2)} cores, ${trial.cpuMsPerFrame.toFixed(2)} ms a frame (${roleText(trial)})`);
  return trial;
}

/** The most cameras that were sustained, searched from what a few of them cost. */
async function search(guess: number, tryOf: (cameras: number) => Promise<Trial>): Promise<readonly Trial[]> {
  const trials: Trial[] = [];
  let [low, high] = [0, Number.POSITIVE_INFINITY];
  let next = guess;
  while (trials.length < TRIES_MAX && high - low > Math.max(1, CLOSE_ENOUGH * low)) {
    const trial = await tryOf(next);
    trials.push(trial);
    if (trial.isSustained) low = Math.max(low, next);
    else high = Math.min(high, next);
    next = Number.isFinite(high) ? Math.round(low === 0 ? high * 0.85 : (low + high) / 2) : Math.round(low * 1.1);
    if (next === low || next === high || next < 1) break;
  }
  return trials;
}

/** Many small, busy streams: how many of them two cores detect on without leaving a frame out. */
export const busySubstreams: Bench = {
  name: 'busy-substreams',
  question: 'How many busy 360p sub-streams at 5 fps do two cores sustain with a 1-GFLOP model?',
  async run({ isQuick, say }) {
    const model = writeDenseModel();
    const { uri, text } = await subStream();
    const order = { uri, model: model.path, isDetecting: true, visionProcesses: CORES, staggerMs: STAGGER_MS, warmUpMs: isQuick ? 2_000 : 5_000, measureMs: isQuick ? 4_000 : 20_000 };
    const probe = await trialOf(PROBE_CAMERAS, { order, say });
    const byCost = Math.floor(CORES * 1_000 / (FPS * probe.cpuMsPerFrame));
    const trials = [probe, ...isQuick ? [] : await search(Math.max(1, Math.round(0.92 * byCost)), cameras => trialOf(cameras, { order, say }))];
    rmSync(dirname(model.path), { recursive: true });
    const best = trials.filter(({ isSustained }) => isSustained).reduce<Trial | undefined>((most, trial) => (trial.cameras > (most?.cameras ?? 0) ? trial : most), undefined);
    const sustained = best?.cameras ?? 0;
    return {
      conditions: [
        placementText(CORES), `${text} as 640x360 at ${FPS} fps, H.264, GOP of 2 s; played from files in real time, the cameras out of step`, `model: ${model.text}; ${CORES} vision processes, and ingest, store and root on the same cores`,
        `sustained: no frame left out in ${order.measureMs / 1_000} s, and the age at the end of detection within one frame period (${PERIOD_MS} ms) for 99 % of the frames`,
        'found by trying; the figure is the most that was sustained',
      ],
      rows: [
        { what: 'cameras sustained', figure: sustained, unit: 'cameras', target: { is: '≥', value: 55 }, runs: trials.map(({ cameras, isSustained }) => (isSustained ? cameras : -cameras)), bound: 'runs: number of cameras of each try, negative where it was too many' },
        { what: 'cameras that the cost of a frame leaves room for', figure: byCost, unit: 'cameras', runs: [byCost], bound: `from ${PROBE_CAMERAS} cameras: nothing waits, nothing is shared` },
        { what: 'processor time of a frame, all processes', figure: (best ?? probe).cpuMsPerFrame, unit: 'ms', runs: trials.map(({ cpuMsPerFrame }) => cpuMsPerFrame), bound: roleText(best ?? probe) },
        { what: 'age at the end of detection, p50', figure: best?.p50 ?? probe.p50, unit: 'ms', runs: trials.map(({ p50 }) => p50) },
        { what: 'age at the end of detection, p99', figure: best?.p99 ?? probe.p99, unit: 'ms', runs: trials.map(({ p99 }) => p99) },
      ],
    };
  },
};
