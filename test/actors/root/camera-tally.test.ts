import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { epochMicros, type CameraId } from '../../../src/engine/units.ts';
import { CameraTally, percentile } from '../../../actors/root/camera-tally.ts';
import type { TerminalRecord } from '../../../src/messages/terminal-record.ts';

function detected(ageMs: number, labels: readonly string[] = []): TerminalRecord {
  return {
    kind: 'detected', camera: 'a' as CameraId, epoch: 1, frameSeq: 0, capturedAt: epochMicros(0), ptsSeconds: 0, width: 10, height: 10, model: 'm@1', modelDigest: '', provider: 'cpu',
    boxes: labels.map((label) => ({ classId: 0, label, score: 1, x1: 0, y1: 0, x2: 1, y2: 1 })), timings: { decodeMs: 1, waitMs: 1, inferMs: 1, ageMs },
  };
}

test('rates are those of the last seconds and fall to zero when nothing comes', () => {
  const tally = new CameraTally('a', 1000);
  for (let ms = 1000; ms < 21_000; ms += 40) {
    tally.received(1, ms);
    if (ms % 80 === 0) tally.record(detected(50), ms);
  }
  const live = tally.view(21_000);
  assert.ok(Math.abs(live.receivedPerSecond - 25) < 0.5, String(live.receivedPerSecond)); // one frame more or less fits the window
  assert.ok(Math.abs(live.detectedPerSecond - 12.5) < 0.5, String(live.detectedPerSecond));
  const later = tally.view(60_000);
  assert.is(later.receivedPerSecond, 0);
  assert.is(later.ageP50Ms, null);
});

test('drops are counted by reason over whole ranges', () => {
  const tally = new CameraTally('a', 0);
  const drop = { kind: 'dropped', camera: 'a' as CameraId, epoch: 1, capturedAt: epochMicros(0), isIntentional: false } as const;
  tally.record({ ...drop, from: 3, to: 7, reason: 'stale' }, 0);
  tally.record({ ...drop, from: 8, to: 8, reason: 'stale' }, 0);
  tally.record({ ...drop, from: 9, to: 10, reason: 'not-wanted' }, 0);
  assert.equal(tally.view(1000).dropped, { stale: 6, 'not-wanted': 2 });
});

test('where only counts are known, they make the rate and the drops', () => {
  const tally = new CameraTally('a', 0);
  for (let ms = 0; ms < 5_000; ms += 1_000) tally.ended(10, { stale: ms / 1_000 }, ms);
  const { detectedPerSecond, dropped } = tally.view(4_999);
  assert.ok(Math.abs(detectedPerSecond - 10) < 0.5, String(detectedPerSecond));
  assert.equal(dropped, { stale: 4 });
});

test('boxes are those of the last detected frame, ages have percentiles', () => {
  const tally = new CameraTally('a', 0);
  for (let age = 1; age <= 100; age++) tally.record(detected(age, ['person']), 10);
  tally.record(detected(100, ['person', 'person', 'dog']), 10);
  const { boxes, ageP50Ms, ageP99Ms } = tally.view(1000);
  assert.equal(boxes, { person: 2, dog: 1 });
  assert.equal([ageP50Ms, ageP99Ms], [51, 100]);
  assert.is(percentile([], 0.5), null);
});

test.run();
