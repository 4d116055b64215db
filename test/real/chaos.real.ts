import { test } from 'uvu';
import { runChaos } from '../support/chaos.ts';

test('the ledger survives a minute of random kills', () => runChaos({ seed: Number(process.env['SEED'] ?? Math.floor(Math.random() * 2 ** 32)), durationMs: 75_000 }));

test.run();
