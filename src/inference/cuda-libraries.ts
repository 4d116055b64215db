import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

/** Where onnxruntime-node keeps what its CUDA and TensorRT providers are made of, and what fetches it. */
export interface CudaLibraries {
  /** The package's own install script. */
  readonly script: string;
  readonly folder: string;
  /** Paths of the libraries. */
  readonly files: readonly string[];
  /** Those of them that are not there. */
  missing(): readonly string[];
}

/** Where the CUDA libraries of the installed onnxruntime-node belong. Loads none of them. */
export function cudaLibraries(): CudaLibraries {
  const root = dirname(createRequire(import.meta.url).resolve('onnxruntime-node/package.json'));
  const folder = join(root, 'bin', 'napi-v6', 'linux', 'x64');
  const files = ['shared', 'cuda', 'tensorrt'].map((name) => join(folder, `libonnxruntime_providers_${name}.so`));
  return { script: join(root, 'script', 'install.js'), folder, files, missing: () => files.filter((file) => !existsSync(file)) };
}
