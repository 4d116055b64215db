import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { epochMicros } from '../../src/engine/units.ts';
import { cameraClock } from '../../src/ingress/camera-clock.ts';

const START = 1_700_000_000_000_000;
const LIMITS = { offsetMaxMs: 2000, jitterMaxMs: 500 };

/** Feeds 25 units a second; `delayMs` and `skewMs` by time. Returns the share of trusted units per second. */
function trusted(seconds: number, delayMs: (t: number) => number, skewMs: (t: number) => number): number[] {
  const clock = cameraClock(LIMITS);
  const shares: number[] = [];
  let last = 0;
  for (let second = 0; second < seconds; second++) {
    let count = 0;
    for (let frame = 0; frame < 25; frame++) {
      const t = second + frame / 25;
      last = Math.max(last, START + Math.round((t + delayMs(t) / 1000) * 1e6)); // TCP keeps the order
      const arrivedAt = epochMicros(last);
      const cameraMicros = START + Math.round((t + skewMs(t) / 1000) * 1e6);
      const at = clock.capturedAt(cameraMicros, arrivedAt);
      assert.is(at, clock.isTrusted ? cameraMicros : arrivedAt);
      if (clock.isTrusted) count++;
    }
    shares.push(count / 25);
  }
  return shares;
}

test('a camera with the right time is believed from the first unit on', () => {
  assert.equal(trusted(3, () => 80, () => 0), [1, 1, 1]);
});

test('a camera that is wrong by more than the limit is not believed', () => {
  assert.equal(trusted(3, () => 80, () => 5000), [0, 0, 0]);
  assert.equal(trusted(3, () => 80, () => -5000), [0, 0, 0]);
});

test('hold-ups of the network do not cost the trust', () => {
  assert.equal(trusted(4, (t) => (Math.round(t * 25) % 40 === 0 ? 900 : 60), () => 0), [1, 1, 1, 1]);
});

test('a clock that jumps within the limit is believed again once the jump is five seconds old', () => {
  const shares = trusted(12, () => 50, (t) => (t < 4 ? 0 : 1500));
  assert.equal(shares.slice(0, 4), [1, 1, 1, 1]);
  assert.is(shares[6], 0);
  assert.equal(shares.slice(11), [1]);
});

test('without a camera time the arrival counts', () => {
  const clock = cameraClock(LIMITS);
  assert.is(clock.capturedAt(null, epochMicros(START)), START);
  assert.is(clock.isTrusted, false);
});

test('a limit of 0 means never', () => {
  const clock = cameraClock({ offsetMaxMs: 0, jitterMaxMs: 500 });
  assert.is(clock.capturedAt(START, epochMicros(START + 40_000)), START + 40_000);
});

test.run();
