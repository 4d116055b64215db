import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { PlatformError } from '../../src/engine/errors.ts';
import { capabilities } from '../../src/inference/capabilities.ts';
import { GraphBuilder } from '../../src/inference/graph/graph-builder.ts';
import { serializeModel } from '../../src/inference/graph/model-file.ts';
import { knownProviders, openSession } from '../../src/inference/session.ts';
import { noWarning, openGraph } from '../support/small-models.ts';

async function codeOf(work: Promise<unknown>): Promise<string> {
  const error = await work.then(() => undefined, (thrown: unknown) => thrown);
  return error instanceof PlatformError ? `${error.code}: ${error.message}` : `no platform error: ${String(error)}`;
}

function square(): Uint8Array {
  const graph = new GraphBuilder('square');
  const x = graph.input('x', 'float32', [2]);
  graph.output(graph.op('Mul', [x, x]), 'y', 'float32', [2]);
  return serializeModel(graph.build());
}

test('an unknown provider is refused with the known ones, even beside one that works', async () => {
  assert.match(await codeOf(openSession(square(), { providers: ['cpu', 'cudaa'], warn: noWarning })), /^PLUGIN_UNKNOWN: unknown execution provider 'cudaa' \(known: cpu, .*cuda.*\)/);
  assert.match(await codeOf(openSession(square(), { providers: [], warn: noWarning })), /^PROVIDER_UNAVAILABLE: no execution provider is named/);
});

test('a provider that does not start gives one warning and the next is taken; without a next one the model is refused', async () => {
  const missing = (await capabilities()).find((row) => row.name === 'cuda' || row.name === 'tensorrt' ? !row.isAvailable : false);
  if (!missing) return; // a machine with all of them cannot show this
  const warnings: unknown[] = [];
  const session = await openSession(square(), { providers: [missing.name, 'cpu'], warn: (fields, message) => warnings.push([message, fields['provider']]) });
  assert.equal(warnings, [['execution provider did not start', missing.name]]);
  assert.is(session.provider, 'cpu');
  await session.close();
  assert.match(await codeOf(openSession(square(), { providers: [missing.name], warn: () => undefined })), /^PROVIDER_UNAVAILABLE: no wanted execution provider starts here/);
  assert.match(await codeOf(openSession(new Uint8Array(9), { providers: [missing.name], warn: () => undefined })), /^MODEL_INVALID/);
});

test('capabilities lists every known provider and proves the processor by a run', async () => {
  const found = await capabilities();
  assert.equal(found.map((row) => row.name), [...await knownProviders()]);
  assert.equal(found.find((row) => row.name === 'cpu'), { name: 'cpu', isAvailable: true, reason: '' });
  for (const row of found) assert.is(row.reason === '', row.isAvailable, row.name);
});

test('bytes that onnxruntime refuses are an invalid model', async () => {
  assert.match(await codeOf(openSession(new Uint8Array(20).fill(7), { providers: ['cpu'], warn: noWarning })), /^MODEL_INVALID: onnxruntime refuses the model/);
});

test('a wrong input is a failed inference and the session goes on', async () => {
  const session = await openGraph([2], (graph, x) => graph.op('Add', [x, x]));
  assert.throws(() => session.tensor('float32', new Float32Array(3), [2]), /3 values do not fill a tensor of \[2\]/);
  assert.match(await codeOf(session.run({})), /^INFERENCE_FAILED/);
  assert.match(await codeOf(session.run({ x: session.tensor('float32', new Float32Array(3), [3]) })), /^INFERENCE_FAILED/);
  const { y } = await session.run({ x: session.tensor('float32', Float32Array.of(1, 2), [2]) });
  assert.equal([...y!.data as Float32Array], [2, 4]);
  await session.close();
});

test('close waits for the runs in flight, frees once, and refuses later runs', async () => {
  const session = await openGraph([2], (graph, x) => graph.op('Add', [x, x]));
  const order: string[] = [];
  const feeds = { x: session.tensor('float32', Float32Array.of(1, 2), [2]) };
  const runs = [session.run(feeds), session.run(feeds)].map((run) => run.then(() => order.push('run')));
  const closed = session.close().then(() => order.push('closed'));
  assert.match(await codeOf(session.run(feeds)), /^INFERENCE_FAILED: the session is closed/);
  await Promise.all([...runs, closed, session.close()]);
  assert.equal(order, ['run', 'run', 'closed']);
});

test.run();
