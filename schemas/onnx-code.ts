// `node schemas/onnx-code.ts`: fetches the generator and writes the ONNX code anew. `npm run generate` does so only when it is stale.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../', import.meta.url));
/** Fetched when needed instead of installed: together they are 135 MB for two files that hardly ever change. */
const TOOLS = ['@bufbuild/buf@1.74.0', '@bufbuild/protoc-gen-es@2.13.0'] as const;
const SCHEMA = 'schemas/proto/onnx.proto';

/** Where the code generated from `schemas/proto/onnx.proto` lives, relative to the repository root. */
export const ONNX_CODE = 'src/inference/graph/generated';

/** What the code was made of and with, and what came out: SHA-256 by path. */
export interface OnnxLock { readonly tools: readonly string[]; readonly schema: string; readonly code: Readonly<Record<string, string>> }

/** File in the repository that holds the lock. */
export const ONNX_LOCK = 'schemas/proto/onnx.lock.json';

/**
 * Writes the TypeScript-checked JavaScript of the official ONNX schema (onnx 1.23.2, Apache-2.0) into a folder. Fetches the tools from
 * the package registry and nothing else.
 * @throws Error when the tools cannot be fetched or refuse the schema
 */
export function generateOnnx(folder: string = join(ROOT, ONNX_CODE)): void {
  mkdirSync(folder, { recursive: true });
  const template = JSON.stringify({ version: 'v2', plugins: [{ local: 'protoc-gen-es', out: folder, opt: ['target=js+dts', 'import_extension=js'] }] });
  const elsewhere = mkdtempSync(join(tmpdir(), 'vto-onnx-')); // here npx would take what the lockfile holds
  try {
    const args = ['--yes', ...TOOLS.flatMap((tool) => ['--package', tool]), '--', 'buf', 'generate', join(ROOT, 'schemas/proto'), '--path', join(ROOT, SCHEMA), '--template', template];
    const result = spawnSync('npx', args, { cwd: elsewhere, encoding: 'utf8', shell: process.platform === 'win32' });
    if (result.status !== 0) throw new Error(`buf generate failed: ${result.error?.message ?? result.stderr}`);
  } finally {
    rmSync(elsewhere, { recursive: true });
  }
}

/** The lock of the schema and the code in a folder as they are now. */
export function lockOf(folder: string = join(ROOT, ONNX_CODE)): OnnxLock {
  const code = Object.fromEntries(readdirSync(folder).sort().map((name) => [name, hashOf(join(folder, name))]));
  return { tools: TOOLS, schema: hashOf(join(ROOT, SCHEMA)), code };
}

/** The lock in the repository. */
export function committedLock(): OnnxLock {
  return JSON.parse(readFileSync(join(ROOT, ONNX_LOCK), 'utf8')) as OnnxLock; // written below
}

/** Generates the code and its lock when the schema, the tools or the code are no longer what the lock says. True when it did. */
export function refreshOnnx(): boolean {
  if (JSON.stringify(lockOf()) === JSON.stringify(committedLock())) return false;
  writeOnnx();
  return true;
}

function writeOnnx(): void {
  generateOnnx();
  writeFileSync(join(ROOT, ONNX_LOCK), `${JSON.stringify(lockOf(), null, 2)}\n`);
}

function hashOf(file: string): string {
  return createHash('sha256').update(readFileSync(file)).digest('hex');
}

if (process.argv[1] === fileURLToPath(import.meta.url)) writeOnnx();
