// `npm test [-- [filter] [--coverage]]`: checks, then every test/**/*.test.ts in a process of its own.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { runChecks } from './check.ts';
import { reportCoverage } from './support/coverage.ts';
import { conclude, endFilesOnSignals, runFiles, sum, type RunCounts } from './support/runner.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const { values, positionals } = parseArgs({ options: { coverage: { type: 'boolean', default: false } }, allowPositionals: true });
const [filter] = positionals;
endFilesOnSignals();

const counts: RunCounts[] = [];
if (filter === undefined) counts.push(await runChecks(root));
const coverageFolder = values.coverage ? await mkdtemp(join(tmpdir(), 'vto-coverage-')) : undefined;
counts.push(await runFiles({ root, pattern: 'test/**/*.test.ts', filter, alone: 'test/e2e/', env: coverageFolder === undefined ? {} : { NODE_V8_COVERAGE: coverageFolder } }));
if (coverageFolder !== undefined) {
  console.log(await reportCoverage(root, coverageFolder));
  await rm(coverageFolder, { recursive: true });
}
conclude(sum(counts));
