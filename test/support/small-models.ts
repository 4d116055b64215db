import { GraphBuilder } from '../../src/inference/graph/graph-builder.ts';
import type { Value } from '../../src/inference/graph/graph-builder.ts';
import { serializeModel } from '../../src/inference/graph/model-file.ts';
import { fakeNetwork } from './fake-network.ts';
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

/** A network of YOLOX's form that ignores its picture: its rows `[cells, 5 + classes]` are `rows`; decoded ones went through an exponential. */
export function fakeYolox(size: { readonly width: number; readonly height: number; readonly classes: number }, rows: Float32Array, options: { readonly opset?: number; readonly decoded?: boolean } = {}): Uint8Array {
  const { width, height, classes } = size;
  const columns = 5 + classes;
  const cells = rows.length / columns;
  const turned = Float32Array.from({ length: rows.length }, (_, at) => rows[(at % cells) * columns + Math.floor(at / cells)] ?? 0);
  return fakeNetwork({ width, height, opset: options.opset ?? 11, outputs: [{
    name: 'output', dims: [columns, cells], declared: [cells, columns], values: turned, heads: [4, 1, classes],
    tail: (graph, value) => {
      const placed = graph.op('Transpose', [value], { perm: [0, 2, 1] });
      return options.decoded === true ? graph.op('Exp', [placed]) : placed;
    },
  }] });
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
