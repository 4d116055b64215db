import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { VisionPlaces } from '../../../actors/root/vision-places.ts';
import type { CameraId } from '../../../src/engine/units.ts';
import { rollDice } from '../../support/dice.ts';

const id = (name: string): CameraId => name as CameraId;
const MINUTE_MS = 60_000;

/** Tells the loads (shares of a process' time) until they are learnt. */
function learn(places: VisionPlaces, loads: Readonly<Record<string, number>>): void {
  for (let report = 0; report < 40; report += 1) {
    for (const place of [0, 1, 2]) places.observe(place, Object.fromEntries(Object.entries(loads).map(([camera, load]) => [camera, load * 5_000])), 5_000);
  }
}

test('cameras of which nothing is known are spread evenly, and each stays where it is', () => {
  const places = new VisionPlaces(3);
  const first = Array.from({ length: 9 }, (_, index) => places.place(id(`c${index}`)));
  assert.equal([0, 1, 2].map(place => first.filter(each => each === place).length), [3, 3, 3]);
  assert.equal(Array.from({ length: 9 }, (_, index) => places.place(id(`c${index}`))), first);
});

test('a new camera goes where the least is to do, not where the fewest are', () => {
  const places = new VisionPlaces(2);
  for (const camera of ['large', 'a', 'b', 'c']) places.place(id(camera));
  learn(places, { large: 0.8, a: 0.05, b: 0.05, c: 0.05 });
  const ofLarge = places.get(id('large'));
  for (const camera of ['d', 'e']) assert.is.not(places.place(id(camera)), ofLarge, camera);
});

test('one camera is moved from a full process, the one that evens loads out best, and then none for a minute', () => {
  const places = new VisionPlaces(2);
  for (const camera of ['a', 'b', 'c', 'd', 'e', 'f']) places.place(id(camera));
  learn(places, { a: 0.4, c: 0.4, e: 0.2, b: 0.1, d: 0.1, f: 0.1 });
  assert.equal(places.loads().map(load => Number(load.toFixed(2))), [1, 0.3]);
  const move = places.move(0);
  assert.equal(move, { camera: 'a', place: 1 });
  assert.is(places.get(id('a')), 1);
  assert.is(places.move(MINUTE_MS / 2), undefined);
  assert.is(places.move(2 * MINUTE_MS), undefined, 'it is even now');
});

test('nothing is moved while there is time for all, nor to and fro, whatever the loads', () => {
  const dice = rollDice('places');
  for (let round = 0; round < 200; round += 1) {
    const places = new VisionPlaces(3);
    const loads: Record<string, number> = {};
    for (let camera = 0; camera < dice.between(1, 20); camera += 1) {
      loads[`c${camera}`] = dice.between(1, 60) / 100;
      places.place(id(`c${camera}`));
    }
    learn(places, loads);
    const before = Math.max(...places.loads());
    let moves = 0;
    for (let minute = 1; minute < 100; minute += 1) if (places.move(minute * 2 * MINUTE_MS)) moves += 1;
    assert.ok(moves <= 20, `${moves} moves`);
    assert.ok(before >= 0.85 || moves === 0, 'there was no need');
    assert.ok(Math.max(...places.loads()) <= before + 1e-9);
  }
});

test('a removed camera leaves its place', () => {
  const places = new VisionPlaces(2);
  for (const camera of ['a', 'b', 'c']) places.place(id(camera));
  places.remove(id('a'));
  places.remove(id('c'));
  assert.is(places.get(id('a')), undefined);
  assert.is(places.place(id('d')), 0);
});

test.run();
