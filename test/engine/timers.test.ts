import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { systemRandom, seededRandom } from '../../src/engine/seeded-random.ts';
import { systemClock } from '../../src/engine/system-clock.ts';
import { every, untilAborted, withTimeout } from '../../src/engine/timers.ts';
import { fakeClock, settle } from '../support/fake-clock.ts';

test('a wait within its limit gives the result and leaves no timer', async () => {
  const clock = fakeClock();
  assert.is(await withTimeout(Promise.resolve(3), 100, clock, new Error('late')), 3);
  await settle();
  assert.is(clock.sleeping(), 0);
});

test('a wait past its limit rejects with the given error', async () => {
  const clock = fakeClock();
  const wait = withTimeout(new Promise<never>(() => {}), 100, clock, new Error('late')).catch((error: Error) => error.message);
  await clock.advance(100);
  assert.is(await wait, 'late');
});

test('calls at intervals, never two at once, until the signal aborts', async () => {
  const clock = fakeClock();
  const stop = new AbortController();
  let calls = 0;
  const series = every(100, clock, stop.signal, async () => { calls += 1; await clock.sleep(50); });
  await clock.advance(460);
  assert.is(calls, 3, 'each wait of 100 ms starts after the 50 ms of the call before');
  stop.abort();
  await series;
  await untilAborted(stop.signal);
});

test('an interval ends with the error of its function', async () => {
  const clock = fakeClock();
  const series = every(10, clock, new AbortController().signal, () => { throw new Error('broken'); }).catch((error: Error) => error.message);
  await clock.advance(10);
  assert.is(await series, 'broken');
});

test('the system clock sleeps, and wakes early with the reason of its signal', async () => {
  const startedMs = systemClock.monotonicMs();
  await systemClock.sleep(5);
  assert.ok(systemClock.monotonicMs() - startedMs >= 3);
  const stop = new AbortController();
  const wait = systemClock.sleep(60_000, stop.signal).catch((error: Error) => error.message);
  stop.abort(new Error('enough'));
  assert.is(await wait, 'enough');
  assert.is(await systemClock.sleep(1, stop.signal).catch((error: Error) => error.message), 'enough');
  assert.ok(Math.abs(systemClock.now() / 1000 - Date.now()) < 1000);
});

test('a seed repeats its numbers, and they are spread evenly over [0, 1)', () => {
  const one = seededRandom(42);
  const other = seededRandom(42);
  let sum = 0;
  const buckets = Array.from({ length: 10 }, () => 0);
  for (let count = 0; count < 10_000; count += 1) {
    const value = one.next();
    assert.is(value, other.next());
    assert.ok(value >= 0 && value < 1);
    sum += value;
    const bucket = Math.floor(value * 10);
    buckets[bucket] = (buckets[bucket] ?? 0) + 1;
  }
  assert.ok(Math.abs(sum / 10_000 - 0.5) < 0.02, 'mean of 10,000 uniform numbers: standard error 0.003');
  assert.ok(buckets.every(count => count > 850 && count < 1150), buckets.join());
  assert.is.not(seededRandom(1).next(), seededRandom(2).next());
  assert.ok(systemRandom.next() < 1);
});

test.run();
