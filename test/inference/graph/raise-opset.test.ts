import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { GraphBuilder } from '../../../src/inference/graph/graph-builder.ts';
import type { Value } from '../../../src/inference/graph/graph-builder.ts';
import { describeModel, serializeModel } from '../../../src/inference/graph/model-file.ts';
import { OPSET_MIN, raiseOpset } from '../../../src/inference/graph/raise-opset.ts';
import { openSession } from '../../../src/inference/session.ts';
import { noWarning } from '../../support/small-models.ts';

/** Nodes as operator set 9 writes them. */
const NODES: Readonly<Record<string, (graph: GraphBuilder, x: Value) => Value>> = {
  'Slice of two axes': (graph, x) => graph.op('Slice', [x], { starts: [1, 0], ends: [3, -1], axes: [2, 3] }),
  'Slice of the first axes': (graph, x) => graph.op('Slice', [x], { starts: [0, 0, 1], ends: [1, 1, 9] }),
  'Clip to both ends': (graph, x) => graph.op('Clip', [x], { min: { float: 3 }, max: { float: 9 } }),
  'Clip to one end': (graph, x) => graph.op('Clip', [x], { max: { float: 9 } }),
  Pad: (graph, x) => graph.op('Pad', [x], { pads: [0, 0, 1, 2, 0, 0, 0, 1], value: { float: 7 } }),
  TopK: (graph, x) => graph.ops('TopK', [x], { axis: 3, k: 2 }, 2)[0]!,
  Upsample: (graph, x) => graph.op('Upsample', [x, graph.floats([1, 1, 2, 2])], { mode: 'nearest' }),
  'linear Upsample': (graph, x) => graph.op('Upsample', [x, graph.floats([1, 1, 2, 2])], { mode: 'linear' }),
};

/** The same of operator sets 7 and 10. */
const OTHERS: Readonly<Record<string, readonly [number, (graph: GraphBuilder, x: Value) => Value]>> = {
  'Upsample of operator set 7': [7, (graph, x) => graph.op('Upsample', [x], { mode: 'nearest', scales: { floats: [1, 1, 2, 3] } })],
  'Slice of operator set 10': [10, (graph, x) => graph.op('Slice', [x, graph.ints([1]), graph.ints([4]), graph.ints([2]), graph.ints([2])])],
  'Resize of operator set 10': [10, (graph, x) => graph.op('Resize', [x, graph.floats([1, 1, 2, 0.5])], { mode: 'nearest' })],
  'linear Resize of operator set 10': [10, (graph, x) => graph.op('Resize', [x, graph.floats([1, 1, 2, 2])], { mode: 'linear' })],
  'TopK of operator set 10': [10, (graph, x) => graph.ops('TopK', [x, graph.ints([3])], { axis: 2 }, 2)[0]!],
};

/** Runs the old node as it is and raised. */
for (const [name, [opset, write]] of [...Object.entries(NODES).map(([key, node]) => [key, [9, node]] as const), ...Object.entries(OTHERS)]) {
  test(`${name}: the raised node gives what onnxruntime gives for the old one`, async () => {
    const graph = new GraphBuilder('old', opset);
    graph.output(write(graph, graph.input('x', 'float32', [1, 1, 4, 4])), 'y', 'float32', ['a', 'b', 'c', 'd']);
    const old = graph.build();
    const raised = raiseOpset(old);
    assert.equal([describeModel(old).opset, describeModel(raised).opset], [opset, OPSET_MIN]);
    const results: unknown[] = [];
    for (const model of [old, raised]) {
      const session = await openSession(serializeModel(model), { providers: ['cpu'], warn: noWarning });
      const { y } = await session.run({ x: session.tensor('float32', Float32Array.from({ length: 16 }, (_, at) => at * 0.7 + (at % 3)), [1, 1, 4, 4]) });
      results.push([y!.dims, [...y!.data as Float32Array]]);
      await session.close();
    }
    assert.equal(results[1], results[0]);
  });
}

test('a model of operator set 11 or later is returned as it is', () => {
  const graph = new GraphBuilder('new', 13);
  graph.output(graph.op('Relu', [graph.input('x', 'float32', [1])]), 'y', 'float32', [1]);
  const model = graph.build();
  assert.is(raiseOpset(model), model);
});

test.run();
