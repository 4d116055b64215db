import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { makeScene, SCENES } from '../../src/ingress/scenes/index.ts';
import { truthAt } from '../../src/ingress/scene.ts';
import type { Scene } from '../../src/ingress/scene.ts';
import { sceneGraph } from '../../src/ingress/scene-graph.ts';
import { renderGraph } from '../support/render-graph.ts';
import type { RenderedPicture } from '../support/render-graph.ts';

const RATE = 15;
const SIZE = { width: 640, height: 360, seed: 7 };
const TOLERANCE = 2;

/** The rectangle in which two pictures differ by more than sensor noise can explain. */
function changedBox(picture: RenderedPicture, empty: RenderedPicture): { x1: number; y1: number; x2: number; y2: number } | null {
  let [x1, y1, x2, y2] = [Infinity, Infinity, -1, -1];
  for (let y = 0; y < picture.height; y++) {
    for (let x = 0; x < picture.width; x++) {
      const [red, green, blue] = picture.colourAt(x, y);
      const [red0, green0, blue0] = empty.colourAt(x, y);
      if (Math.abs(red - red0) + Math.abs(green - green0) + Math.abs(blue - blue0) < 60) continue;
      [x1, y1, x2, y2] = [Math.min(x1, x), Math.min(y1, y), Math.max(x2, x + 1), Math.max(y2, y + 1)];
    }
  }
  return x2 < 0 ? null : { x1, y1, x2, y2 };
}

/** The scene with one mover alone, on plain ground that no sprite blends into. */
function alone(scene: Scene, index: number): Scene {
  const background = `color=c=0x00ff00:s=${scene.width}x${scene.height}:r=1:d=1`;
  return { ...scene, background, movers: [scene.movers[index]!], occluders: [] };
}

for (const name of SCENES.keys()) {
  test(`in '${name}' each object is drawn where the truth says, within two pixels`, () => {
    const scene = makeScene(name, SIZE)!;
    const numbers = [0, 7, 31, 64, 100, 149];
    const [empty] = renderGraph(sceneGraph({ ...alone(scene, 0), movers: [] }, RATE), [0]);
    let compared = 0;
    for (const index of scene.movers.keys()) {
      const single = alone(scene, index);
      for (const [at, picture] of renderGraph(sceneGraph(single, RATE), numbers).entries()) {
        const [box] = truthAt(single, numbers[at]! / RATE);
        if (box === undefined) continue;
        const drawn = changedBox(picture, empty!);
        assert.ok(drawn !== null, `${box.label} ${index} is drawn in picture ${numbers[at]}`);
        for (const side of ['x1', 'y1', 'x2', 'y2'] as const) {
          assert.ok(Math.abs(drawn[side] - box[side]) <= TOLERANCE, `${box.label} ${index}, picture ${numbers[at]}, ${side}: drawn ${drawn[side]}, said ${box[side]}`);
        }
        compared++;
      }
    }
    assert.ok(compared > scene.movers.length, `${compared} boxes compared`);
  });
}

test('the scenes look different and are textured', () => {
  const means = [...SCENES.keys()].map((name) => {
    const [picture] = renderGraph(makeScene(name, SIZE)!.background, [0]);
    const { pixels } = picture!;
    const mean = [0, 1, 2].map((channel) => pixels.filter((_, index) => index % 3 === channel).reduce((total, value) => total + value, 0) / (pixels.length / 3));
    const spread = Math.sqrt(pixels.reduce((total, value, index) => total + (value - mean[index % 3]!) ** 2, 0) / pixels.length);
    assert.ok(spread > 20, `${name}: spread ${spread}`);
    return mean;
  });
  assert.ok(Math.hypot(...means[0]!.map((value, channel) => value - means[1]![channel]!)) > 15);
});

test('the same seed makes the same scene, another seed another', () => {
  const text = (seed: number): string => sceneGraph(makeScene('street', { ...SIZE, seed })!, RATE);
  assert.is(text(3), text(3));
  assert.is.not(text(3), text(4));
});

test('objects that leave the picture or are hidden by more than 40 % are not counted, and boxes stay inside', () => {
  const scene = makeScene('street', SIZE)!;
  const counts = new Set<number>();
  for (let t = 0; t < 120; t += 0.2) {
    const boxes = truthAt(scene, t);
    counts.add(boxes.length);
    for (const { x1, y1, x2, y2 } of boxes) assert.ok(x1 >= 0 && y1 >= 0 && x2 <= 640 && y2 <= 360 && x1 < x2 && y1 < y2);
  }
  assert.ok(Math.min(...counts) < scene.movers.length && Math.max(...counts) >= 4, [...counts].join());
  const still = { at: () => 100, text: '100' };
  const mover = { ...scene.movers[0]!, x: still, y: still, width: 40, height: 100 };
  const post = (width: number) => ({ x: 100, y: 0, width, height: 360, colour: 'black' });
  assert.is(truthAt({ ...scene, movers: [mover], occluders: [post(16)] }, 0).length, 1);
  assert.is(truthAt({ ...scene, movers: [mover], occluders: [post(17)] }, 0).length, 0);
  assert.is(truthAt({ ...scene, movers: [mover], occluders: [post(10), post(12), { ...post(10), x: 104 }] }, 0).length, 1, 'covers that overlap count once');
  assert.is(truthAt({ ...scene, movers: [mover, mover], occluders: [] }, 0).length, 1);
});

test.run();
