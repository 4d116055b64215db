import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { epochMicros } from '../../../src/engine/units.ts';
import { trackers } from '../../../src/feature-ops/trackers/index.ts';
import type { Tracker } from '../../../src/feature-ops/trackers/tracker.ts';
import type { Box } from '../../../src/messages/terminal-record.ts';
import { sceneFrames, scoreTracker, type Flaws } from '../../support/tracked-scene.ts';
import { seeded } from '../../support/small-models.ts';

const make = await trackers.create('byte-track', {}, undefined);
const box = (x: number, options: Partial<Box> = {}): Box => ({ classId: 0, label: 'person', score: 0.9, x1: x, y1: 100, x2: x + 40, y2: 180, ...options });

/** Ids of the boxes of each frame, 0 for none. Frames are `seconds` apart. */
function idsOf(tracker: Tracker, frames: readonly (readonly Box[])[], seconds = 0.04, from = 0): number[][] {
  return frames.map((boxes, index) => tracker.track(epochMicros(Math.round((from + index * seconds) * 1e6)), boxes).map(({ trackId }) => trackId ?? 0));
}

test('objects keep their ids while they move and pass each other; boxes keep their order and their fields', () => {
  const frames = Array.from({ length: 60 }, (_, index) => [box(index * 5, { y1: 90, y2: 170 }), box(300 - index * 5, { y1: 130, y2: 210 })]);
  assert.equal(idsOf(make(1), frames), frames.map(() => [1, 2]));
  const [first, second] = make(7).track(epochMicros(0), [box(10, { score: 0.95 }), box(200)]);
  assert.equal([first, second], [{ ...box(10, { score: 0.95 }), trackId: 7 }, { ...box(200), trackId: 8 }]);
});

test('what appears later is an object once a second frame confirms it, and a flash never is one', () => {
  assert.equal(idsOf(make(1), [[box(0)], [box(0), box(300)], [box(0), box(300)], [box(0), box(300)]]), [[1], [1, 0], [1, 2], [1, 2]]);
  assert.equal(idsOf(make(1), [[box(0)], [box(0), box(300)], [box(0)], [box(0), box(500)], [box(0)]]), [[1], [1, 0], [1], [1, 0], [1]]);
});

test('a poor box keeps an object going but begins none', () => {
  const frames = [0.9, 0.3, 0.2, 0.4, 0.9].map((score, index) => [box(index * 2, { score }), box(400, { score: 0.4 })]);
  assert.equal(idsOf(make(1), frames).map(([id]) => id), [1, 1, 1, 1, 1]);
  assert.equal(idsOf(make(1), frames).map(([, id]) => id), [0, 0, 0, 0, 0]);
});

test('an object that is hidden for less than the buffer comes back under its id, where it should be by then; later it is another', () => {
  const moving = (index: number): Box => box(index * 4);
  const frames = (hidden: number): Box[][] => Array.from({ length: 80 }, (_, index) => (index >= 20 && index < 20 + hidden ? [] : [moving(index)]));
  const idAfter = (hidden: number): number | undefined => idsOf(make(1), frames(hidden)).at(-1)?.[0];
  assert.equal([idAfter(10), idAfter(24), idAfter(30)], [1, 1, 2]);
});

test('time and not frames decide how long an object is remembered, but three frames always are', () => {
  const still = (missing: number): Box[][] => [[box(0)], [box(0)], ...Array.from({ length: missing }, () => []), [box(0)], [box(0)]];
  const idAfter = (missing: number, seconds: number): number | undefined => idsOf(make(1), still(missing), seconds).at(-1)?.[0];
  assert.equal([idAfter(20, 0.04), idAfter(40, 0.04), idAfter(40, 0.01)], [1, 2, 1]);
  assert.equal([idAfter(1, 2), idAfter(2, 2), idAfter(3, 2)], [1, 1, 2], 'at a frame every two seconds');
});

