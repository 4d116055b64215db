import { PlatformError } from '../engine/errors.ts';
import { GraphBuilder } from './graph/graph-builder.ts';
import { serializeModel } from './graph/model-file.ts';
import { openSession } from './session.ts';

/** `Sub` or `Add`, byte by byte, modulo 256: each undoes the other. */
export type ByteOperation = 'Sub' | 'Add';

/** One operation on two lists of bytes, as a graph of one node: pixels are touched outside of JavaScript. */
export interface ByteArithmetic {
  /**
   * `left ∘ right`; a new list. Blocks the thread for some 0.3 ms per 500 KB.
   * @throws PlatformError INFERENCE_FAILED when the lists differ in length, or after `close`
   */
  run(left: Uint8Array, right: Uint8Array): Promise<Uint8Array>;
  /** Idempotent. */
  close(): Promise<void>;
}

/** @throws PlatformError PROVIDER_UNAVAILABLE when onnxruntime does not load */
export async function openByteArithmetic(operation: ByteOperation): Promise<ByteArithmetic> {
  const graph = new GraphBuilder('byte-arithmetic');
  const [left, right] = [graph.input('left', 'uint8', ['n']), graph.input('right', 'uint8', ['n'])];
  graph.output(graph.op(operation, [left, right]), 'result', 'uint8', ['n']);
  const session = await openSession(serializeModel(graph.build()), { providers: ['cpu'], warn: () => { /* the processor always starts */ } });
  return {
    async run(a, b) {
      if (a.byteLength !== b.byteLength) throw new PlatformError('INFERENCE_FAILED', `${a.byteLength} and ${b.byteLength} bytes have no ${operation === 'Sub' ? 'difference' : 'sum'}`);
      const { result } = await session.run({ left: session.tensor('uint8', a, [a.byteLength]), right: session.tensor('uint8', b, [b.byteLength]) });
      if (!(result?.data instanceof Uint8Array)) throw new PlatformError('INFERENCE_FAILED', 'byte arithmetic gave no bytes');
      return result.data;
    },
    close: () => session.close(),
  };
}
