import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { epochMicros } from '../../src/engine/units.ts';
import type { CameraView } from '../../actors/root/camera-tally.ts';
import { LiveTable, renderLine, renderTable } from '../../src/cli/live-table.ts';

const view: CameraView = { camera: 'dock-2', state: 'live', receivedPerSecond: 25, detectedPerSecond: 24.96, dropped: { stale: 3, rate: 120 }, ageP50Ms: 41.2, ageP99Ms: 97, boxes: { person: 2 } };
const idle: CameraView = { camera: 'a', state: 'connecting', receivedPerSecond: 0, detectedPerSecond: 0, dropped: {}, ageP50Ms: null, ageP99Ms: null, boxes: {} };

function table(isTerminal: boolean): { written: string[]; table: LiveTable; pass: (ms: number) => void } {
  const written: string[] = [];
  let nowMs = 0;
  const clock = { now: () => epochMicros(0), monotonicMs: () => nowMs, sleep: () => Promise.resolve() };
  return { written, pass: (ms) => { nowMs += ms; }, table: new LiveTable({ isTerminal, clock, size: () => ({ columns: 100, rows: 20 }), write: (text) => written.push(text) }) };
}

test('shows each camera with rates, ages, boxes and drops by reason', () => {
  assert.equal(renderTable('title', [view, idle], 100, 20), [
    'title',
    'camera  state       in/s  det/s  age p50  p99 ms  boxes     dropped',
    'dock-2  live        25.0   25.0       41      97  person 2  rate 120, stale 3',
    'a       connecting   0.0    0.0        -       -  -         -',
  ]);
});

test('no line is wider than the terminal and the table is lower than it', () => {
  const many = Array.from({ length: 200 }, (_, index) => ({ ...view, camera: `camera-with-a-long-name-${index}`, boxes: { 'person with a hat': 3, truck: 2, bicycle: 1 } }));
  for (const columns of [20, 40, 80, 120, 200]) for (const rows of [3, 6, 24, 50]) {
    const lines = renderTable('a title that is rather long for a narrow terminal', many, columns, rows);
    assert.ok(lines.every((line) => line.length < columns), `${columns}`);
    assert.ok(lines.length < rows || rows < 6, `${rows}: ${lines.length}`);
    assert.match(lines.at(-1)!, /more/);
  }
});

test('control characters of labels do not reach the terminal', () => {
  assert.not.match(renderTable('t', [{ ...view, boxes: { 'a\u001b[2J\nb': 1 } }], 100, 20).join(''), /[\u0000-\u001f]/);
});

test('on a terminal each update replaces the one before', () => {
  const { written, table: live } = table(true);
  live.update('t', [view]);
  live.update('t', [view, idle]);
  live.clear();
  assert.not.match(written[0]!, '\u001b');
  assert.ok(written[1]!.startsWith('\u001b[3A\u001b[0J'));
  assert.is(written[2], '\u001b[4A\u001b[0J');
});

test('elsewhere one line each 10 s says the sums', () => {
  const { written, table: live, pass } = table(false);
  for (let second = 0; second < 25; second++) {
    live.update('t', [view, idle]);
    pass(1000);
  }
  assert.is(written.length, 3);
  assert.is(written[0], '2 cameras (1 live): 25.0 in/s, 25.0 det/s, age p99 97 ms, dropped rate=120 stale=3\n');
  assert.match(renderLine([idle]), '1 camera (0 live): 0.0 in/s, 0.0 det/s, age p99 -, dropped none');
});

test.run();
