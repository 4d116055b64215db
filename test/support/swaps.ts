import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { at } from './ledger-oracle.ts';
import { residentBytes } from './process-table.ts';
import type { RecordClient } from './record-client.ts';
import { withinBound } from './slack.ts';
import { writeSlowModel } from './slow-model.ts';
import { temporaryFolder } from './temporary-folder.ts';
import { checkDetected, CLIP, PATIENT, withSite } from './three-cameras.ts';
import { until, wallMicros, type VtoRun } from './vto-run.ts';

/** Two models to change between: the built-in one, and one of settings of their own. */
export const MODELS = ['motion@2', 'quick@1'] as const;

const QUICK_MS = 4;
/** Pictures out of order, and groups of pictures as long as two swaps. */
const LOAD = { ...CLIP, gop: 3 * CLIP.fps, bFrames: 2 } as const;
const SWAP_LIMIT_MS = 120_000;
const RSS_GROWTH_MAX = 0.05;
/** For so long swaps are not counted: memory grows without any swap while code is compiled and caches are filled. */
const WARM_MS = 180_000;
/** Fewer say nothing about memory. */
const RSS_SWAPS_MIN = 20;

interface ModelState { readonly active: string; readonly state: string; readonly counts: { readonly done: number; readonly refused: number }; readonly lastError?: { readonly message: string } }

/** A settings file with the second model. */
export async function modelsFile(): Promise<string> {
  const folder = temporaryFolder();
  await writeSlowModel(join(folder, 'quick.onnx'), QUICK_MS);
  const file = join(folder, 'models.toml');
  writeFileSync(file, `[[models]]\nname = "quick"\nversion = "1"\npath = ${JSON.stringify(join(folder, 'quick.onnx'))}\n`);
  return file;
}

/** Asks for a model; the status and body of the answer. */
export async function putModel(run: VtoRun, model: string): Promise<{ readonly status: number; readonly body: string }> {
  const response = await fetch(`${run.url}/api/v1/models/active`, { method: 'PUT', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ model }) });
  return { status: response.status, body: await response.text() };
}

/** Resolves when the nodes run the model and nothing of the change is left to do. */
export async function untilActive(runs: readonly VtoRun[], model: string): Promise<void> {
  await until(async () => {
    const states = await Promise.all(runs.map(run => run.get<ModelState>('/api/v1/models/active')));
    for (const state of states) if (state?.lastError !== undefined) throw new Error(`the change to ${model} was refused: ${state.lastError.message}`);
    return states.every(state => state?.active === model && state.state === 'steady');
  }, `${model} is active`, SWAP_LIMIT_MS);
}

/** Resolves when a frame of every camera was detected on by the model and seen by its client. */
export async function untilSeen(clients: readonly RecordClient[], model: string): Promise<void> {
  await until(() => clients.every(({ lines }) => lines.findLast(({ kind }) => kind === 'detected')?.kind === 'detected' && lastModel(lines) === model), `every camera is detected on by ${model}`, SWAP_LIMIT_MS);
}

function lastModel(lines: RecordClient['lines']): string | undefined {
  const newest = lines.filter(line => line.kind === 'detected').toSorted((a, b) => a.epoch - b.epoch || a.frameSeq - b.frameSeq).at(-1);
  return newest?.model;
}

/** Each change shows in each camera's records at one frame: none of an earlier model comes behind it. Fails where a model comes back by itself. */
export function checkBoundaries(clients: readonly RecordClient[], models: readonly string[]): void {
  for (const { camera, lines } of clients) {
    const seen: string[] = [];
    for (const line of lines.filter(each => each.kind === 'detected').toSorted((a, b) => a.epoch - b.epoch || a.frameSeq - b.frameSeq)) if (seen.at(-1) !== line.model) seen.push(line.model);
    assert.equal(seen.map(model => model.replace(/^slow@.*/, 'quick@1')), [...models], `the models of ${camera}, frame by frame`);
  }
}

/** How much longer than usual the frames of a camera waited, at worst, in each span of time; milliseconds. */
export function pausesOf(clients: readonly RecordClient[], spans: readonly (readonly [from: number, to: number])[]): readonly number[] {
  return clients.flatMap(({ lines }) => {
    const detected = lines.flatMap(line => (line.kind === 'detected' ? [{ at: Date.parse(line.capturedAt) * 1000, ageMs: line.timings.ageMs }] : []));
    const usualMs = at(detected.map(({ ageMs }) => ageMs).sort((a, b) => a - b), 0.5);
    return spans.flatMap(([from, to]) => {
      const ages = detected.filter(line => line.at >= from && line.at <= to).map(({ ageMs }) => ageMs);
      return ages.length === 0 ? [] : [Math.max(0, Math.max(...ages) - usualMs)];
    });
  }).sort((a, b) => a - b);
}

/** Resident memory of every process of a node, in bytes, by name. Vision processes count as one. */
type Look = ReadonlyMap<string, number>;

function memoryOf(run: VtoRun): Look {
  const sums = new Map<string, number>();
  for (const { pid, title } of run.processes()) {
    const name = /^vto (vision|[a-z]+-?\d*)/.exec(title)?.[1] ?? (/\bmain\.(?:ts|js) start\b/.test(title) ? 'root' : 'launcher');
    sums.set(name, (sums.get(name) ?? 0) + (residentBytes(pid) ?? 0));
  }
  return sums;
}

/** Share of the looks that is taken for what it was at first, and for what it is in the end. */
const COMPARED = 0.2;

/** The memory of nodes over many swaps: looked at while they run the same model, so that only what a swap leaves behind makes a difference. */
export class MemoryWatch {
  readonly #runs: readonly VtoRun[];
  #looks: (readonly Look[])[] = [];

