import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { epochMicros } from '../../src/engine/units.ts';
import { ProgressBar, renderProgress } from '../../src/cli/progress-bar.ts';

test('says share, speed and time left within the width of the terminal', () => {
  assert.is(renderProgress(120, 240, 4, 80), `[${'#'.repeat(20)}${'.'.repeat(19)}] 50 % 120/240 frames 30.0 fps 4 s left`);
  for (const columns of [1, 10, 40, 200]) assert.ok(renderProgress(120, 240, 4, columns).length <= Math.max(1, columns - 1));
});

test('an unknown total shows frames and speed, a wrong one never more than all', () => {
  assert.is(renderProgress(10, null, 2, 80), '10 frames 5.0 fps');
  assert.match(renderProgress(300, 240, 2, 80), '100 % 300/240');
  assert.match(renderProgress(0, 240, 0, 80), '0 % 0/240 frames 0.0 fps');
});

test('redraws a terminal a few times a second, writes a line each 10 s elsewhere', () => {
  for (const [isTerminal, expected] of [[true, 15], [false, 2]] as const) {
    const written: string[] = [];
    let nowMs = 0;
    const bar = new ProgressBar({ isTerminal, columns: () => 80, write: (text) => written.push(text), clock: { now: () => epochMicros(0), monotonicMs: () => nowMs, sleep: () => Promise.resolve() } });
    for (let frame = 0; frame < (isTerminal ? 300 : 2500); frame++, nowMs += 10) bar.update(frame, 3000);
    assert.is(written.length, expected);
    bar.end();
    assert.is(written.at(-1) === '\r\u001b[K', isTerminal);
  }
});

test.run();
