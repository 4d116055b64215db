import * as ort from 'onnxruntime-node';
import type { Runtime } from '../../src/inference/session.ts';

/** A runtime whose GPU providers start, or do not, as the test says. What starts computes on the processor, so that results are real. */
export class FakeRuntime implements Runtime {
  readonly Tensor = ort.Tensor;
  readonly InferenceSession: Runtime['InferenceSession'];
  /** Providers of each session that was asked for, in the order they were. */
  readonly asked: (readonly string[])[] = [];
  /** Texts of the errors that the next runs fail with, one each. */
  readonly runErrors: string[] = [];
  /** Sessions that were released. */
  released = 0;

  /** @param failures why a provider does not start; those left out do */
  constructor(failures: Readonly<Record<string, string>> = {}) {
    this.InferenceSession = {
      create: async (model, options) => {
        const names = (options.executionProviders ?? []).map(provider => (typeof provider === 'string' ? provider : provider.name));
        this.asked.push(names);
        for (const name of names) if (failures[name] !== undefined) throw new Error(failures[name]);
        const session = await ort.InferenceSession.create(model, { ...options, executionProviders: ['cpu'] });
        return {
          inputNames: session.inputNames, outputNames: session.outputNames,
          run: async (feeds: ort.InferenceSession.FeedsType) => {
            const text = this.runErrors.shift();
            if (text !== undefined) throw new Error(text);
            return session.run(feeds);
          },
          release: async () => { this.released += 1; await session.release(); },
        };
      },
    };
  }

  listSupportedBackends(): ReturnType<Runtime['listSupportedBackends']> {
    return ['cpu', 'webgpu', 'cuda', 'tensorrt'].map(name => ({ name, bundled: name === 'cpu' }));
  }
}

/** What onnxruntime 1.30 says where its CUDA library was not fetched. */
export const NO_LIBRARY = 'OrtSessionOptionsAppendExecutionProvider_Cuda: Failed to load shared library';
