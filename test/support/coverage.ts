import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

interface Summary { readonly [file: string]: { readonly lines: { readonly total: number; readonly covered: number } } }

/** Turns raw V8 coverage into one line: percentage of lines of `src` and of `actors`. The report by file lies in `coverage/`. */
export async function reportCoverage(root: string, rawFolder: string): Promise<string> {
  const reports = join(root, 'coverage');
  const result = spawnSync(process.execPath, [
    join(root, 'node_modules/c8/bin/c8.js'), 'report', '--all', '--src', 'src', '--src', 'actors', '--extension', '.ts',
    '--temp-directory', rawFolder, '--reports-dir', reports, '--reporter', 'json-summary', '--reporter', 'lcovonly',
    '--include', 'src/**/*.ts', '--include', 'actors/**/*.ts', '--exclude', '**/generated/**', '--exclude', '**/*.d.ts',
  ], { cwd: root, encoding: 'utf8', env: { ...process.env, NODE_V8_COVERAGE: '' } });
  const file = join(reports, 'coverage-summary.json');
  if (result.status !== 0 || !existsSync(file)) throw new Error(`c8 failed: ${result.stderr || result.stdout}`);
  const summary = JSON.parse(readFileSync(file, 'utf8')) as Summary;
  return `coverage of lines: ${['src', 'actors'].map((folder) => `${folder} ${percentage(summary, join(root, folder))}`).join(', ')}`;
}

function percentage(summary: Summary, folder: string): string {
  const files = Object.entries(summary).filter(([name]) => name.startsWith(folder));
  const total = files.reduce((lines, [, entry]) => lines + entry.lines.total, 0);
  const covered = files.reduce((lines, [, entry]) => lines + entry.lines.covered, 0);
  return total === 0 ? 'none' : `${((100 * covered) / total).toFixed(1)} %`;
}