test('frames that are left out make no difference: the pace is per second', () => {
  const random = seeded(11);
  const tracker = make(1);
  const ids = new Set<number>();
  for (let at = 0; at < 20; at += [0.04, 0.04, 0.12, 0.2, 0.04, 0.4][Math.floor(random() * 6)]!) ids.add(tracker.track(epochMicros(Math.round(at * 1e6)), [box(at * 60)])[0]?.trackId ?? 0);
  assert.equal([...ids], [1]);
});

test('a box is never matched with an object of another class', () => {
  const frames = Array.from({ length: 6 }, (_, index) => [box(0, { classId: index % 2 }), box(1, { classId: 1 - index % 2 })]);
  assert.equal(idsOf(make(1), frames), [[1, 2], [2, 1], [1, 2], [2, 1], [1, 2], [2, 1]]);
});

test('a jump back in time starts over, and ids are never given twice', () => {
  const tracker = make(1);
  assert.equal(idsOf(tracker, [[box(0)], [box(0)]], 0.04, 100), [[1], [1]]);
  assert.equal(idsOf(tracker, [[box(0)], [box(0)]], 0.04, 0), [[2], [2]]);
});

test('thousands of boxes and objects that never come back cost bounded time and memory', () => {
  const random = seeded(5);
  const tracker = make(1);
  const storm = Array.from({ length: 40 }, () => Array.from({ length: 600 }, () => box(random() * 4000, { y1: 0, y2: 20, classId: Math.floor(random() * 80) })));
  const startMs = performance.now();
  const before = process.memoryUsage().heapUsed;
  for (const ids of idsOf(tracker, storm)) assert.ok(ids.slice(256).every(id => id === 0));
  assert.ok(performance.now() - startMs < 20_000);
  assert.ok(process.memoryUsage().heapUsed - before < 200e6);
});

const CLEAN: Flaws = { missed: 0, invented: 0, offBy: 1, seed: 1 };
const ROUGH: Flaws = { missed: 0.08, invented: 0.2, offBy: 4, seed: 2 };

/** What another ByteTrack (supervision 0.25.1 of PyPI, one tracker a class, lost_track_buffer 30) reaches on the same boxes, scored by py-motmetrics 1.4.0: MOTA, IDF1. */
const OTHERS = {
  street: { 'a good detector at 30 fps': [0.981, 0.985], 'a poor detector at 15 fps': [0.89, 0.885], 'a good detector at 5 fps': [0.813, 0.873], 'a poor detector at 5 fps': [0.748, 0.854] },
  yard: { 'a good detector at 30 fps': [0.967, 0.82], 'a poor detector at 15 fps': [0.858, 0.684], 'a good detector at 5 fps': [0.747, 0.834], 'a poor detector at 5 fps': [0.689, 0.804] },
} as const;

for (const [scene, rows] of Object.entries(OTHERS)) {
  for (const [what, [mota, idf1]] of Object.entries(rows)) {
    test(`${scene}, ${what}: objects are followed as well as another ByteTrack does`, () => {
      const frames = sceneFrames(`synthetic://${scene}?size=640x360&seed=4`, { seconds: 60, intervals: [1 / Number(/(\d+) fps/.exec(what)?.[1])], flaws: what.includes('poor') ? ROUGH : CLEAN });
      const score = scoreTracker(make(1), frames);
      console.log(`    ${scene}, ${what}: MOTA ${score.mota.toFixed(3)} (${mota}), IDF1 ${score.idf1.toFixed(3)} (${idf1}), ${score.switches} switches over ${score.boxes} boxes`);
      assert.ok(score.mota >= mota - 0.02 && score.idf1 >= idf1 - 0.04, JSON.stringify(score));
    });
  }
}

test('frames at any interval are followed as well as regular ones', () => {
  const score = scoreTracker(make(1), sceneFrames('synthetic://street?size=640x360&seed=4', { seconds: 60, intervals: [0.2, 0.2, 0.6, 0.2, 0.04], flaws: CLEAN }));
  assert.ok(score.mota > 0.78 && score.idf1 > 0.85, JSON.stringify(score));
});

test.run();
