import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { toBoxes } from '../../src/inference/boxes.ts';

const frame = { pixels: new Uint8Array(0), width: 416, height: 416, scaleX: 0.5, scaleY: 0.25, padX: 10, padY: 20, sourceWidth: 640, sourceHeight: 480 };

test('boxes are mapped to source pixels by the frame, best score first', () => {
  const rows = Float32Array.of(0, 1, 0.5, 30, 40, 60, 70, 0, 0, 0.75, 10, 20, 20, 30);
  assert.equal(toBoxes(rows, frame, ['person'], 0.1), [
    { classId: 0, label: 'person', score: 0.75, x1: 0, y1: 0, x2: 20, y2: 40 },
    { classId: 1, label: 'class-1', score: 0.5, x1: 40, y1: 80, x2: 100, y2: 200 },
  ]);
});

test('boxes are clipped to the picture, and one that lies outside is left out', () => {
  const rows = Float32Array.of(0, 0, 0.9, -50, -50, 1000, 1000, 0, 0, 0.9, 500, 20, 600, 40);
  assert.equal(toBoxes(rows, frame, [], 0.1), [{ classId: 0, label: 'class-0', score: Math.fround(0.9), x1: 0, y1: 0, x2: 640, y2: 480 }]);
});

test('values that are no numbers, and scores too low, never become boxes', () => {
  const rows = Float32Array.of(0, 0, NaN, 30, 40, 60, 70, 0, 0, 0.9, NaN, 40, 60, 70, 0, 0, 0.05, 30, 40, 60, 70, 0, NaN, 0.9, 30, 40, 60, 70);
  assert.equal(toBoxes(rows, frame, [], 0.1), []);
  assert.equal(toBoxes(Float32Array.of(0, 0, 0.9, 30, 40, Infinity, Infinity), frame, [], 0.1)[0]?.x2, 640);
});

test.run();
