import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { sharedData } from '../support/shared-data.ts';

const nano = sharedData('models/yolox_nano.onnx');
const child = fileURLToPath(new URL('../support/load-mutants.ts', import.meta.url));
const COUNT = 500;

(nano ? test : test.skip)(`each of ${COUNT} damaged copies of a model loads or is refused by name, and the process lives on`, () => {
  const seed = Number(process.env['SEED'] ?? 1);
  console.log(`seed ${seed} (set SEED to try others)`);
  const folder = mkdtempSync(join(tmpdir(), 'mutants-'));
  const outcomes = new Map<string, number>();
  const faults: string[] = [];
  let next = 0;
  while (next < COUNT) {
    const run = spawnSync(process.execPath, [child, nano!, String(seed), String(next), String(COUNT), folder], { encoding: 'utf8', timeout: 120_000 });
    for (const line of run.stdout.trimEnd().split('\n')) {
      const [index = '', ...words] = line.split(' ');
      const outcome = words.join(' ') || `ended its process (${run.signal ?? run.status}): ${run.stderr.trim().split('\n').at(-1)}`;
      outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
      if (outcome !== 'loaded' && !/^refused [A-Z_]+$/.test(outcome)) faults.push(`mutant ${index} ${outcome}`);
      next = Number(index) + 1;
    }
    if (faults.length > 10) break;
  }
  rmSync(folder, { recursive: true });
  console.log(JSON.stringify(Object.fromEntries(outcomes)));
  assert.equal(faults, []);
  assert.ok((outcomes.get('loaded') ?? 0) > COUNT / 10 && (outcomes.get('refused MODEL_INVALID') ?? 0) > COUNT / 10, 'both ends must be met for the test to mean something');
});

test.run();
