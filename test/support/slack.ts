import { availableParallelism, loadavg } from 'node:os';

/** Things may take so much longer than on an idle machine: tests share the cores with other test files. `TIME_SLACK=1` judges strictly. */
const TIME_SLACK = Number(process.env['TIME_SLACK'] ?? 3);

/** Fails when `measuredMs` exceeds the bound with slack, which grows with the load of the machine; prints the figure and the strict bound. */
export function withinBound(what: string, measuredMs: number, boundMs: number): void {
  const load = (loadavg()[0] ?? 0) / availableParallelism();
  const slack = process.env['TIME_SLACK'] === undefined ? Math.max(TIME_SLACK, 2 * load) : TIME_SLACK;
  console.log(`  ${what}: ${measuredMs.toFixed(0)} ms (target ${boundMs.toFixed(0)} ms${measuredMs > boundMs ? `, MISSED at load ${load.toFixed(1)} a core` : ''})`);
  if (measuredMs > boundMs * slack) throw new Error(`${what} took ${measuredMs.toFixed(0)} ms, more than ${slack.toFixed(1)} times ${boundMs.toFixed(0)} ms`);
}
