import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { convNet } from '../../bench/gpu/conv-net.ts';
import { openSession } from '../../src/inference/session.ts';
import { noWarning } from '../support/small-models.ts';

const RUN = fileURLToPath(new URL('../../bench/gpu/run.ts', import.meta.url));

function bench(...args: readonly string[]) {
  return spawnSync(process.execPath, ['--disable-warning=ExperimentalWarning', RUN, ...args], { encoding: 'utf8', timeout: 100_000 });
}

test('the network gives every picture of a batch one box of its own', async () => {
  const { model, gflop } = convNet({ size: 64, gflop: 0.05 });
  assert.ok(Math.abs(gflop - 0.05) < 0.02, `${gflop} GFLOP`);
  const session = await openSession(model, { providers: ['cpu'], warn: noWarning });
  const { boxes } = await session.run({ frame: session.tensor('uint8', new Uint8Array(3 * 64 * 64 * 3).fill(90), [3, 64, 64, 3]) });
  assert.equal(boxes?.dims, [3, 7]);
  assert.equal([0, 7, 14].map(at => boxes?.data[at]), [0, 1, 2]);
  await session.close();
});

test('the bench for GPUs runs from end to end, on the processor', () => {
  const { status, stdout, stderr } = bench('--quick', '--provider', 'cpu', '--size', '96');
  assert.is(status, 0, stderr);
  assert.match(stdout, /onnxruntime alone, batch 1: [\d.]+ frames\/s/);
  assert.match(stdout, /pipeline ÷ onnxruntime's own loop at its best batch \(\d+\): \d+\.\d{3} of/);
});

test('what does not start or is unknown ends it with the reason', () => {
  assert.match(bench('--provider', 'cudaa').stdout, /provider 'cudaa' does not start here: unknown/);
  assert.is(bench('--decoder', 'gpu').status, 2);
});

test.run();
