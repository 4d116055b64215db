// `npm run test:real [-- filter]`: tests against real programs, devices' protocols and data. With CI=true nothing may be skipped.
import { fileURLToPath } from 'node:url';
import { installCounterparts } from './real/install.ts';
import { startSharedBrokers } from './support/kafka/shared-brokers.ts';
import { conclude, endFilesOnSignals, jobsDefault, runFiles } from './support/runner.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const isCi = process.env['CI'] === 'true';
endFilesOnSignals();
await installCounterparts(isCi);
const [pattern, filter] = ['test/real/**/*.real.ts', process.argv[2]];
const brokers = await startSharedBrokers(root, pattern, filter);
const counts = await runFiles({
  root, pattern, filter, areSkipsFailures: isCi, env: brokers.env,
  jobs: Math.max(1, Math.floor(jobsDefault() / 2)), // each file runs servers, cameras and vision processes of its own
  fileTimeoutMs: Number(process.env['FILE_TIMEOUT_MS'] ?? 480_000),
});
await brokers.close();
conclude(counts);