  constructor(runs: readonly VtoRun[]) {
    this.#runs = runs;
  }

  look(): void { this.#looks.push(this.#runs.map(memoryOf)); }

  /** What was seen until now does not count. */
  forget(): void { this.#looks = []; }

  /** The first looks and the last, by process and as one figure: medians, since a heap breathes. */
  compare(): { readonly text: string; readonly growth: number } {
    const count = Math.max(1, Math.floor(this.#looks.length * COMPARED));
    const names = [...new Set(this.#looks.flat().flatMap(look => [...look.keys()]))].sort();
    const medianOf = (looks: readonly (readonly Look[])[], name: string): number =>
      at(looks.map(each => each.reduce((sum, look) => sum + (look.get(name) ?? 0), 0)).sort((a, b) => a - b), 0.5);
    const rows = names.map(name => ({ name, before: medianOf(this.#looks.slice(0, count), name), after: medianOf(this.#looks.slice(-count), name) }));
    const [before, after] = [rows.reduce((sum, row) => sum + row.before, 0), rows.reduce((sum, row) => sum + row.after, 0)];
    const inMb = (bytes: number): string => (bytes / 1e6).toFixed(0);
    const growth = after / before - 1;
    return { growth, text: `memory ${inMb(before)} MB in the first ${count} looks, ${inMb(after)} MB in the last (${(growth * 100).toFixed(1)} %): ${rows.map(row => `${row.name} ${inMb(row.before)} → ${inMb(row.after)}`).join(', ')}` };
  }
}

/** A page of the API as text. */
export async function textOf(run: VtoRun, path: string): Promise<string> {
  return (await fetch(`${run.url}${path}`)).text();
}

/** How long first frames took at new processes, as the platform itself measures it. */
export function printSwitches(metrics: string): void {
  const buckets = [...metrics.matchAll(/^visutility_model_switch_pause_seconds_bucket\{le="([^"]+)",process="[^"]*"\} (\d+)$/gm)].map(([, bound, count]) => [bound ?? '', Number(count)] as const);
  const counts = [...Map.groupBy(buckets, ([bound]) => bound)].map(([bound, rows]) => ({ bound, count: rows.reduce((sum, [, count]) => sum + count, 0) }));
  const total = counts.at(-1)?.count ?? 0;
  const upTo = (share: number): string => counts.find(({ count }) => count >= total * share)?.bound ?? 'unknown';
  console.log(`  first frames at a new process: ${total} measured, p50 within ${upTo(0.5)} s, p99 within ${upTo(0.99)} s`);
}

/** True at the start of a long run: what happens now is not counted. */
export function isWarmingUp(count: number, startedMs: number): boolean {
  return count >= RSS_SWAPS_MIN && performance.now() - startedMs < WARM_MS;
}

/** Changes the model of a machine so often while three cameras send, then judges from outside. Prints figures. */
export async function runSwaps({ count }: { readonly count: number }): Promise<void> {
  const file = await modelsFile();
  await withSite({ args: ['--config', file], env: PATIENT, clip: LOAD, beginsWhenPlaying: true }, async site => {
    const { run, clients } = site;
    assert.is((await putModel(run, 'nobody@1')).status, 404);
    const spans: [number, number][] = [];
    const models: string[] = [MODELS[0]];
    const watch = new MemoryWatch([run]);
    const startedMs = performance.now();
    for (let swap = 0, warm = 0; swap < count + warm; swap += 1) {
      if (swap % MODELS.length === 0 && isWarmingUp(count, startedMs)) { warm = swap; watch.forget(); }
      if (swap % MODELS.length === 0) watch.look();
      const model = MODELS[(swap + 1) % 2] ?? MODELS[0];
      const from = wallMicros();
      assert.is((await putModel(run, model)).status, 202);
      await untilActive([run], model);
      spans.push([from, wallMicros()]);
      models.push(model);
      await untilSeen(clients, model);
      if (swap % 10 === 9) console.log(`  ${swap + 1} swaps`);
    }
    watch.look();
    const memory = watch.compare();
    const names = run.processes().map(({ title }) => title).filter(title => title.startsWith('vto vision'));
    assert.is(names.length, 1, `one vision process is left: ${names.join(', ')}`);
    const metrics = await textOf(run, '/metrics');
    const { verdicts } = await site.judge();
    printSwitches(metrics);
    const took = spans.map(([from, to]) => (to - from) / 1000).sort((a, b) => a - b);
    const pauses = pausesOf(clients, spans);
    console.log(`  ${spans.length} swaps under ${clients.length} cameras of ${CLIP.fps} frames a second: each took p50 ${at(took, 0.5).toFixed(0)}, p99 ${at(took, 0.99).toFixed(0)} ms; extra age of frames at a swap p50 ${at(pauses, 0.5).toFixed(1)}, p99 ${at(pauses, 0.99).toFixed(1)} ms; ${memory.text}`);
    for (const { problems, losses, dropped } of verdicts) {
      assert.equal(problems, []);
      assert.equal(losses, []);
      assert.is(dropped['undecodable'] ?? 0, 0, 'each new process begins where it can decode');
    }
    checkBoundaries(clients, models);
    checkDetected(verdicts);
    if (count < RSS_SWAPS_MIN) return; // a short run beside other tests says nothing about time and memory
    withinBound('extra age of frames at a swap, p99, against one frame period', at(pauses, 0.99), 1000 / CLIP.fps);
    assert.ok(memory.growth <= RSS_GROWTH_MAX, memory.text);
  });
}
