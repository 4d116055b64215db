import { renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { greedyModel, idleModel } from '../support/model-corpus.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { until, VtoRun } from '../support/vto-run.ts';

interface Readiness { readonly ready: boolean; readonly reasons: readonly string[]; readonly tree: { readonly children: readonly { readonly name: string; readonly lastError?: { readonly code: string; readonly message: string } }[] } }

test('a model that kills its vision process takes nothing else with it, is named by /readyz, and is left behind once the file is put right', async () => {
  const folder = temporaryFolder();
  const model = join(folder, 'detector.onnx');
  const put = (bytes: Uint8Array): void => {
    writeFileSync(`${model}.new`, bytes);
    renameSync(`${model}.new`, model);
  };
  put(greedyModel(8 * 2 ** 30));
  const run = await VtoRun.start({
    data: join(folder, 'data'), cameras: { gate: 'synthetic://street?size=160x120&fps=5' }, args: ['--model', model], env: { VTO__VISION__MAX_MEMORY_BYTES: '1GiB' },
  });
  try {
    const readiness = (): Promise<Readiness | undefined> => run.get<Readiness>('/readyz');
    const saying = (code: string, says: RegExp): Promise<true> => until(async () => {
      const seen = await readiness();
      const error = seen?.tree.children.find(({ name }) => name === 'vision-0')?.lastError;
      return seen?.ready === false && seen.reasons.includes('process vision-0 is not ready') && error?.code === code && says.test(error.message);
    }, `/readyz says ${code}`, 60_000);
    const counts = async (): Promise<{ received: number; detected: number }> => (await run.cameras())[0]?.counts ?? { received: 0, detected: 0 };

    await saying('PROCESS_EXITED', /process vision-0 .* ended: signal SIGKILL, and said last: memory limit passed: \d+ MiB in use, 1024 MiB allowed/);
    put(Buffer.from('no model at all'));
    await saying('MODEL_INVALID', /not a whole ONNX file of 15 bytes/);
    const before = await counts();
    assert.is(before.detected, 0);
    await until(async () => (await counts()).received > before.received, 'recording goes on meanwhile', 60_000);
    assert.is((await run.get<{ status: string }>('/healthz'))?.status, 'alive');

    put(idleModel());
    await until(async () => (await readiness())?.ready, 'ready once the model is put right', 60_000);
    await until(async () => (await counts()).detected > 0, 'and frames are detected on', 60_000);
    assert.is((await run.stop()).code, 0);
  } catch (error) {
    console.log(run.output.slice(-5000));
    throw error;
  } finally {
    run.killAll();
  }
});

test.run();
