import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { WeakPlaces } from '../../../src/feature-ops/activity/weak-places.ts';
import type { Box } from '../../../src/messages/terminal-record.ts';

const PICTURE = { width: 100, height: 100 };
const box = (score: number, x1 = 0, classId = 62): Box => ({ classId, label: 'tv', score, x1, y1: 0, x2: x1 + 20, y2: 30 });

test('something doubtful that comes up at one place again and again does not count there', () => {
  const places = new WeakPlaces();
  const areas = [0, 1, 2, 3, 4, 5].map(second => places.areaOf([box(0.4, second % 2)], PICTURE, second * 1000));
  assert.ok(areas.slice(0, 3).every(area => area > 0), 'at first it may be something');
  assert.equal(areas.slice(4), [0, 0]);
  assert.is(places.areaOf([box(0.4, 50)], PICTURE, 7_000), 0.06, 'elsewhere it counts');
  assert.is(places.areaOf([box(0.4, 0, 1)], PICTURE, 7_000), 0.06, 'so does something else there');
  assert.is(places.areaOf([box(0.4), box(0.6)], PICTURE, 8_000), 0.06, 'and whatever is certain');
});

test('many pictures within a second are one sight, and a place is forgotten when nothing comes up there for long', () => {
  const places = new WeakPlaces();
  for (let at = 0; at < 900; at += 40) assert.is(places.areaOf([box(0.4)], PICTURE, at), 0.06);
  for (let second = 1; second < 6; second += 1) places.areaOf([box(0.4)], PICTURE, second * 1000);
  assert.is(places.areaOf([box(0.4)], PICTURE, 6_000), 0);
  places.areaOf([box(0.4, 60)], PICTURE, 700_000); // makes room
  assert.is(places.areaOf([box(0.4)], PICTURE, 701_000), 0.06);
});

test('the number of places is bounded', () => {
  const places = new WeakPlaces();
  for (let index = 0; index < 500; index += 1) assert.is(places.areaOf([box(0.4, index * 30)], { width: 20_000, height: 100 }, index), 0.0003);
});

test.run();
