import type { Random } from '../engine/random.ts';
import type { Formula } from './formula.ts';
import type { SpriteLook } from './sprites.ts';

/** Something that moves. Positions are of the upper left corner, in pixels. */
export interface Mover {
  /** As detectors trained on COCO call it. */
  readonly label: string;
  readonly look: SpriteLook;
  readonly width: number;
  readonly height: number;
  readonly x: Formula;
  readonly y: Formula;
  /** Where in its step the figure begins, in eighths. */
  readonly phase: number;
}

/** Something in front of everything, such as a post: it hides what is behind it. */
export interface Occluder {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
  readonly colour: string;
}

/** A picture that can be drawn and whose contents are known. */
export interface Scene {
  readonly name: string;
  readonly width: number;
  readonly height: number;
  /** Still picture behind all, as a libav chain that draws it once at `width` x `height`. */
  readonly background: string;
  /** From back to front. */
  readonly movers: readonly Mover[];
  readonly occluders: readonly Occluder[];
}

/** What a scene is made from. Even sizes. */
export interface SceneRequest { readonly width: number; readonly height: number; readonly random: Random }

/** Makes one kind of scene. */
export interface ScenePlan { readonly name: string; make(request: SceneRequest): Scene }

/** An object that can be seen. Corners in pixels, clipped to the picture. */
export interface TrueBox {
  readonly label: string;
  readonly x1: number;
  readonly y1: number;
  readonly x2: number;
  readonly y2: number;
}

/** An object of the scene that shows at least in part. */
export interface SceneObject extends TrueBox {
  /** The part of it that is inside the picture and not covered, above 0 to 1. */
  readonly visible: number;
  /** Which mover of the scene it is: its index, the same at all times. */
  readonly mover: number;
}

/** An object counts while at least this part of it is inside the picture and not covered. */
export const VISIBLE_MIN = 0.6;

type Rectangle = Omit<TrueBox, 'label'>;

/**
 * The objects that can be seen `t` seconds after the first picture (whose PTS is 0), from back to front; exact to the pixel. Those that show
 * by less than 60 % are left out: neither finding nor missing them is an error (`objectsAt` has them, for evaluators to ignore).
 */
export function truthAt(scene: Scene, t: number): TrueBox[] {
  return objectsAt(scene, t).filter(({ visible }) => visible >= VISIBLE_MIN).map(({ visible: _visible, mover: _mover, ...box }) => box);
}

/** Every object that shows at least in part, as `truthAt`. */
export function objectsAt(scene: Scene, t: number): SceneObject[] {
  const places = scene.movers.map((mover) => placeAt(mover, t));
  const posts = scene.occluders.map(({ x, y, width, height }) => ({ x1: x, y1: y, x2: x + width, y2: y + height }));
  const seen: SceneObject[] = [];
  for (const [index, mover] of scene.movers.entries()) {
    const place = places[index];
    if (place === undefined) continue;
    const inside = clipped(place, { x1: 0, y1: 0, x2: scene.width, y2: scene.height });
    const hidden = coveredArea(inside, [...places.slice(index + 1), ...posts]);
    const visible = (area(inside) - hidden) / (mover.width * mover.height);
    if (visible > 0) seen.push({ label: mover.label, ...inside, visible, mover: index });
  }
  return seen;
}

/** libav's overlay cuts positions to whole, even pixels (vf_overlay.c, normalize_xy), as chroma has half the resolution. */
function placeAt(mover: Mover, t: number): Rectangle {
  const x1 = Math.trunc(mover.x.at(t)) & ~1;
  const y1 = Math.trunc(mover.y.at(t)) & ~1;
  return { x1, y1, x2: x1 + mover.width, y2: y1 + mover.height };
}

function clipped(box: Rectangle, limits: Rectangle): Rectangle {
  const x1 = Math.min(Math.max(box.x1, limits.x1), limits.x2);
  const y1 = Math.min(Math.max(box.y1, limits.y1), limits.y2);
  return { x1, y1, x2: Math.max(x1, Math.min(box.x2, limits.x2)), y2: Math.max(y1, Math.min(box.y2, limits.y2)) };
}

function area(box: Rectangle): number {
  return (box.x2 - box.x1) * (box.y2 - box.y1);
}

/** Area of `box` under the union of `covers`, counted in the grid that all their edges make. */
function coveredArea(box: Rectangle, covers: readonly Rectangle[]): number {
  const over = covers.map((cover) => clipped(cover, box)).filter((cover) => area(cover) > 0);
  if (over.length === 0) return 0;
  const columns = edges(over.flatMap(({ x1, x2 }) => [x1, x2]));
  const rows = edges(over.flatMap(({ y1, y2 }) => [y1, y2]));
  let total = 0;
  for (const [left, right] of columns) {
    for (const [top, bottom] of rows) {
      if (over.some((cover) => cover.x1 <= left && cover.x2 >= right && cover.y1 <= top && cover.y2 >= bottom)) total += (right - left) * (bottom - top);
    }
  }
  return total;
}

function edges(values: readonly number[]): [from: number, to: number][] {
  const sorted = [...new Set(values)].toSorted((left, right) => left - right);
  return sorted.slice(1).map((to, index) => [sorted[index] ?? to, to]);
}
