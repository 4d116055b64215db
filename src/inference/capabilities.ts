import { PlatformError } from '../engine/errors.ts';
import { GraphBuilder } from './graph/graph-builder.ts';
import { serializeModel } from './graph/model-file.ts';
import { knownProviders, openSession } from './session.ts';
import type { Runtime } from './session.ts';

/** Whether one execution provider can be used on this machine. */
export interface ProviderCapability {
  readonly name: string;
  /** True when a graph of one node ran on it just now. */
  readonly isAvailable: boolean;
  /** Why not; empty when available. */
  readonly reason: string;
}

/**
 * Which execution providers the build knows and which of them really start here. Quiet; takes some 10 ms each.
 * @throws PlatformError PROVIDER_UNAVAILABLE when onnxruntime itself does not load
 */
export async function capabilities(runtime?: Runtime): Promise<readonly ProviderCapability[]> {
  const model = probeModel();
  const found: ProviderCapability[] = [];
  for (const name of await knownProviders(runtime)) found.push(await probe(name, model, runtime));
  return found;
}

async function probe(name: string, model: Uint8Array, runtime: Runtime | undefined): Promise<ProviderCapability> {
  try {
    const session = await openSession(model, { providers: [name], warn: () => { /* nothing to fall back to */ }, runtime });
    await session.run({ x: session.tensor('float32', new Float32Array([2]), [1]) });
    await session.close();
    return { name, isAvailable: true, reason: '' };
  } catch (error) {
    if (!(error instanceof PlatformError)) throw error;
    return { name, isAvailable: false, reason: String(error.facts['reason'] ?? error.message).replace(`${name}: `, '') };
  }
}

function probeModel(): Uint8Array {
  const graph = new GraphBuilder('probe');
  const x = graph.input('x', 'float32', [1]);
  graph.output(graph.op('Mul', [x, x]), 'y', 'float32', [1]);
  return serializeModel(graph.build());
}
