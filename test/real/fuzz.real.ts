import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';
import { test } from 'uvu';
import * as assert from 'uvu/assert';

const FOLDER = fileURLToPath(new URL('../fuzz/', import.meta.url));
/** Cases of each file that take a few seconds; `npm run fuzz` tries more. */
const CASES: Readonly<Record<string, number>> = { 'camera-units': 100, chunks: 60, config: 300, containers: 100, ipc: 500, models: 400, records: 3000, rtsp: 60 };
const seed = Math.floor(Math.random() * 2 ** 32);

for (const file of readdirSync(FOLDER).filter((name) => name.endsWith('.fuzz.ts'))) {
  const name = basename(file, '.fuzz.ts');
  test(`random inputs in short: ${name}`, () => {
    const { status, signal, stdout, stderr } = spawnSync(process.execPath, ['--disable-warning=ExperimentalWarning', FOLDER + file], {
      encoding: 'utf8', env: { ...process.env, FUZZ_CASES: String(CASES[name] ?? 100), FUZZ_SEED: String(seed), FORCE_COLOR: '0' },
    });
    assert.is(signal ?? status, 0, `npm run fuzz -- ${name} --cases ${CASES[name] ?? 100} --seed ${seed}\n${stdout}${stderr}`);
    assert.match(stdout, /Passed: +[1-9]/);
  });
}

test.run();
