import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { epochMicros } from '../../src/engine/units.ts';
import { batchPacer, realTimePacer } from '../../src/ingress/pacer.ts';
import { fakeClock } from '../support/fake-clock.ts';

const signal = new AbortController().signal;

test('units come when they are due, also after waits that ended late', async () => {
  const clock = fakeClock();
  const late = { ...clock, sleep: (ms: number) => clock.sleep(ms + 7) };
  const pacer = realTimePacer(late, null);
  for (let frame = 1; frame <= 100; frame++) {
    const wait = pacer.until(frame * 0.04, signal);
    await clock.advance(47);
    await wait;
    clock.monotonicMs();
  }
  const before = clock.monotonicMs();
  const wait = pacer.until((before + 10) / 1000, signal);
  await clock.advance(17);
  await wait;
  assert.is(clock.monotonicMs(), before + 17, 'lateness does not add up');
});

test('a reader that was away gets at most a second of units at once', async () => {
  const clock = fakeClock();
  const pacer = realTimePacer(clock, null);
  await clock.advance(10_000);
  let burst = 0;
  for (let frame = 0; frame < 250; frame++) {
    const wait = pacer.until(frame * 0.04, signal);
    if (clock.sleeping() > 0) { await clock.advance(40); } else burst++;
    await wait;
  }
  assert.ok(burst >= 24 && burst <= 27, `${burst} units at once`);
});

test('event time moves on with the absence of the reader, but not from a configured start', async () => {
  const clock = fakeClock(1_000_000_000);
  const [live, fixed] = [realTimePacer(clock, null), realTimePacer(clock, epochMicros(5_000_000))];
  await clock.advance(10_000);
  await Promise.all([live.until(0, signal), fixed.until(0, signal)]);
  assert.is(live.capturedAt(0), 1_009_000_000);
  assert.is(fixed.capturedAt(0), 5_000_000);
});

test('a gap of minutes in the time stamps is played as a short one', async () => {
  const clock = fakeClock();
  const pacer = realTimePacer(clock, null);
  await pacer.until(0, signal);
  const wait = pacer.until(3600, signal);
  await clock.advance(10_001);
  await wait;
});

test('a batch never waits and counts from its start', async () => {
  const pacer = batchPacer(epochMicros(0));
  await pacer.until(1e9, signal);
  assert.is(pacer.capturedAt(1.98), 1_980_000);
});

test('a wait ends when told to', async () => {
  const controller = new AbortController();
  const pacer = realTimePacer(fakeClock(), null);
  const wait = pacer.until(5, controller.signal);
  controller.abort(new Error('enough'));
  await wait.then(() => assert.unreachable(), (error: Error) => assert.is(error.message, 'enough'));
});

test.run();
