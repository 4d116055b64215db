/**
 * How much longer than on an idle machine things may take in tests that measure time: they share the cores with other test files.
 * The strict figure is printed beside each bound. `TIME_SLACK=1` judges strictly.
 */
export const TIME_SLACK = Number(process.env['TIME_SLACK'] ?? 3);

/** Fails when `measuredMs` exceeds the bound with slack; prints the figure and the strict bound. */
export function withinBound(what: string, measuredMs: number, boundMs: number): void {
  console.log(`  ${what}: ${measuredMs.toFixed(0)} ms (target ${boundMs} ms${measuredMs > boundMs ? ', MISSED' : ''})`);
  if (measuredMs > boundMs * TIME_SLACK) throw new Error(`${what} took ${measuredMs.toFixed(0)} ms, more than ${TIME_SLACK} times ${boundMs} ms`);
}
