import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { PlatformError } from '../../src/engine/errors.ts';
import type { CameraId } from '../../src/engine/units.ts';
import { capabilities } from '../../src/inference/capabilities.ts';
import { GraphBuilder } from '../../src/inference/graph/graph-builder.ts';
import { serializeModel } from '../../src/inference/graph/model-file.ts';
import { loadDetector } from '../../src/inference/load-detector.ts';
import { knownProviders, openSession } from '../../src/inference/session.ts';
import { FakeRuntime, NO_LIBRARY } from '../support/fake-runtime.ts';
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

test('a provider that does not start gives way to the next, with one warning that says what was wanted, what is used and why', async () => {
  const warnings: unknown[] = [];
  const warn = (fields: object, message: string): void => { warnings.push([message, fields]); };
  const runtime = new FakeRuntime({ cuda: NO_LIBRARY });
  const session = await openSession(square(), { providers: ['tensorrt', 'cuda', 'cpu'], warn, runtime });
  assert.is(session.provider, 'cpu');
  assert.equal(warnings, [['model runs on another execution provider than wanted', { wanted: 'tensorrt', used: 'cpu', reason: `tensorrt: ${NO_LIBRARY}; cuda: ${NO_LIBRARY}` }]]);
  assert.equal(runtime.asked, [['tensorrt', 'cuda'], ['cuda'], ['cpu']], 'what TensorRT lacks runs on the same card');
  await session.close();
});

test('the first provider that starts runs the model, without a warning', async () => {
  const runtime = new FakeRuntime();
  const session = await openSession(square(), { providers: ['cuda', 'cpu'], warn: noWarning, runtime });
  assert.is(session.provider, 'cuda');
  assert.equal(runtime.asked, [['cuda']]);
  const { y } = await session.run({ x: session.tensor('float32', Float32Array.of(3, 4), [2]) });
  assert.equal([...y!.data as Float32Array], [9, 16]);
  await session.close();
  assert.is(runtime.released, 1);
});

test('where none of the list starts it is refused with the reasons; the processor is not taken unasked', async () => {
  const runtime = new FakeRuntime({ cuda: NO_LIBRARY });
  assert.match(await codeOf(openSession(square(), { providers: ['cuda'], warn: noWarning, runtime })), new RegExp(`^PROVIDER_UNAVAILABLE: no wanted execution provider starts here \\(cuda: ${NO_LIBRARY}\\)`));
  assert.match(await codeOf(openSession(new Uint8Array(9), { providers: ['cuda'], warn: noWarning, runtime })), /^MODEL_INVALID/);
});

test('the real runtime falls back too, where there is no GPU', async () => {
  const missing = (await capabilities()).find((row) => (row.name === 'cuda' || row.name === 'tensorrt') && !row.isAvailable);
  if (!missing) return; // a machine with all of them cannot show this
  let warnings = 0;
  const session = await openSession(square(), { providers: [missing.name, 'cpu'], warn: () => { warnings += 1; } });
  assert.equal([session.provider, warnings], ['cpu', 1]);
  await session.close();
});

test('a device that fails during a run is told from a graph that fails, with what is wrong', async () => {
  const runtime = new FakeRuntime();
  const session = await openSession(square(), { providers: ['cuda'], warn: noWarning, runtime });
  const feeds = { x: session.tensor('float32', Float32Array.of(1, 2), [2]) };
  const said: readonly (readonly [string, string, string])[] = [
    ['Non-zero status code returned while running Conv node. CUDA failure 2: out of memory ; GPU=0', 'DEVICE_FAILED', 'out-of-memory'],
    ['BFCArena::AllocateRawInternal Available memory of 0 is smaller than requested bytes of 4096; Failed to allocate memory for requested buffer', 'DEVICE_FAILED', 'out-of-memory'],
    ['CUDA failure 700: an illegal memory access was encountered ; GPU=0 ; expr=cudaStreamSynchronize', 'DEVICE_FAILED', 'lost'],
    ['CUDA failure 46: all CUDA-capable devices are busy or unavailable', 'DEVICE_FAILED', 'lost'],
    ['CUDNN failure 5000: CUDNN_STATUS_EXECUTION_FAILED', 'DEVICE_FAILED', 'failed'],
    ['TensorRT EP execution context enqueue failed.', 'DEVICE_FAILED', 'failed'],
    ['Got invalid dimensions for input: x for the following indices', 'INFERENCE_FAILED', ''],
  ];
  for (const [text, code, trouble] of said) {
    runtime.runErrors.push(text);
    const error = await session.run(feeds).then(() => undefined, (thrown: unknown) => thrown as PlatformError);
    assert.equal([error?.code, error?.facts['trouble'] ?? '', error?.facts['provider']], [code, trouble, 'cuda'], text);
  }
  await session.close();
});

test('the processor is never told to be a device that failed', async () => {
  const runtime = new FakeRuntime();
  const session = await openSession(square(), { providers: ['cpu'], warn: noWarning, runtime });
  runtime.runErrors.push('CUDA failure 2: out of memory');
  assert.match(await codeOf(session.run({})), /^INFERENCE_FAILED/);
  await session.close();
});

test('a detector records the provider that runs it, and a device that fails comes out by its own name', async () => {
  const runtime = new FakeRuntime({ tensorrt: 'no libnvinfer.so.10' });
  const warnings: unknown[] = [];
  const model = await loadDetector({ model: 'motion', family: 'auto', providers: ['tensorrt', 'cuda', 'cpu'], scoreMin: 0.3, iouMax: 0.5, labels: [] }, { warn: fields => warnings.push(fields), runtime });
  assert.is(model.provider, 'cuda');
  assert.is(warnings.length, 1);
  runtime.runErrors.push('CUDA failure 2: out of memory');
  const { width, height } = model.shape;
  const frame = { pixels: new Uint8Array(width * height * 3), width, height, scaleX: 1, scaleY: 1, padX: 0, padY: 0, sourceWidth: width, sourceHeight: height };
  assert.match(await codeOf(model.detect(frame, 'c' as CameraId)), /^DEVICE_FAILED: the device of 'cuda' has no memory left/);
  await model.close();
});

test('capabilities say why a provider does not start, in the words of the runtime', async () => {
  const found = await capabilities(new FakeRuntime({ cuda: NO_LIBRARY, tensorrt: 'libnvinfer.so.10: cannot open shared object file' }));
  assert.equal(found.map(({ name, isAvailable, reason }) => [name, isAvailable, reason]), [
    ['cpu', true, ''], ['cuda', false, NO_LIBRARY], ['tensorrt', false, 'libnvinfer.so.10: cannot open shared object file'],
  ]);
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
