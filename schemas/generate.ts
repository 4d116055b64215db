// `npm run generate`: writes every generated file of the repository.
import { readFileSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { renderDefaultToml } from '../src/utility-ops/config/default-toml.ts';
import { configJsonSchema } from '../src/utility-ops/config/schema.ts';
import { ONNX_CODE, refreshOnnx } from './onnx-code.ts';
import { renderSchemaHistory } from './schema-history.ts';
import { renderWireTypes } from './wire-types.ts';

/** A generated file: path below the repository root with `/`, and its full text. */
export interface GeneratedFile { readonly path: string; readonly text: string }

const root = fileURLToPath(new URL('..', import.meta.url));

/** Every file that is generated from our own sources, made anew; nothing is written into the repository. */
export function generateAll(): readonly GeneratedFile[] {
  return [
    { path: 'config/default.toml', text: renderDefaultToml() },
    { path: 'k8s/config.yaml', text: renderConfigMap() },
    { path: 'schemas/generated/config.schema.json', text: `${JSON.stringify(configJsonSchema(), null, 2)}\n` },
    { path: 'src/messages/generated/wire.ts', text: renderWireTypes() },
    ...renderSchemaHistory(),
  ];
}

/** config/cluster.toml as the ConfigMap that every pod reads. */
function renderConfigMap(): string {
  const settings = readFileSync(join(root, 'config', 'cluster.toml'), 'utf8').trimEnd().split('\n').map((line) => (line === '' ? '' : `    ${line}`));
  return [
    '# The settings of every pod. Written by `npm run generate` from config/cluster.toml.', 'apiVersion: v1', 'kind: ConfigMap', 'metadata:', '  name: vto-config', '  labels:',
    '    app.kubernetes.io/name: vto', 'data:', '  cluster.toml: |', ...settings, '',
  ].join('\n');
}

/** Writes the files whose text changed below `folder` and returns their paths. */
export async function writeFiles(files: readonly GeneratedFile[], folder: string): Promise<readonly string[]> {
  const written: string[] = [];
  for (const { path, text } of files) {
    const target = join(folder, path);
    if (await readFile(target, 'utf8').catch(() => undefined) === text) continue;
    await mkdir(dirname(target), { recursive: true });
    await writeFile(target, text);
    written.push(path);
  }
  return written;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const files = generateAll();
  const written = await writeFiles(files, root);
  console.log(`${files.length} generated files, ${written.length} changed${written.map((path) => `\n  ${path}`).join('')}`);
  if (refreshOnnx()) console.log(`  ${ONNX_CODE}`);
}
