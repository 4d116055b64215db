import type { Random } from '../../engine/random.ts';
import { absolute, constant, product, sine, sum, time, wrapped } from '../formula.ts';
import type { Mover } from '../scene.ts';
import { ASPECT } from '../sprites.ts';
import type { Rgb, SpriteKind } from '../sprites.ts';

/** A way across the picture. Lengths in picture heights, so that scenes look the same at any size. */
export interface Crossing {
  readonly kind: SpriteKind;
  readonly label: string;
  readonly tall: number;
  /** Where its feet or wheels are. */
  readonly ground: number;
  /** Per second; negative: to the left. */
  readonly speed: number;
  /** Where on its round it begins, 0..1. */
  readonly start: number;
  /** Way out of sight between two crossings. */
  readonly pause: number;
  readonly main: Rgb;
  readonly second: Rgb;
}

/** Picture size in pixels. */
export interface Size { readonly width: number; readonly height: number }

/** Something that crosses the picture again and again. People bob as they walk. */
export function crossing(path: Crossing, size: Size, random: Random): Mover {
  const { width, height } = spriteSize(path.kind, path.tall, size);
  const span = size.width + width + path.pause * size.height;
  const run = wrapped(sum(constant(path.start * span), product(constant(Math.abs(path.speed) * size.height), time)), span);
  const isFacingLeft = path.speed < 0;
  const x = isFacingLeft ? sum(constant(size.width), product(constant(-1), run)) : sum(run, constant(-width));
  const top = constant(path.ground * size.height - height);
  const bob = product(constant(-0.012 * size.height * path.tall), absolute(sine(product(constant(2 * Math.PI), time))));
  const y = path.kind === 'person' ? sum(top, bob) : top;
  return { label: path.label, look: { kind: path.kind, main: path.main, second: path.second, isFacingLeft }, width, height, x, y, phase: Math.floor(random.next() * 8) };
}

/** A ball that hops along on the way of a crossing. Lengths in picture heights. */
export interface Hopping extends Omit<Crossing, 'kind' | 'label'> {
  /** How high it hops. */
  readonly high: number;
}

/** Makes a hopping ball. */
export function hopping(path: Hopping, size: Size, random: Random): Mover {
  const { y, ...ball } = crossing({ ...path, kind: 'ball', label: 'sports ball' }, size, random);
  const hop = absolute(sine(sum(product(constant(HOPS_RADIANS), time), constant(random.next() * 3))));
  return { ...ball, y: sum(y, product(constant(-path.high * size.height), hop)) };
}

/** A hop takes a little more than a second. */
const HOPS_RADIANS = 2.6;

/** Deals the items in an order by chance, none twice before all were dealt. */
export function deck<Item>(random: Random, items: readonly [Item, ...Item[]]): () => Item {
  const order = items.map((item) => ({ item, place: random.next() })).toSorted((left, right) => left.place - right.place);
  let dealt = 0;
  return () => order[dealt++ % order.length]?.item ?? items[0];
}

/** Shirts that stand out from each other and from the ground. */
export const SHIRTS: readonly [Rgb, ...Rgb[]] = [[196, 52, 48], [40, 92, 176], [226, 172, 44], [238, 236, 230], [120, 60, 140], [32, 128, 110], [232, 110, 40]];

/** Trousers. */
export const TROUSERS: readonly [Rgb, ...Rgb[]] = [[44, 52, 76], [58, 54, 52], [96, 82, 62], [30, 34, 40]];

/** Car paint: no grey on a grey road. */
export const PAINTS: readonly [Rgb, ...Rgb[]] = [[204, 42, 40], [44, 112, 204], [216, 218, 222], [232, 190, 60], [46, 148, 96], [236, 120, 44]];

function spriteSize(kind: SpriteKind, tall: number, size: Size): Size {
  const height = Math.max(8, Math.round(tall * size.height / 2) * 2);
  return { width: Math.max(8, Math.round(height * ASPECT[kind] / 2) * 2), height };
}
