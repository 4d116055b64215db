// `npm run fuzz [-- [filter] --cases N --seed S]`: random inputs in bounded number, repeatable by seed.
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { conclude, endFilesOnSignals, runFiles } from './support/runner.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const { values, positionals } = parseArgs({ options: { cases: { type: 'string', default: '1000' }, seed: { type: 'string' } }, allowPositionals: true });
const cases = wholeNumber('--cases', values.cases);
const seed = wholeNumber('--seed', values.seed ?? String(Math.floor(Math.random() * 2 ** 32)));
endFilesOnSignals();
console.log(`fuzz: ${cases} cases a test, seed ${seed} (repeat with --cases ${cases} --seed ${seed})`);
const counts = await runFiles({
  root, pattern: 'test/fuzz/*.fuzz.ts', filter: positionals[0], env: { FUZZ_CASES: String(cases), FUZZ_SEED: String(seed) },
  fileTimeoutMs: Number(process.env['FILE_TIMEOUT_MS'] ?? 600_000),
});
conclude(counts);

function wholeNumber(flag: string, text: string): number {
  if (!/^\d{1,10}$/.test(text)) throw new Error(`${flag} must be a whole number, not '${text}'`);
  return Number(text);
}
