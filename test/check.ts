// `npm run check`: types and lint. Each tool counts as one check.
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { conclude, sum, type RunCounts } from './support/runner.ts';

/** Runs the compiler and the linter side by side. */
export async function runChecks(root: string): Promise<RunCounts> {
  return sum(await Promise.all([
    runTool(root, 'types', 'tsc', ['-p', '.']),
    runTool(root, 'lint', 'oxlint', ['--type-aware', '--deny-warnings', '.']),
  ]));
}

async function runTool(root: string, name: string, program: string, args: readonly string[]): Promise<RunCounts> {
  const startedAt = performance.now();
  const bin = join(root, 'node_modules', '.bin');
  // The linter finds its type-aware half by PATH.
  const env = { ...process.env, PATH: `${bin}${process.platform === 'win32' ? ';' : ':'}${process.env['PATH'] ?? ''}` };
  const child = spawn(join(bin, program), args, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'], env, shell: process.platform === 'win32' });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (bytes: Buffer) => { output += bytes.toString(); });
  const trouble = await new Promise<string>((resolve) => {
    child.on('error', (error) => resolve(error.message));
    child.on('close', (code) => resolve(code === 0 ? '' : `exit ${code}`));
  });
  console.log(`${trouble === '' ? 'ok  ' : 'FAIL'} ${name} (${program}) ${(performance.now() - startedAt).toFixed(0)} ms ${trouble}`.trimEnd());
  if (trouble !== '') console.log(output.trimEnd());
  return { passed: trouble === '' ? 1 : 0, failed: trouble === '' ? 0 : 1, skipped: 0 };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) conclude(await runChecks(fileURLToPath(new URL('..', import.meta.url))));
