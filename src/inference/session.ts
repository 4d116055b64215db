import type { InferenceSession, Tensor as OrtTensor } from 'onnxruntime-node';
import { PlatformError } from '../engine/errors.ts';
import type { Facts } from '../engine/errors.ts';

/** A tensor on its way into or out of a session: `type`, `dims`, `data`, row-major. */
export type Tensor = OrtTensor;

/** Where recovered trouble is told: fields, then a constant sentence. */
export type Warn = (fields: Facts, message: string) => void;

/** What a model is loaded with. */
export interface LoadContext {
  /** Told once when another provider than the first of the list runs the model: what was wanted, what is used, and why. */
  readonly warn: Warn;
  /** What runs the models. @default onnxruntime-node, loaded at the first use */
  readonly runtime?: Runtime | undefined;
}

/** How a session is opened. */
export interface SessionOptions extends LoadContext {
  /** Execution providers, best first. Only these are used: without `cpu` in the list nothing falls back to the processor. */
  readonly providers: readonly string[];
}

/** A loaded graph on one execution provider. `run` blocks the calling thread for the whole inference (onnxruntime-node 1.30). */
export interface Session {
  readonly provider: string;
  readonly inputNames: readonly string[];
  readonly outputNames: readonly string[];
  /** Makes an input; borrows `data` until the run that uses it has ended. */
  tensor(type: 'float32' | 'uint8' | 'uint16', data: Float32Array | Uint8Array | Uint16Array, dims: readonly number[]): Tensor;
  /**
   * @throws PlatformError INFERENCE_FAILED when the graph fails, an input has the wrong shape, or the session is closed; DEVICE_FAILED when the GPU does (facts
   * `provider`, `trouble`): nothing of this process can use it any more
   */
  run(feeds: Readonly<Record<string, Tensor>>): Promise<Readonly<Record<string, Tensor>>>;
  /** Waits for runs in flight, then frees the native memory. Idempotent. */
  close(): Promise<void>;
}

/** What is used of onnxruntime-node. */
export type Runtime = Pick<typeof import('onnxruntime-node'), 'listSupportedBackends' | 'Tensor'> & {
  readonly InferenceSession: { create(model: Uint8Array, options: InferenceSession.SessionOptions): Promise<Pick<InferenceSession, 'inputNames' | 'outputNames' | 'run' | 'release'>> };
};

type NativeModel = Awaited<ReturnType<Runtime['InferenceSession']['create']>>;

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

/** TensorRT leaves operators it lacks to the providers after it: better the same card than the processor. */
const ASKED_TOGETHER: Readonly<Record<string, readonly string[]>> = { tensorrt: ['tensorrt', 'cuda'] };

/**
 * One thread and no spinning: two spinning threads burn 88 % of a processor at 30 fps; processes are the unit of parallelism. The device is always the first:
 * which one that is, `CUDA_VISIBLE_DEVICES` of the process says. The binding hands no other option to a GPU provider; TensorRT takes them as `ORT_TENSORRT_*`.
 */
function nativeOptions(provider: string): InferenceSession.SessionOptions {
  return {
    executionProviders: [...ASKED_TOGETHER[provider] ?? [provider]], intraOpNumThreads: 1, interOpNumThreads: 1, executionMode: 'sequential',
    graphOptimizationLevel: 'all', logSeverityLevel: 4,
    extra: { session: { intra_op: { allow_spinning: '0' }, inter_op: { allow_spinning: '0' }, set_denormal_as_zero: '1' } },
  };
}

/** Compiled in everywhere, but its Vulkan layer writes to stderr whatever the log level, and no detector was ever run on it. */
const NOT_OFFERED: readonly string[] = ['webgpu'];

/** Names of the execution providers that can be asked for in this build; whether one starts is another question. */
export async function knownProviders(runtime?: Runtime): Promise<readonly string[]> {
  return namesOf(runtime ?? await loadRuntime());
}

function namesOf(runtime: Runtime): readonly string[] {
  return runtime.listSupportedBackends().map((backend) => backend.name).filter((name) => !NOT_OFFERED.includes(name));
}

/**
 * Loads a model on the first provider of the list that takes it: onnxruntime itself does not fall back.
 * @throws PlatformError PLUGIN_UNKNOWN for a provider this build does not know; PROVIDER_UNAVAILABLE when none of the list starts (fact `reason`);
 * MODEL_INVALID when the model loads on none, the processor included
 */
