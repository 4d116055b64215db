import { seededRandom } from '../../src/engine/seeded-random.ts';
import { absolute, constant, product, sum, time, wrapped, type Formula } from '../../src/ingress/formula.ts';
import type { Scene } from '../../src/ingress/scene.ts';
import { makeScene } from '../../src/ingress/scenes/index.ts';
import { crossing } from '../../src/ingress/scenes/movers.ts';

/** Seconds from one coming of the visitor who stops on the way to the next. */
const ROUND_SECONDS = 140;

/** The smaller of two: (a + b - |a - b|) / 2. */
function least(a: Formula, b: Formula): Formula {
  return product(constant(0.5), sum(a, b, product(constant(-1), absolute(sum(a, product(constant(-1), b))))));
}

/** The greater of a value and 0. */
function positive(a: Formula): Formula {
  return product(constant(0.5), sum(a, absolute(a)));
}

/**
 * The synthetic yard, empty most of the time: somebody crosses it, somebody small and far away does, a car drives past, and somebody comes in,
 * stands still for ten seconds and goes on. The ground truth is exact.
 */
export function visitedYard(size: { readonly width: number; readonly height: number }): Scene {
  const random = seededRandom(7);
  const { width, height } = size;
  const yard = makeScene('yard', { ...size, seed: 1 });
  if (!yard) throw new Error('the yard is gone');
  const person = { kind: 'person', label: 'person', main: [196, 52, 48], second: [44, 52, 76] } as const;
  const walker = crossing({ ...person, tall: 0.24, ground: 0.7, speed: 0.3, start: 0.85, pause: 30 }, size, random);
  const visitor = crossing({ ...person, main: [40, 92, 176], tall: 0.3, ground: 0.98, speed: 0.4, start: 0, pause: 1 }, size, random);
  const walk = wrapped(sum(time, constant(30)), ROUND_SECONDS);
  const speed = 0.4 * height;
  const way = (from: number): Formula => product(constant(speed), sum(walk, constant(-from)));
  const stop = 0.4 * width + visitor.width;
  const stops: Formula = sum(least(positive(way(5)), constant(stop)), positive(way(5 + stop / speed + 10)), constant(-visitor.width));
  return {
    ...yard, name: 'visited yard',
    movers: [
      walker,
      crossing({ ...person, main: [226, 172, 44], tall: 0.1, ground: 0.47, speed: -0.2, start: 0.2, pause: 30 }, size, random),
      crossing({ kind: 'car', label: 'car', tall: 0.14, ground: 0.415, speed: 0.5, start: 0.75, pause: 40, main: [204, 42, 40], second: [90, 110, 130] }, size, random),
      { ...visitor, x: stops, y: constant(visitor.y.at(0)) },
    ],
  };
}
