import { isMet, type BenchResult, type BenchRow } from './bench.ts';

/** Results of one bench as they are kept. */
export interface BenchReport extends BenchResult {
  readonly name: string;
  readonly question: string;
  readonly machine: string;
  /** Load average of the machine when the bench began: above its idle level others were at work too. */
  readonly load: number;
}

/** A figure with as many digits as it deserves. */
function figureText({ figure, unit }: BenchRow): string {
  const digits = Math.abs(figure) >= 100 ? 0 : Math.abs(figure) >= 10 ? 1 : Math.abs(figure) >= 0.1 ? 2 : 4;
  return `${figure.toFixed(digits)}${unit === 'ratio' ? '' : ` ${unit}`}`;
}

function targetText({ target, unit }: BenchRow): string {
  return target === undefined ? '' : `${target.is} ${target.value}${unit === 'ratio' ? '' : ` ${unit}`}`;
}

function verdictText(row: BenchRow): string {
  if (row.target === undefined) return '';
  return isMet(row) ? 'met' : '**missed**';
}

/** One line for a terminal. */
export function rowText(row: BenchRow): string {
  const target = row.target === undefined ? '' : ` (${targetText(row)}: ${isMet(row) ? 'met' : 'MISSED'})`;
  return `${row.what}: ${figureText(row)}${target}`;
}

/** `bench/README.md`. */
export function readmeText(reports: readonly BenchReport[]): string {
  const machines = [...new Set(reports.map(report => report.machine))];
  const lines = [
    '# Benchmarks', '',
    'Made by `npm run bench` from `results/*.json`; do not edit. One question a file; every figure is the median of its runs, which take turns with what they are compared to.',
    '`npm run bench -- --quick` shows in two minutes that everything works; it keeps no results. `npm run bench -- --setup` installs what others\' programs need (Python packages, into node_modules/.cache).', '',
    ...machines.map(machine => `Machine: ${machine}.`), '',
  ];
  for (const report of reports) {
    lines.push(`## ${report.question}`, '', `\`bench/${report.name}.ts\`; load average at its start: ${report.load.toFixed(1)}.`, '');
    lines.push('| What | Target | Figure | Verdict | Runs | Bound |', '|---|---|---|---|---|---|');
    for (const row of report.rows) lines.push(`| ${row.what} | ${targetText(row)} | ${figureText(row)} | ${verdictText(row)} | ${row.runs.length} | ${row.bound ?? ''} |`);
    lines.push('', 'Conditions:', '', ...report.conditions.map(condition => `- ${condition}`), '');
  }
  return lines.join('\n');
}
