import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { PlatformError } from '../../src/engine/errors.ts';
import { away } from '../../src/ingress/knock.ts';
import { Patience } from '../../src/ingress/patience.ts';

const lowest = { next: () => 0 };
const highest = { next: () => 0.999 };
const refused = new PlatformError('SOURCE_REFUSED', '404', {});
const login = new PlatformError('SOURCE_REFUSED', '401', { isLogin: true });
const waits = (patience: Patience, error: unknown, count: number): number[] => Array.from({ length: count }, () => Math.round(patience.failed(error)));

test('who is away is asked about twice a second, never at the same moment as others', () => {
  const [early, late] = [new Patience({ backoffMs: 250, backoffMaxMs: 10_000, random: lowest }), new Patience({ backoffMs: 250, backoffMaxMs: 10_000, random: highest })];
  assert.equal(waits(early, away('x', 'gone'), 3), [400, 400, 400]);
  assert.equal(waits(late, away('x', 'gone'), 3), [600, 600, 600]);
});

test('who has been away for minutes is asked a little less often, and still within a second', () => {
  const patience = new Patience({ backoffMs: 250, backoffMaxMs: 10_000, random: highest });
  waits(patience, away('x', 'gone'), 600);
  assert.equal(waits(patience, away('x', 'gone'), 2), [880, 880]);
  patience.worked();
  assert.equal(waits(patience, away('x', 'gone'), 1), [600]);
});

test('who answers without pictures is asked less and less often, up to the limit', () => {
  const patience = new Patience({ backoffMs: 250, backoffMaxMs: 10_000, random: lowest });
  assert.equal(waits(patience, refused, 8), [250, 500, 1000, 2000, 4000, 8000, 10_000, 10_000]);
  patience.worked();
  assert.equal(waits(patience, refused, 2), [250, 500]);
});

test('who was away in between may have changed: it is asked quickly again, except for a login', () => {
  const patience = new Patience({ backoffMs: 250, backoffMaxMs: 10_000, random: lowest });
  waits(patience, refused, 8);
  waits(patience, login, 12);
  waits(patience, away('x', 'gone'), 1);
  assert.equal(waits(patience, refused, 1), [250]);
  assert.equal(waits(patience, login, 1), [60_000]);
});

test('waits never overflow', () => {
  const patience = new Patience({ backoffMs: 86_400_000, backoffMaxMs: 86_400_000, random: highest });
  assert.ok(waits(patience, refused, 5_000).every(ms => ms > 0 && ms <= 86_400_000));
});

test.run();
