import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { toBoxes } from '../../src/inference/boxes.ts';

test('rows become boxes of their frames, best score first', () => {
  const rows = Float32Array.of(0, 1, 0.5, 40, 80, 100, 200, 1, 0, 0.25, 1, 2, 3, 4, 0, 0, 0.75, 0, 0, 20, 40);
  assert.equal(toBoxes(rows, 3, ['person'], 0.1), [
    [{ classId: 0, label: 'person', score: 0.75, x1: 0, y1: 0, x2: 20, y2: 40 }, { classId: 1, label: 'class-1', score: 0.5, x1: 40, y1: 80, x2: 100, y2: 200 }],
    [{ classId: 0, label: 'person', score: 0.25, x1: 1, y1: 2, x2: 3, y2: 4 }],
    [],
  ]);
});

test('values that are no numbers, scores too low, boxes without area and frames that nobody gave never become boxes', () => {
  const rows = Float32Array.of(
    0, 0, NaN, 30, 40, 60, 70, 0, 0, 0.9, NaN, 40, 60, 70, 0, 0, 0.05, 30, 40, 60, 70, 0, NaN, 0.9, 30, 40, 60, 70,
    0, 0, 0.9, 30, 40, 30, 70, 0, 0, 0.9, 30, 40, 20, 70, 1, 0, 0.9, 30, 40, 60, 70, -1, 0, 0.9, 30, 40, 60, 70, 0, -1, 0.9, 30, 40, 60, 70,
  );
  assert.equal(toBoxes(rows, 1, [], 0.1), [[]]);
  assert.equal(toBoxes(Float32Array.of(NaN, 0, 0.9, 30, 40, 60, 70), 1, [], 0.1), [[]]);
});

test.run();
