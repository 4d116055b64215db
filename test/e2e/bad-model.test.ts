import { renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { GraphBuilder } from '../../src/inference/graph/graph-builder.ts';
import type { Value } from '../../src/inference/graph/graph-builder.ts';
import { serializeModel } from '../../src/inference/graph/model-file.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { until, VtoRun } from '../support/vto-run.ts';

const SIDE = 32;
const GIB = 2 ** 30;

/** A detector that finds one box in every picture, after it has done something with a number that is always 0. */
function detector(work: (graph: GraphBuilder, zero: Value) => Value): Uint8Array {
  const graph = new GraphBuilder('detector');
  const picture = graph.input('picture', 'uint8', [1, SIDE, SIDE, 3]);
  const zero = graph.op('Mul', [graph.op('ReduceMean', [graph.cast(picture, 'float32')], { keepdims: 0 }), graph.float(0)]);
  graph.output(graph.op('Add', [graph.floats([0, 0, 0.9, 1, 1, 9, 9], [1, 7]), work(graph, zero)]), 'detections', 'float32', ['found', 7]);
  return serializeModel(graph.build());
}

const good = detector((_graph, zero) => zero);

/** Asks for so much memory, by a size that is known only when it runs, and fills it. */
const greedy = detector((graph, zero) => {
  const size = graph.op('Add', [graph.cast(graph.reshape(zero, [1]), 'int64'), graph.ints([8 * GIB / 4])]);
  return graph.op('ReduceMax', [graph.op('ConstantOfShape', [size])], { keepdims: 0 });
});

interface Readiness { readonly ready: boolean; readonly reasons: readonly string[]; readonly tree: { readonly children: readonly { readonly name: string; readonly lastError?: { readonly code: string; readonly message: string } }[] } }

test('a model that kills its vision process takes nothing else with it, is named by /readyz, and is left behind once the file is put right', async () => {
  const folder = temporaryFolder();
  const model = join(folder, 'detector.onnx');
  const put = (bytes: Uint8Array): void => {
    writeFileSync(`${model}.new`, bytes);
    renameSync(`${model}.new`, model);
  };
  put(greedy);
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

    put(good);
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
