// `npm run test:real [-- filter]`: tests against real programs, devices' protocols and data. With CI=true nothing may be skipped.
import { fileURLToPath } from 'node:url';
import { installCounterparts } from './real/install.ts';
import { conclude, endFilesOnSignals, jobsDefault, runFiles } from './support/runner.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const isCi = process.env['CI'] === 'true';
endFilesOnSignals();
await installCounterparts(isCi);
conclude(await runFiles({
  root, pattern: 'test/real/**/*.real.ts', filter: process.argv[2], areSkipsFailures: isCi,
  jobs: Math.max(1, Math.floor(jobsDefault() / 2)), // each file runs servers, cameras and vision processes of its own
  fileTimeoutMs: Number(process.env['FILE_TIMEOUT_MS'] ?? 300_000),
}));
