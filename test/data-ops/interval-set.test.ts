import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { IntervalSet, countOf, difference } from '../../src/data-ops/interval-set.ts';
import type { SeqRange } from '../../src/data-ops/store.ts';
import { rollDice } from '../support/dice.ts';

const LIMIT = 60;

function expand(ranges: readonly SeqRange[]): number[] {
  return ranges.flatMap(({ from, to }) => Array.from({ length: to - from + 1 }, (_, index) => from + index));
}

function isNormal(ranges: readonly SeqRange[]): boolean {
  return ranges.every((range, index) => range.from <= range.to && (index === 0 || ranges[index - 1]!.to + 1 < range.from));
}

test('agrees with a plain set of numbers through any sequence of adds and deletes', () => {
  const dice = rollDice('interval-set');
  for (let round = 0; round < 300; round += 1) {
    const set = new IntervalSet();
    const oracle = new Set<number>();
    for (let step = 0; step < 40; step += 1) {
      const from = dice.between(0, LIMIT);
      const range = { from, to: Math.min(LIMIT, from + dice.between(0, 8)) };
      const numbers = expand([range]);
      if (dice.chance(0.75)) {
        const fresh = numbers.filter((value) => !oracle.has(value));
        assert.equal(expand(set.add(range)), fresh);
        for (const value of numbers) oracle.add(value);
      } else {
        set.delete(range);
        for (const value of numbers) oracle.delete(value);
      }
      const ranges = set.ranges();
      assert.ok(isNormal(ranges), JSON.stringify(ranges));
      assert.equal(expand(ranges), [...oracle].sort((a, b) => a - b));
      assert.is(set.count, oracle.size);
      for (let value = -1; value <= LIMIT + 1; value += 1) assert.is(set.has(value), oracle.has(value));
    }
  }
});

test('names the starts that a copy must follow, and no change is missing from them', () => {
  const dice = rollDice('interval-set touched');
  for (let round = 0; round < 200; round += 1) {
    const set = new IntervalSet();
    const copy = new Map<number, number>();
    for (let step = 0; step < 40; step += 1) {
      const touched = new Set<number>();
      const from = dice.between(0, LIMIT);
      const range = { from, to: from + dice.between(0, 8) };
      if (dice.chance(0.7)) set.add(range, touched); else set.delete(range, touched);
      for (const start of touched) {
        const end = set.endOf(start);
        if (end === undefined) copy.delete(start); else copy.set(start, end);
      }
      assert.equal([...copy].sort((a, b) => a[0] - b[0]).map(([start, to]) => ({ from: start, to })), set.ranges());
    }
  }
});

test('takes one list of ranges from another as plain sets do', () => {
  const dice = rollDice('difference');
  const randomRanges = (): IntervalSet => {
    const set = new IntervalSet();
    for (let count = dice.between(0, 8); count > 0; count -= 1) {
      const from = dice.between(0, LIMIT);
      set.add({ from, to: from + dice.between(0, 10) });
    }
    return set;
  };
  for (let round = 0; round < 2000; round += 1) {
    const [minuend, subtrahend] = [randomRanges(), randomRanges()];
    const left = difference(minuend.ranges(), subtrahend.ranges());
    const expected = expand(minuend.ranges()).filter((value) => !subtrahend.has(value));
    assert.ok(isNormal(left));
    assert.equal(expand(left), expected);
    assert.is(countOf(left), expected.length);
  }
});

test.run();