export async function openSession(model: Uint8Array, options: SessionOptions): Promise<Session> {
  const { providers, warn } = options;
  const runtime = options.runtime ?? await loadRuntime();
  const known = namesOf(runtime);
  for (const provider of providers) {
    if (!known.includes(provider)) throw new PlatformError('PLUGIN_UNKNOWN', `unknown execution provider '${provider}' (known: ${known.join(', ')})`, { provider });
  }
  const [wanted] = providers;
  if (wanted === undefined) throw new PlatformError('PROVIDER_UNAVAILABLE', `no execution provider is named (known: ${known.join(', ')})`);
  const reasons: string[] = [];
  for (const provider of providers) {
    try {
      const native = await runtime.InferenceSession.create(model, nativeOptions(provider));
      if (provider !== wanted) warn({ wanted, used: provider, reason: reasons.join('; ') }, 'model runs on another execution provider than wanted');
      return new NativeSession(runtime, native, provider);
    } catch (error) {
      if (provider === 'cpu') throw modelInvalid(error); // the processor always starts: the model is to blame
      reasons.push(`${provider}: ${reasonOf(error)}`);
    }
  }
  await runtime.InferenceSession.create(model, nativeOptions('cpu')).then((session) => session.release(), (error: unknown) => { throw modelInvalid(error); });
  const reason = reasons.join('; ');
  throw new PlatformError('PROVIDER_UNAVAILABLE', `no wanted execution provider starts here (${reason})`, { wanted: providers.join(', '), reason });
}

class NativeSession implements Session {
  readonly provider: string;
  readonly inputNames: readonly string[];
  readonly outputNames: readonly string[];
  readonly #runtime: Runtime;
  readonly #native: NativeModel;
  readonly #running = new Set<Promise<unknown>>();
  #closed: Promise<void> | undefined;

  constructor(runtime: Runtime, native: NativeModel, provider: string) {
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
      throw this.#failure(error);
    } finally {
      this.#running.delete(running);
    }
  }

  #failure(error: unknown): PlatformError {
    const { provider } = this;
    const trouble = provider === 'cpu' ? undefined : deviceTroubleOf(error);
    if (trouble === undefined) return new PlatformError('INFERENCE_FAILED', `inference on '${provider}' failed: ${reasonOf(error)}`, { provider }, error);
    return new PlatformError('DEVICE_FAILED', `the device of '${provider}' ${DEVICE_TROUBLE[trouble].says}: ${reasonOf(error)}`, { provider, trouble }, error);
  }

  close(): Promise<void> {
    this.#closed ??= Promise.allSettled(this.#running).then(() => this.#native.release());
    return this.#closed;
  }
}

/** How a device fails, by what its libraries write. The order matters: an allocation that fails is told as a failure of CUDA too. */
const DEVICE_TROUBLE = {
  'out-of-memory': { says: 'has no memory left', pattern: /out of memory|failed to allocate memory|ALLOC_FAILED|bad_alloc/i },
  lost: { says: 'is lost', pattern: /device[- ]?lost|no CUDA-capable device|device unavailable|devices? .*busy|fallen off the bus|illegal (memory access|instruction)|unspecified launch failure|uncorrectable ECC|driver shutting down/i },
  failed: { says: 'failed', pattern: /\b(CUDA|CUDNN|CUBLAS|CURAND|CUFFT|TensorRT)\b/i },
} as const satisfies Record<string, { readonly says: string; readonly pattern: RegExp }>;

function deviceTroubleOf(error: unknown): keyof typeof DEVICE_TROUBLE | undefined {
  const text = error instanceof Error ? error.message : String(error);
  return (Object.keys(DEVICE_TROUBLE) as (keyof typeof DEVICE_TROUBLE)[]).find((trouble) => DEVICE_TROUBLE[trouble].pattern.test(text)); // the keys of that object
}

function modelInvalid(error: unknown): PlatformError {
  return new PlatformError('MODEL_INVALID', `onnxruntime refuses the model: ${reasonOf(error)}`, {}, error);
}

/** The first line of a native error, without the source path that onnxruntime puts before it. */
function reasonOf(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return (text.split('\n')[0] ?? text).replace(/^.*\bonnxruntime::[^)]*\)\s*/, '').slice(0, 300);
}
