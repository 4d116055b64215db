import type { InferenceSession, Tensor as OrtTensor } from 'onnxruntime-node';
import { PlatformError } from '../engine/errors.ts';
import type { Facts } from '../engine/errors.ts';

/** A tensor on its way into or out of a session: `type`, `dims`, `data`, row-major. */
export type Tensor = OrtTensor;

/** Where recovered trouble is told: fields, then a constant sentence. */
export type Warn = (fields: Facts, message: string) => void;

/** How a session is opened. */
export interface SessionOptions {
  /** Execution providers, best first. Only these are used: without `cpu` in the list nothing falls back to the processor. */
  readonly providers: readonly string[];
  /** Which of several GPUs: 0 is the first. @default 0 */
  readonly device?: number | undefined;
  /** Told once for every provider that was wanted and did not start. */
  readonly warn: Warn;
}

/** A loaded graph on one execution provider. `run` blocks the calling thread for the whole inference (onnxruntime-node 1.30). */
export interface Session {
  readonly provider: string;
  readonly inputNames: readonly string[];
  readonly outputNames: readonly string[];
  /** Makes an input; borrows `data` until the run that uses it has ended. */
  tensor(type: 'float32' | 'uint8' | 'uint16', data: Float32Array | Uint8Array | Uint16Array, dims: readonly number[]): Tensor;
  /** @throws PlatformError INFERENCE_FAILED when the graph fails, an input has the wrong shape, or the session is closed */
  run(feeds: Readonly<Record<string, Tensor>>): Promise<Readonly<Record<string, Tensor>>>;
  /** Waits for runs in flight, then frees the native memory. Idempotent. */
  close(): Promise<void>;
}

type Runtime = typeof import('onnxruntime-node');

/** Loaded on first use, so that processes that never infer do not map 40 MB of native code. */
async function loadRuntime(): Promise<Runtime> {
  try {
    const runtime = await import('onnxruntime-node');
    runtime.env.logLevel = 'fatal'; // it prints every missing provider library in red otherwise
    return runtime;
  } catch (error) {
    throw new PlatformError('PROVIDER_UNAVAILABLE', `onnxruntime-node does not load on ${process.platform}/${process.arch}: ${reasonOf(error)}`, {}, error);
  }
}

/** One thread and no spinning: two spinning threads burn 88 % of a processor at 30 fps; processes are the unit of parallelism. */
function nativeOptions(provider: string, device = 0): InferenceSession.SessionOptions {
  return {
    executionProviders: [provider === 'cuda' ? { name: provider, deviceId: device } : provider], intraOpNumThreads: 1, interOpNumThreads: 1, executionMode: 'sequential',
    graphOptimizationLevel: 'all', logSeverityLevel: 4,
    extra: { session: { intra_op: { allow_spinning: '0' }, inter_op: { allow_spinning: '0' }, set_denormal_as_zero: '1' } },
  };
}

/** Compiled in everywhere, but its Vulkan layer writes to stderr whatever the log level, and no detector was ever run on it. */
const NOT_OFFERED: readonly string[] = ['webgpu'];

/** Names of the execution providers that can be asked for in this build; whether one starts is another question. */
export async function knownProviders(): Promise<readonly string[]> {
  return namesOf(await loadRuntime());
}

function namesOf(runtime: Runtime): readonly string[] {
  return runtime.listSupportedBackends().map((backend) => backend.name).filter((name) => !NOT_OFFERED.includes(name));
}

/**
 * Loads a model on the first provider of the list that takes it.
 * @throws PlatformError PLUGIN_UNKNOWN for a provider this build does not know; PROVIDER_UNAVAILABLE when none of the list starts;
 * MODEL_INVALID when the model loads on none, the processor included
 */
export async function openSession(model: Uint8Array, options: SessionOptions): Promise<Session> {
  const runtime = await loadRuntime();
  const known = namesOf(runtime);
  for (const provider of options.providers) {
    if (!known.includes(provider)) throw new PlatformError('PLUGIN_UNKNOWN', `unknown execution provider '${provider}' (known: ${known.join(', ')})`, { provider });
  }
  if (options.providers.length === 0) throw new PlatformError('PROVIDER_UNAVAILABLE', `no execution provider is named (known: ${known.join(', ')})`);
  const reasons: string[] = [];
  for (const provider of options.providers) {
    try {
      return new NativeSession(runtime, await runtime.InferenceSession.create(model, nativeOptions(provider, options.device)), provider);
    } catch (error) {
      if (provider === 'cpu') throw modelInvalid(error); // the processor always starts: the model is to blame
      reasons.push(`${provider}: ${reasonOf(error)}`);
      options.warn({ provider, reason: reasonOf(error) }, 'execution provider did not start');
    }
  }
  await runtime.InferenceSession.create(model, nativeOptions('cpu')).then((session) => session.release(), (error: unknown) => { throw modelInvalid(error); });
  throw new PlatformError('PROVIDER_UNAVAILABLE', `no wanted execution provider starts here (${reasons.join('; ')})`, { wanted: options.providers.join(', ') });
}

class NativeSession implements Session {
  readonly provider: string;
  readonly inputNames: readonly string[];
  readonly outputNames: readonly string[];
  readonly #runtime: Runtime;
  readonly #native: InferenceSession;
  readonly #running = new Set<Promise<unknown>>();
  #closed: Promise<void> | undefined;

  constructor(runtime: Runtime, native: InferenceSession, provider: string) {
    this.#runtime = runtime;
    this.#native = native;
    this.provider = provider;
    this.inputNames = native.inputNames;
    this.outputNames = native.outputNames;
  }

  tensor(type: 'float32' | 'uint8' | 'uint16', data: Float32Array | Uint8Array | Uint16Array, dims: readonly number[]): Tensor {
    try {
      return new this.#runtime.Tensor(type, data, dims);
    } catch (error) {
      throw new PlatformError('INFERENCE_FAILED', `${data.length} values do not fill a tensor of [${dims.join(', ')}]`, {}, error);
    }
  }

  async run(feeds: Readonly<Record<string, Tensor>>): Promise<Readonly<Record<string, Tensor>>> {
    if (this.#closed) throw new PlatformError('INFERENCE_FAILED', 'the session is closed');
    const running = this.#native.run(feeds);
    this.#running.add(running);
    try {
      return await running as Readonly<Record<string, Tensor>>; // only sequence and map models give anything else, and parseModel's graphs declare tensors
    } catch (error) {
      throw new PlatformError('INFERENCE_FAILED', `inference on '${this.provider}' failed: ${reasonOf(error)}`, { provider: this.provider }, error);
    } finally {
      this.#running.delete(running);
    }
  }

  close(): Promise<void> {
    this.#closed ??= Promise.allSettled(this.#running).then(() => this.#native.release());
    return this.#closed;
  }
}

function modelInvalid(error: unknown): PlatformError {
  return new PlatformError('MODEL_INVALID', `onnxruntime refuses the model: ${reasonOf(error)}`, {}, error);
}

/** The first line of a native error, without the source path that onnxruntime puts before it. */
function reasonOf(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return (text.split('\n')[0] ?? text).replace(/^.*\bonnxruntime::[^)]*\)\s*/, '').slice(0, 300);
}
