import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { epochMicros } from '../../src/engine/units.ts';
import { seededRandom } from '../../src/engine/seeded-random.ts';
import { OnwardTimes } from '../../src/ingress/onward-times.ts';
import type { SourceUnit } from '../../src/messages/access-unit.ts';
import { PARAMETERS } from '../support/fake-media.ts';

const live = { isLive: true };

interface Stream { readonly atMs: number; readonly pts?: (number | null)[]; readonly dts?: (number | null)[]; readonly den?: number; readonly stepMs?: number }

/** Units every 40 ms from `atMs` on, in ticks of `1 / den` s. */
function units({ atMs, den = 90_000, stepMs = 40, pts = [0, 1, 2, 3].map(index => index * stepMs * den / 1000), dts = pts }: Stream): SourceUnit[] {
  return pts.map((each, index) => ({
    data: Uint8Array.of(index), pts: each, dts: dts[index] ?? null, duration: stepMs * den / 1000, isKey: index === 0, isCorrupt: false,
    capturedAt: epochMicros((atMs + index * stepMs) * 1000), arrivedAt: epochMicros((atMs + index * stepMs) * 1000),
    ...index === 0 && { parameters: { ...PARAMETERS, timeBase: { num: 1, den } } },
  }));
}

test('the first session keeps its times; the next goes on after the time that passed', () => {
  const times = new OnwardTimes();
  const first = units({ atMs: 1_000 }).map(times.follow(live));
  assert.equal(first.map(({ pts }) => pts), [0, 3600, 7200, 10_800]);
  const second = units({ atMs: 3_000, pts: [500, 4100], dts: [500, 4100] }).map(times.follow(live));
  assert.equal(second.map(({ pts }) => pts), [180_000, 183_600], 'two seconds after the first session began');
  assert.equal(second.map(({ dts }) => dts), [180_000, 183_600]);
});

test('a session in another time base goes on in its own', () => {
  const times = new OnwardTimes();
  units({ atMs: 1_000 }).map(times.follow(live));
  const second = units({ atMs: 2_000, den: 1000 }).map(times.follow(live));
  assert.equal(second.map(({ pts }) => pts), [1000, 1040, 1080, 1120]);
});

test('a session that begins before the end of the one before it, by event time, still goes on behind it', () => {
  const times = new OnwardTimes();
  units({ atMs: 1_000 }).map(times.follow(live));
  const second = units({ atMs: 1_040 }).map(times.follow(live));
  assert.equal(second.map(({ pts }) => pts), [14_400, 18_000, 21_600, 25_200]);
});

test('pictures without times stay without; one of the two is enough to go on', () => {
  const times = new OnwardTimes();
  units({ atMs: 0, dts: [null, null, null, null] }).map(times.follow(live));
  const second = units({ atMs: 1_000, pts: [null, null], dts: [7, 3607] }).map(times.follow(live));
  assert.equal(second.map(({ pts, dts }) => [pts, dts]), [[null, 90_000], [null, 93_600]]);
  const third = units({ atMs: 2_000, pts: [null], dts: [null] }).map(times.follow(live));
  assert.equal(third.map(({ pts, dts }) => [pts, dts]), [[null, null]]);
});

test('a recording that is read as fast as it goes keeps its own times', () => {
  const times = new OnwardTimes();
  units({ atMs: 1_000 }).map(times.follow(live));
  assert.equal(units({ atMs: 9_000 }).map(times.follow({ isLive: false })).map(({ pts }) => pts), [0, 3600, 7200, 10_800]);
});

test('whatever sessions follow each other, time goes on, and by no more than what passed where that is positive', () => {
  const seed = Math.floor(Math.random() * 2 ** 32);
  const random = seededRandom(seed);
  for (let round = 0; round < 200; round++) {
    const times = new OnwardTimes();
    let lastSeconds = Number.NEGATIVE_INFINITY;
    for (let session = 0, atMs = 0; session < 10; session++) {
      atMs += Math.floor((random.next() - 0.3) * 5_000);
      const den = [1000, 12_800, 90_000, 1_000_000][Math.floor(random.next() * 4)]!;
      const start = Math.floor(random.next() * 2 ** 33);
      const placed = units({ atMs, den, pts: [0, 2, 1, 3].map(index => start + (index + 1) * den / 25), dts: [0, 1, 2, 3].map(index => start + index * den / 25) }).map(times.follow(live));
      for (const { dts, pts } of placed) {
        assert.ok(dts! / den > lastSeconds - 1e-9 || placed[0]!.dts !== dts, `seed ${seed}`);
        assert.ok(Number.isSafeInteger(dts) && Number.isSafeInteger(pts), `seed ${seed}`);
      }
      assert.ok(placed[0]!.dts! / den > lastSeconds, `seed ${seed}: ${placed[0]!.dts! / den} after ${lastSeconds}`);
      lastSeconds = Math.max(...placed.flatMap(({ pts, dts }) => [pts! / den, dts! / den]));
    }
  }
});

test.run();
