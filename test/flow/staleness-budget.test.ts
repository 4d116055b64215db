import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { stalenessBudget } from '../../src/flow/staleness-budget.ts';
import { marbles } from '../support/marbles.ts';

test('passes what is young enough, in the same moment, and reports the rest as stale', () => {
  const dropped: string[] = [];
  marbles().run(({ hot, expectObservable }) => {
    const ages: Record<string, number> = { a: 10, b: 100, c: 101, d: 0 };
    const result = hot('abc-d|').pipe(stalenessBudget({ budgetMs: 100, ageMs: item => ages[item] as number, onDrop: (item, reason, isIntentional) => { dropped.push(`${item} ${reason} ${isIntentional}`); } }));
    expectObservable(result).toBe('ab--d|');
  });
  assert.equal(dropped, ['c stale false']);
});

test.run();
