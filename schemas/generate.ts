// `npm run generate`: writes every generated file of the repository. `schemas/generate-*.ts` add their own.
import { glob, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, posix } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { renderDefaultToml } from '../src/utility-ops/config/default-toml.ts';
import { configJsonSchema } from '../src/utility-ops/config/schema.ts';

/** A generated file: path below the repository root with `/`, and its full text. */
export interface GeneratedFile { readonly path: string; readonly text: string }

const root = fileURLToPath(new URL('..', import.meta.url));

/** Every generated file, made anew; nothing is written into the repository. */
export async function generateAll(): Promise<readonly GeneratedFile[]> {
  const files: GeneratedFile[] = [
    { path: 'config/default.toml', text: renderDefaultToml() },
    { path: 'schemas/generated/config.schema.json', text: `${JSON.stringify(configJsonSchema(), null, 2)}\n` },
  ];
  const modules: string[] = [];
  for await (const file of glob('schemas/generate-*.ts', { cwd: root })) modules.push(file);
  for (const file of modules.sort()) files.push(...await generateFolder(file));
  return files;
}

/** Runs a module that exports a folder `<NAME>_GENERATED` and a function `generate<Name>(folder)` which fills it. */
async function generateFolder(file: string): Promise<readonly GeneratedFile[]> {
  const exported = Object.entries(await import(pathToFileURL(join(root, file)).href) as Record<string, unknown>);
  const target = exported.find(([name]) => name.endsWith('_GENERATED'))?.[1];
  const generate = exported.find(([name]) => name.startsWith('generate'))?.[1];
  if (typeof target !== 'string' || typeof generate !== 'function') throw new Error(`${file} must export a folder <NAME>_GENERATED and a function generate<Name>(folder)`);
  const folder = await mkdtemp(join(tmpdir(), 'vto-generate-'));
  try {
    await (generate as (folder: string) => unknown)(folder);
    const files: GeneratedFile[] = [];
    for await (const entry of glob('**/*', { cwd: folder, withFileTypes: true })) {
      if (!entry.isFile()) continue;
      const path = join(entry.parentPath, entry.name);
      files.push({ path: posix.join(target, path.slice(folder.length + 1).replaceAll('\\', '/')), text: await readFile(path, 'utf8') });
    }
    if (files.length === 0) throw new Error(`${file} generated no file`);
    return files.sort((a, b) => (a.path < b.path ? -1 : 1));
  } finally {
    await rm(folder, { recursive: true });
  }
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
  const files = await generateAll();
  const written = await writeFiles(files, root);
  console.log(`${files.length} generated files, ${written.length} changed${written.map((path) => `\n  ${path}`).join('')}`);
}
