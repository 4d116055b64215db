import { spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../', import.meta.url));

/** Where the code generated from `schemas/proto/onnx.proto` lives, relative to the repository root. */
export const ONNX_GENERATED = 'src/inference/graph/generated';

/**
 * Writes the TypeScript-checked JavaScript of the official ONNX schema (onnx 1.23.2, Apache-2.0) into a folder.
 * Needs the development packages `@bufbuild/buf` and `@bufbuild/protoc-gen-es`; takes about a second; no network.
 */
export function generateOnnx(folder: string = `${ROOT}${ONNX_GENERATED}`): void {
  mkdirSync(folder, { recursive: true });
  const template = JSON.stringify({
    version: 'v2',
    plugins: [{ local: ['node', `${ROOT}node_modules/@bufbuild/protoc-gen-es/bin/protoc-gen-es`], out: folder, opt: ['target=js+dts', 'import_extension=js'] }],
  });
  const binary = `${ROOT}node_modules/@bufbuild/buf/bin/buf`;
  const result = spawnSync(process.execPath, [binary, 'generate', 'schemas/proto', '--path', 'schemas/proto/onnx.proto', '--template', template], { cwd: ROOT, encoding: 'utf8' });
  if (result.status !== 0) throw new Error(`buf generate failed: ${result.stderr}`);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) generateOnnx();
