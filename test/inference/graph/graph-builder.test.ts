import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { GraphBuilder } from '../../../src/inference/graph/graph-builder.ts';
import { describeModel, floatsOf, graphOf, parseModel, serializeModel } from '../../../src/inference/graph/model-file.ts';
import { openSession } from '../../../src/inference/session.ts';
import { noWarning, openGraph, seeded } from '../../support/small-models.ts';

const seed = Date.now() % 100000;
const random = seeded(seed);

test('a written graph reads back as it was declared', () => {
  const graph = new GraphBuilder('round-trip');
  const x = graph.input('x', 'float32', ['batch', 3]);
  const flags = graph.input('flags', 'bool', [1]);
  const sum = graph.op('Add', [x, graph.floats([1, 2, 3])]);
  graph.output(graph.op('Where', [flags, sum, x]), 'y', 'float32', ['batch', 3]);
  graph.output(graph.cast(graph.bytes([1, 2]), 'int64'), 'z', 'int64', [2]);
  graph.metadata('version', '1.2.3');
  const io = describeModel(parseModel(serializeModel(graph.build())));
  assert.equal(io.inputs, [{ name: 'x', type: 'float32', dims: ['batch', 3] }, { name: 'flags', type: 'bool', dims: [1] }]);
  assert.equal(io.outputs, [{ name: 'y', type: 'float32', dims: ['batch', 3] }, { name: 'z', type: 'int64', dims: [2] }]);
  assert.equal([...io.metadata], [['version', '1.2.3']]);
  assert.equal([io.opset, io.irVersion, io.producer], [18, 8, 'visutility']);
});

test('weights read back exactly even when the file is an unaligned view of a larger buffer', () => {
  const values = Float32Array.from({ length: 1000 }, () => random() * 2e6 - 1e6);
  const graph = new GraphBuilder('weights');
  graph.output(graph.op('Mul', [graph.input('x', 'float32', [1000]), graph.floats(values)]), 'y', 'float32', [1000]);
  const bytes = serializeModel(graph.build());
  const roomy = Buffer.alloc(bytes.length + 8);
  roomy.set(bytes, 3);
  const weight = graphOf(parseModel(roomy.subarray(3, 3 + bytes.length))).initializer[0]!;
  assert.equal(floatsOf(weight), values, `seed ${seed}`);
  weight.dims = [7n];
  assert.throws(() => floatsOf(weight), /no float32 tensor of 7 values/);
});

test('small constants of one value are stored once', () => {
  const graph = new GraphBuilder('shared');
  assert.is(graph.float(2), graph.float(2));
  assert.is.not(graph.float(2), graph.floats([2]));
  assert.is.not(graph.ints([1]), graph.ints([2]));
  assert.is.not(graph.bools([true]), graph.bytes([1]));
});

test('an emitted graph computes what plain JavaScript computes', async () => {
  const session = await openGraph([4, 6], (graph, x) => {
    const scaled = graph.op('LeakyRelu', [graph.op('Sub', [x, graph.float(0.5)])], { alpha: { float: 0.25 } });
    const part = graph.slice(graph.op('Transpose', [scaled], { perm: [1, 0] }), 0, 1, 5);
    return graph.reshape(graph.op('Softmax', [graph.op('Exp', [part])], { axis: 1 }), [-1]);
  });
  const input = Float32Array.from({ length: 24 }, () => random());
  const { y } = await session.run({ x: session.tensor('float32', input, [4, 6]) });
  const expected: number[] = [];
  for (let column = 1; column < 5; column++) {
    const exps = [0, 1, 2, 3].map((row) => {
      const value = input[row * 6 + column]! - 0.5;
      return Math.exp(Math.exp(value < 0 ? 0.25 * value : value));
    });
    const sum = exps.reduce((a, b) => a + b);
    expected.push(...exps.map((value) => value / sum));
  }
  const worst = Math.max(...expected.map((value, index) => Math.abs(value - Number(y!.data[index]))));
  assert.ok(worst < 1e-6, `float32 rounding only, but ${worst} (seed ${seed})`);
  await session.close();
});

test('a foreign model is inlined between our nodes though its names equal ours', async () => {
  const inner = new GraphBuilder('foreign', 11);
  inner.output(inner.op('Mul', [inner.input('x', 'float32', [2]), inner.floats([10, 20])]), 'y', 'float32', [2]);
  const foreign = parseModel(serializeModel(inner.build()));
  const before = serializeModel(foreign);

  const graph = new GraphBuilder('around', 11);
  const x = graph.input('x', 'float32', [2]);
  const first = graph.inline(foreign, 'a/', { x: graph.op('Mul', [x, graph.floats([2, 2])]) }).get('y')!;
  const second = graph.inline(foreign, 'b/', { x: first }).get('y')!;
  graph.output(graph.op('Add', [second, graph.floats([1, 1])]), 'y', 'float32', [2]);
  const session = await openSession(serializeModel(graph.build()), { providers: ['cpu'], warn: noWarning });
  const { y } = await session.run({ x: session.tensor('float32', Float32Array.of(1, 2), [2]) });
  assert.equal([...y!.data as Float32Array], [201, 1601]);
  assert.equal(serializeModel(foreign), before, 'the model handed in is left as it was');
  await session.close();
});

test('a foreign model of another operator set, or with an unbound input, is refused', () => {
  const inner = new GraphBuilder('foreign', 11);
  inner.output(inner.op('Abs', [inner.input('x', 'float32', [2])]), 'y', 'float32', [2]);
  const foreign = parseModel(serializeModel(inner.build()));
  assert.throws(() => new GraphBuilder('around', 18).inline(foreign, 'a/', {}), /written for operator set 11, the graph around it for 18/);
  assert.throws(() => new GraphBuilder('around', 11).inline(foreign, 'a/', {}), /input 'x' of the model is not bound/);
});

test('bytes that are no model are refused by name', () => {
  for (const bytes of [new Uint8Array(0), new TextEncoder().encode('not a model'), new Uint8Array(100).fill(255)]) {
    assert.throws(() => parseModel(bytes), (error: { code?: string }) => error.code === 'MODEL_INVALID');
  }
});

test.run();
