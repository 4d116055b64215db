import type { Scene } from './scene.ts';
import { spriteChain } from './sprites.ts';

/** Sensor noise, in steps of brightness: enough that no two pictures are equal, little enough that quiet scenes stay cheap to encode. */
const NOISE = 5;

/** A libav filter graph that draws the scene at `frameRate`, for ever. PTS of the first picture is 0. */
export function sceneGraph(scene: Scene, frameRate: number): string {
  const still = `${scene.background},format=yuv420p,loop=loop=-1:size=1:start=0,setpts=N/(${frameRate}*TB)[s0]`;
  const sprites = scene.movers.map((mover, index) => `${spriteChain(`m${index}`, mover.look, mover)}[m${index}]`);
  const overlays = scene.movers.map((mover, index) => (
    `[s${index}][m${index}]overlay=x='${mover.x.text}':y='${mover.y.text}':eval=frame:format=yuv420[s${index + 1}]`
  ));
  const posts = scene.occluders.map(({ x, y, width, height, colour }) => `drawbox=x=${x}:y=${y}:w=${width}:h=${height}:color=${colour}:t=fill`);
  const ending = [...posts, `noise=c0s=${NOISE}:c0f=t`, 'format=yuv420p'];
  return [still, ...sprites, ...overlays, `[s${scene.movers.length}]${ending.join(',')}`].join(';');
}

/** Colours of a still picture, as libav expressions of `u` and `v` (0..1 across the picture) and of `shared` values. */
export interface Painting {
  readonly r: string;
  readonly g: string;
  readonly b: string;
  /** Values that all channels use, by names that stand for them there; each may use those before it. */
  readonly shared: Readonly<Record<string, string>>;
}

/** A chain that draws one picture of this size. */
export function stillPicture(size: { readonly width: number; readonly height: number }, painting: Painting): string {
  const drawnWidth = Math.min(size.width, DRAWN_WIDTH_MAX);
  const drawnHeight = Math.round(size.height * drawnWidth / size.width / 2) * 2;
  const names = ['u', 'v', ...Object.keys(painting.shared)];
  const stored = (expression: string): string => expression.replace(/\b[A-Za-z_]+\b/g, (word) => (names.includes(word) ? `ld(${names.indexOf(word)})` : word));
  const before = ['(X+.5)/W', '(Y+.5)/H', ...Object.values(painting.shared)].map((expression, index) => `st(${index},${stored(expression)})`).join(';');
  const channel = (expression: string): string => `'${before};${stored(expression)}'`;
  const scaled = drawnWidth === size.width && drawnHeight === size.height ? '' : `,scale=${size.width}:${size.height}:flags=bicubic`;
  return `color=c=black:s=${drawnWidth}x${drawnHeight}:r=1:d=1,format=gbrp,geq=r=${channel(painting.r)}:g=${channel(painting.g)}:b=${channel(painting.b)}${scaled}`;
}

/** Larger pictures are drawn at this width and scaled up, so that opening stays quick. */
const DRAWN_WIDTH_MAX = 640;
