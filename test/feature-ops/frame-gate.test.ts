import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { epochMicros } from '../../src/engine/units.ts';
import { EveryNth, FrameRateGate } from '../../src/feature-ops/frame-gate.ts';
import { rollDice } from '../support/dice.ts';

/** Times that pass, of frames at `fps` for ten seconds, as a 90 kHz clock rounds them. */
function passing(fps: number, maxFps: number | null): number[] {
  const gate = new FrameRateGate(maxFps);
  return Array.from({ length: fps * 10 }, (_, index) => Math.floor(index * 90_000 / fps) * (1e6 / 90_000)).filter(at => gate.admits(epochMicros(at)));
}

const steps = (times: readonly number[]): number[] => times.slice(1).map((at, index) => at - times[index]!);

test('a rate that divides the source\'s gives even steps', () => {
  for (const [fps, maxFps] of [[30, 7.5], [30, 15], [25, 5], [60, 10], [50, 25]] as const) {
    const times = passing(fps, maxFps);
    assert.is(times.length, maxFps * 10);
    assert.ok(steps(times).every(step => Math.abs(step - 1e6 / maxFps) < 100), `${fps} to ${maxFps}`);
  }
});

test('another rate is met on average, with steps that differ by no more than a frame', () => {
  for (const [fps, maxFps] of [[25, 10], [30, 12], [24, 10], [15, 10], [30, 29]] as const) {
    const times = passing(fps, maxFps);
    assert.ok(Math.abs(times.length - maxFps * 10) <= 1, `${fps} to ${maxFps}: ${times.length}`);
    assert.ok(steps(times).every(step => Math.abs(step - 1e6 / maxFps) < 1e6 / fps + 1), `${fps} to ${maxFps}`);
  }
});

test('a source slower than the limit passes whole, and so does everything without one', () => {
  assert.is(passing(10, 25).length, 100);
  assert.is(passing(25, 25).length, 250);
  assert.is(passing(30, null).length, 300);
});

test('frames at irregular times never pass faster than the limit on average', () => {
  const dice = rollDice('frame gate');
  for (let round = 0; round < 50; round += 1) {
    const maxFps = dice.between(1, 20);
    const gate = new FrameRateGate(maxFps);
    let at = 0;
    let count = 0;
    while (at < 20e6) {
      at += dice.pick([3_000, 20_000, 40_000, 90_000, 700_000]);
      if (gate.admits(epochMicros(at))) count += 1;
    }
    assert.ok(count <= maxFps * at / 1e6 + 1, `${count} frames in ${at / 1e6} s at ${maxFps} a second`);
  }
});

test('a clock that was set back starts the rate over', () => {
  const gate = new FrameRateGate(1);
  assert.ok(gate.admits(epochMicros(100e6)));
  assert.not.ok(gate.admits(epochMicros(100.5e6)));
  assert.ok(gate.admits(epochMicros(50e6)));
  assert.not.ok(gate.admits(epochMicros(50.5e6)));
  assert.ok(gate.admits(epochMicros(51e6)));
});

test('a rate that changes holds from the next frame on', () => {
  let maxFps: number | null = 1;
  const gate = new FrameRateGate(() => maxFps);
  const admitted = (fromSeconds: number): number => Array.from({ length: 25 }, (_, index) => gate.admits(epochMicros((fromSeconds + index / 25) * 1e6))).filter(Boolean).length;
  assert.is(admitted(100), 1);
  maxFps = 5;
  assert.ok(Math.abs(admitted(101) - 5) <= 1);
  assert.is(admitted(102), 5);
  maxFps = null;
  assert.is(admitted(103), 25);
  maxFps = 1;
  assert.is(admitted(104), 1);
});

test('every third picture passes, the first one included', () => {
  const gate = new EveryNth(3);
  assert.equal(Array.from({ length: 7 }, () => gate.admits()), [true, false, false, true, false, false, true]);
});

test.run();
