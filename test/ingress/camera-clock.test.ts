import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { epochMicros } from '../../src/engine/units.ts';
import { cameraClock } from '../../src/ingress/camera-clock.ts';
import { rollDice } from '../support/dice.ts';
import { errorsMs, playCamera, RTSP_LIMITS, TRUE_START } from '../support/simulated-camera.ts';
import type { CameraHabits, DatedPicture } from '../support/simulated-camera.ts';

const dice = rollDice('camera-clock');
const seed = (): number => dice.between(1, 1e9);
const largest = (values: readonly number[]): number => values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
const spread = (values: readonly number[]): number => values.reduce((most, value) => Math.max(most, value), -Infinity) - values.reduce((least, value) => Math.min(least, value), Infinity);

/** Fails unless event time rises in presentation order, and nowhere runs faster or slower than a few milliseconds a second. */
function assertSmooth(pictures: readonly DatedPicture[], fromS: number, what: string): void {
  const shown = pictures.toSorted((left, right) => left.takenAt - right.takenAt);
  for (const [index, { at, takenAt }] of shown.entries()) {
    const before = shown[index - 1];
    if (before === undefined) continue;
    assert.ok(at >= before.at, `${what}: event time goes back by ${before.at - at} us`);
    if (takenAt < TRUE_START + fromS * 1e6) continue;
    const passed = takenAt - before.takenAt;
    assert.ok(Math.abs(at - before.at - passed) <= passed * 0.0055 + 12, `${what}: ${at - before.at} us in ${passed} us`); // 200 ppm beside the slew, and a tick
  }
}

test('the time of a synchronised camera is used as it is, from the first picture on, whatever the network does', () => {
  const clock = cameraClock(RTSP_LIMITS);
  const pictures = playCamera({ seed: seed(), fps: 25, skewMs: () => 0, delayMs: 60, jitterMs: 100, holdUpMs: (t) => (t > 8 && t < 10 ? (10 - t) * 1000 : 0) }, 20, clock);
  assert.ok(largest(errorsMs(pictures, 0)) <= 0.02, `${largest(errorsMs(pictures, 0))} ms`); // a tick of the time stamps
  assert.is(clock.steps, 0);
});

test('reports that come late are told by the time stamps before and after them, without a step', () => {
  const pictures = playCamera({ seed: seed(), fps: 25, skewMs: () => 0, firstReportS: 7, delayMs: 40, jitterMs: 30 }, 40);
  assert.ok(largest(errorsMs(pictures, 5, 7).map((error) => error - 40)) <= 10);
  assert.ok(largest(errorsMs(pictures, 17)) <= 0.1, `${largest(errorsMs(pictures, 17))} ms`);
  assertSmooth(pictures, 5, 'reports from the seventh second on');
});

test('a clock that gives times after the arrival, or long before it, is not believed', () => {
  for (const skewMs of [60, 5000, 3_600_000, -300, -3000]) {
    const pictures = playCamera({ seed: seed(), fps: 25, skewMs: () => skewMs, delayMs: 5, jitterMs: 20 }, 10);
    assert.not.ok(pictures.at(-1)!.isTrusted, `${skewMs} ms`);
    assert.ok(largest(errorsMs(pictures, 5).map((error) => error - 5)) <= 10, `${skewMs} ms`);
  }
});

test('cameras with any clock, drift, network and hold-ups agree to 20 ms from the fifth second on', () => {
  let worst = 0;
  for (let round = 0; round < 60; round++) {
    const camera = (): CameraHabits => {
      const heldAt = dice.between(8, 40);
      const heldMs = dice.between(0, 1800);
      return {
        seed: seed(), fps: dice.pick([8, 15, 25, 30, 60]), driftPpm: dice.between(-200, 200), jitterMs: dice.between(0, 100), reorder: dice.pick([1, 1, 3]),
        skewMs: dice.chance(0.3) ? null : ((skew) => () => skew)(dice.pick([5000, -3000, 3_600_000, 900, -700])), reportNoiseMs: dice.between(0, 20), firstReportS: dice.between(0, 5),
        holdUpMs: (t) => Math.max(0, heldMs - (t - heldAt) * 1000) * (t >= heldAt ? 1 : 0),
      };
    };
    const pair = [camera(), camera()];
    const errors = pair.map((habits) => {
      const pictures = playCamera(habits, 60);
      assertSmooth(pictures, 6, JSON.stringify(habits));
      return errorsMs(pictures, 6);
    });
    const apart = spread(errors.flat());
    assert.ok(apart <= 20, `round ${round}: ${apart.toFixed(1)} ms apart: ${JSON.stringify(pair)}`);
    worst = Math.max(worst, apart);
  }
  console.log(`  60 pairs of cameras: at most ${worst.toFixed(1)} ms apart`);
});

