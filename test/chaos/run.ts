// `npm run chaos [-- --minutes N] [--seed N]`: kills processes of a running platform at random moments and judges it from outside.
import { parseArgs } from 'node:util';
import { runChaos } from '../support/chaos.ts';

const { values } = parseArgs({ options: { minutes: { type: 'string', default: '10' }, seed: { type: 'string' } } });
await runChaos({ seed: Number(values.seed ?? Math.floor(Math.random() * 2 ** 32)), durationMs: Number(values.minutes) * 60_000 });
console.log('passed');
