import { GraphBuilder } from '../../src/inference/graph/graph-builder.ts';
import type { Value } from '../../src/inference/graph/graph-builder.ts';
import { serializeModel } from '../../src/inference/graph/model-file.ts';
import { openSession } from '../../src/inference/session.ts';
import type { Session } from '../../src/inference/session.ts';

/** Fails the test when a warning comes where none is expected. */
export function noWarning(fields: object, message: string): never {
  throw new Error(`unexpected warning: ${message} ${JSON.stringify(fields)}`);
}

/** A session over a graph of one input `x` and one output `y`, written by `write`. */
export async function openGraph(dims: readonly (number | string)[], write: (graph: GraphBuilder, x: Value) => Value): Promise<Session> {
  const graph = new GraphBuilder('test');
  const y = write(graph, graph.input('x', 'float32', dims));
  graph.output(y, 'y', 'float32', ['n']);
  return openSession(serializeModel(graph.build()), { providers: ['cpu'], warn: noWarning });
}

/** A network of YOLOX's form that ignores its picture: its rows `[cells, 5 + classes]` are `rows`, plus the picture's mean times zero. */
export function fakeYolox(size: { readonly width: number; readonly height: number; readonly classes: number }, rows: Float32Array, options: { readonly opset?: number; readonly decoded?: boolean } = {}): Uint8Array {
  const graph = new GraphBuilder('network', options.opset ?? 11);
  const images = graph.input('images', 'float32', [1, 3, size.height, size.width]);
  const columns = 5 + size.classes;
  const nothing = graph.op('Mul', [graph.op('ReduceMean', [images], { keepdims: 0 }), graph.float(0)]);
  let out = graph.op('Add', [graph.floats(rows, [1, rows.length / columns, columns]), nothing]);
  if (options.decoded === true) out = graph.op('Exp', [out]);
  graph.output(out, 'output', 'float32', [1, rows.length / columns, columns]);
  return serializeModel(graph.build());
}

/** xorshift32: uniform numbers in [0, 1), the same for the same seed. */
export function seeded(seed: number): () => number {
  let x = seed >>> 0 || 1;
  return () => {
    x ^= x << 13; x ^= x >>> 17; x ^= x << 5;
    x >>>= 0;
    return x / 2 ** 32;
  };
}
