import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { PlatformError } from '../../src/engine/errors.ts';
import { judgeFamilies } from '../../src/inference/families/index.ts';
import { parseModel, serializeModel } from '../../src/inference/graph/model-file.ts';
import { foreignModel } from '../../src/inference/load-detector.ts';
import { wrapModel } from '../../src/inference/wrap-model.ts';
import { forEachCase, FUZZ_CASES, type FuzzRandom } from '../support/fuzz.ts';
import { damaged } from '../support/fuzz-damage.ts';
import { LoadSandbox } from '../support/load-sandbox.ts';
import { damageGraph } from '../support/model-damage.ts';
import { endlessModel, greedyModel, idleModel, modelCorpus } from '../support/model-corpus.ts';
import { mutate } from '../support/mutate.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const CORPUS = modelCorpus();
const SMALL = CORPUS.filter(({ bytes }) => bytes.byteLength < 100_000);

/** Small ones most of the time, since they are quick and damage hits their structure. */
function damagedModel(random: FuzzRandom): Uint8Array {
  const { bytes } = random.pick(random.next() < 0.7 ? SMALL : CORPUS);
  const kind = random.next();
  if (kind < 0.15) return damaged(bytes, random);
  if (kind < 0.35) return mutate(bytes, random.integer(2 ** 31), random.integer(1000));
  const model = parseModel(bytes);
  damageGraph(model, random);
  return serializeModel(model);
}

/** What every process does with a file before any is loaded: reads it, judges it, and writes the graph of each family around it. Gives the families. */
function judged(bytes: Uint8Array): readonly string[] | undefined {
  try {
    const foreign = foreignModel(parseModel(bytes));
    return judgeFamilies(foreign).flatMap(({ family, match }) => {
      if (!match.isMatch) return [];
      const { width, height } = match.plan.shape;
      assert.ok(width > 0 && height > 0, `a picture of ${width}x${height}`);
      for (const entry of ['frame', 'picture'] as const) serializeModel(wrapModel(foreign, match.plan, entry));
      return family.type;
    });
  } catch (error) {
    if (!(error instanceof PlatformError)) throw error;
    assert.is(error.code, 'MODEL_INVALID');
    assert.match(error.message, /\w{3}/);
    return undefined;
  }
}

test('no damaged model file or graph harms the process that judges it, and only its own process when it is loaded; the next model loads', async () => {
  const folder = temporaryFolder();
  const [path, good] = [join(folder, 'damaged.onnx'), join(folder, 'good.onnx')];
  writeFileSync(good, SMALL[0]!.bytes);
  const sandbox = new LoadSandbox();
  const counts = new Map<string, number>();
  const count = (what: string): void => { counts.set(what, (counts.get(what) ?? 0) + 1); };
  try {
    await forEachCase('model', async (random) => {
      const bytes = damagedModel(random);
      const families = judged(bytes);
      if (families === undefined) return count('refused before loading');
      if (families.length === 0) return count('of no family');
      writeFileSync(path, bytes);
      for (const family of families) {
        let end = await sandbox.load(path, family);
        if ('died' in end) end = await sandbox.load(path, family); // once more: it may have ended of what it loaded before
        if ('died' in end) {
          assert.ok(['PROCESS_EXITED', 'STALLED'].includes(end.died.code), `${end.died.code}: ${end.died.message}`);
          count(`ended its process: ${end.died.code === 'STALLED' ? 'no answer' : /memory limit|signal \w+|exit code \d+/.exec(end.died.message.replace(/.*said last: memory/, 'memory'))?.[0] ?? end.died.message}`);
          const next = await sandbox.load(good, 'yolox');
          assert.equal(next, { outcome: 'loaded' }, 'a good model after it');
        } else {
          assert.match(end.outcome, /^(loaded|refused (MODEL_INVALID|INFERENCE_FAILED))$/);
          count(end.outcome);
        }
      }
    });
    assert.equal(await sandbox.load(good, 'yolox'), { outcome: 'loaded' });
  } finally {
    await sandbox.close();
  }
  console.log(`  ${JSON.stringify(Object.fromEntries(counts))}`);
  if (FUZZ_CASES >= 100) for (const end of ['refused before loading', 'loaded', 'refused MODEL_INVALID']) assert.ok((counts.get(end) ?? 0) > FUZZ_CASES / 100, `${end} must be met for the test to mean something`);
});

/** What becomes of a good model, a bad one, and a good one after it. */
async function around(bad: Uint8Array, stallMs: number): Promise<string> {
  const path = join(temporaryFolder(), 'model.onnx');
  const sandbox = new LoadSandbox(stallMs);
  const load = async (bytes: Uint8Array): Promise<string> => {
    writeFileSync(path, bytes);
    const end = await sandbox.load(path, 'end-to-end');
    return 'died' in end ? `${end.died.code} ${end.died.message}` : end.outcome;
  };
  try {
    assert.is(await load(idleModel()), 'loaded');
    const end = await load(bad);
    assert.is(await load(idleModel()), 'loaded');
    assert.is(sandbox.deaths, 1);
    return end;
  } finally {
    await sandbox.close();
  }
}

test('a model that never ends is ended with its process, by name; the next one loads', async () => {
  assert.match(await around(endlessModel(), 6_000), /^STALLED actor 'loader' made no progress/);
});

test('a model that takes all memory is ended with its process, by name; the next one loads', async () => {
  assert.match(await around(greedyModel(8 * 2 ** 30), 60_000), /^PROCESS_EXITED .*memory limit passed: \d+ MiB in use, 1536 MiB allowed/);
});

test.run();