test('200 millionths of drift cost no more than the memory of the estimate', () => {
  for (const driftPpm of [200, -200]) {
    const worst = largest(errorsMs(playCamera({ seed: seed(), fps: 25, driftPpm, skewMs: null, delayMs: 3, jitterMs: 50 }, 600), 10).map((error) => error - 3));
    console.log(`  ${driftPpm} ppm over ten minutes: ${worst.toFixed(1)} ms`);
    assert.ok(worst <= 10);
  }
});

test('a camera that sends what it kept from before, at once, is right when its pictures come as they are taken', () => {
  const pictures = playCamera({ seed: seed(), fps: 25, skewMs: null, holdUpMs: (t) => Math.max(0, 2000 - t * 1000) }, 12);
  assertSmooth(pictures, 20, 'burst');
  assert.ok(largest(errorsMs(pictures, 3).map((error) => error - 3)) <= 1, `${largest(errorsMs(pictures, 3))} ms`);
});

test('a wall clock that is set loses its trust, and event time goes on', () => {
  const clock = cameraClock(RTSP_LIMITS);
  const pictures = playCamera({ seed: seed(), fps: 25, skewMs: (t) => (t < 20 ? 0 : -1500), delayMs: 30, jitterMs: 10 }, 60, clock);
  assertSmooth(pictures, 5, 'set clock');
  assert.ok(largest(errorsMs(pictures, 0)) <= 45);
  assert.not.ok(clock.isTrusted);
  assert.is(clock.steps, 0);
});

test('time stamps that jump, either way, are told as a step and change nothing else', () => {
  for (const jumpMs of [3_600_000, -3_600_000, 1500, -1500]) {
    const clock = cameraClock(RTSP_LIMITS);
    const pictures = playCamera({ seed: seed(), fps: 25, skewMs: null, jitterMs: 60, ptsJumpMs: (t) => (t < 20 ? 0 : jumpMs) }, 40, clock);
    assert.ok(largest(errorsMs(pictures, 5, 20)) <= 25, `${jumpMs} ms`);
    assert.ok(largest(errorsMs(pictures, 20, 35)) <= 120, `${jumpMs} ms: ${largest(errorsMs(pictures, 20, 35))} ms`); // of the jitter, until an early unit comes
    assert.ok(clock.steps >= 1 && clock.steps <= 3, `${clock.steps} steps`);
    const shown = pictures.map(({ at }) => at);
    assert.equal(shown, shown.toSorted((left, right) => left - right), `${jumpMs} ms`);
  }
});

test('time stamps set back by less than reordering explains are noticed when nothing comes in time any more', () => {
  const clock = cameraClock(RTSP_LIMITS);
  const pictures = playCamera({ seed: seed(), fps: 25, skewMs: null, jitterMs: 20, ptsJumpMs: (t) => (t < 20 ? 0 : -600) }, 40, clock);
  assert.ok(largest(errorsMs(pictures, 26)) <= 30, `${largest(errorsMs(pictures, 26))} ms`);
  assert.ok(clock.steps >= 1);
});

test('our own clock being set is followed', () => {
  for (const setMs of [10_000, -10_000]) {
    const clock = cameraClock(RTSP_LIMITS);
    const errors = playCamera({ seed: seed(), fps: 25, skewMs: null, delayMs: 20_000, holdUpMs: (t) => (t < 20 ? 0 : setMs) }, 60, clock).filter(({ takenAt }) => takenAt > TRUE_START + 45e6);
    for (const { at, arrivedAt } of errors) assert.ok(Math.abs(at - arrivedAt) < 20_000, `${setMs} ms: ${(at - arrivedAt) / 1000} ms`);
    assert.ok(clock.steps >= 1);
  }
});

test('pictures without time stamps are dated by their arrival', () => {
  const clock = cameraClock(RTSP_LIMITS);
  for (const ms of [0, 40, 90]) {
    clock.see({ ptsMicros: null, cameraMicros: null, begunAt: epochMicros(TRUE_START + ms * 1000) });
    assert.is(clock.capturedAt(null, epochMicros(TRUE_START + ms * 1000)), TRUE_START + ms * 1000);
  }
});

test('a limit of 0 means never', () => {
  const pictures = playCamera({ seed: seed(), fps: 25, skewMs: () => 0, delayMs: 30 }, 5, cameraClock({ offsetMaxMs: 0, jitterMaxMs: 100 }));
  assert.ok(pictures.every(({ isTrusted }) => !isTrusted));
  assert.ok(largest(errorsMs(pictures, 0).map((error) => error - 30)) <= 1);
});

test.run();
