import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { assign } from '../../../src/feature-ops/trackers/assignment.ts';
import { seeded } from '../../support/small-models.ts';

/** What pairs cost together with the rows left alone. */
function total(cost: Float64Array, columns: number, limit: number, pairs: Int32Array): number {
  return pairs.reduce((sum, column, row) => sum + (column < 0 ? limit : cost[row * columns + column]!), 0);
}

/** The least cost there is, by trying everything. */
function bruteForce(cost: Float64Array, rows: number, columns: number, limit: number, row = 0, taken = 0): number {
  if (row === rows) return 0;
  let least = limit + bruteForce(cost, rows, columns, limit, row + 1, taken);
  for (let column = 0; column < columns; column += 1) {
    if ((taken & (1 << column)) !== 0) continue;
    least = Math.min(least, cost[row * columns + column]! + bruteForce(cost, rows, columns, limit, row + 1, taken | (1 << column)));
  }
  return least;
}

test('costs as little as trying everything does, in every shape, with ties and limits', () => {
  const seed = Math.trunc(performance.timeOrigin) % 1e9;
  const random = seeded(seed);
  for (let round = 0; round < 3_000; round += 1) {
    const [rows, columns] = [Math.floor(random() * 6), Math.floor(random() * 7)];
    const steps = round % 3 === 0 ? 4 : 1e9; // every third round is full of ties
    const cost = Float64Array.from({ length: rows * columns }, () => Math.floor(random() * steps) / steps);
    const limit = Math.floor(random() * steps) / steps;
    const pairs = assign(cost, rows, columns, limit);
    const taken = [...pairs].filter(column => column >= 0);
    const what = `seed ${seed}, round ${round}: ${rows}x${columns}, limit ${limit}, ${cost.join()}`;
    assert.is(pairs.length, rows, what);
    assert.is(new Set(taken).size, taken.length, `a column twice; ${what}`);
    for (const [row, column] of pairs.entries()) assert.ok(column < 0 || cost[row * columns + column]! <= limit + 1e-12, `a pair above the limit; ${what}`);
    assert.ok(Math.abs(total(cost, columns, limit, pairs) - bruteForce(cost, rows, columns, limit)) < 1e-9, what);
  }
});

test('a hundred objects that all overlap are paired rightly', () => {
  const [count, random] = [100, seeded(7)];
  const order = Array.from({ length: count }, (_, index) => index).sort(() => random() - 0.5);
  const cost = Float64Array.from({ length: count * count }, (_, at) => (order[Math.floor(at / count)] === at % count ? 0.1 : 0.1 + 0.001 + 0.5 * random()));
  assert.equal([...assign(cost, count, count, 0.8)], order);
});

test.run();
