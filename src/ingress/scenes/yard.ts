import type { ScenePlan } from '../scene.ts';
import { stillPicture } from '../scene-graph.ts';
import { crossing, deck, hopping, PAINTS, SHIRTS, TROUSERS } from './movers.ts';

/** Pseudo-random values in [0, 1), `grain` per pixel and `leaf` coarser; `hedge` is the upper edge of the hedge. */
const SHARED = {
  grain: 'mod(abs(sin(X*12.9898+Y*78.233)*43758.5453),1)',
  leaf: 'mod(abs(sin(floor(X/3)*12.9898+floor(Y/3)*78.233)*43758.5453),1)',
  hedge: '.11+.03*sin(u*19)+.02*sin(u*47+1)+.01*sin(u*131)',
};
const BRICK_JOINT = 'lt(mod(v*36,1),.12)+lt(mod(u*22+.5*mod(floor(v*36),2),1),.06)';
const SLAT = 'lt(mod(u*40,1),.1)';
const PATH = 'lt(abs(u-.56-.4*(v-.4)),.04+.1*(v-.4))';
const DRIVE = 'lt(v,.425+.004*sin(u*31))';
const MOWN = 'lt(mod(u*5+v*2.2,1),.5)';

/** Colours of the parts of the picture, as expressions. */
function channel(sky: string, values: { readonly leaf: number; readonly brick: number; readonly joint: number; readonly wood: number; readonly grass: number; readonly stone: number }): string {
  const wall = `if(between(u,.03,.1)*between(v,.06,.2),if(lt(abs(u-.065),.003)+lt(abs(v-.13),.005),230,70+60*v),if(${BRICK_JOINT},${values.joint},${values.brick}*(.88+.24*grain)))`;
  const fence = `if(${SLAT}+lt(abs(v-.23),.006),${values.wood}*.55,${values.wood}*(.9+.2*grain))`;
  const grass = `if(${PATH}+${DRIVE},${values.stone}*(.9+.2*grain),${values.grass}*(.8+.3*grain+.1*${MOWN})*(.85+.3*v))`;
  return `if(lt(u,.13)*lt(v,.285),${wall},if(lt(v,hedge),${sky},if(lt(v,.19),${values.leaf}*(.7+.6*leaf),if(lt(v,.3),${fence},${grass}))))`;
}

const PAINT = {
  shared: SHARED,
  r: channel('150+240*v', { leaf: 52, brick: 158, joint: 176, wood: 150, grass: 92, stone: 178 }),
  g: channel('190+150*v', { leaf: 92, brick: 82, joint: 166, wood: 116, grass: 140, stone: 168 }),
  b: channel('228+60*v', { leaf: 44, brick: 66, joint: 150, wood: 82, grass: 58, stone: 148 }),
};

/**
 * A yard from above: a house wall, a fence and a hedge, a drive with a car now and then, grass with a path, a tree in front. A ball hops along
 * behind a walker; in front of them two people walk to and fro and meet.
 */
export const yard: ScenePlan = {
  name: 'yard',
  make({ width, height, random }) {
    const size = { width, height };
    const walker = { kind: 'person', label: 'person' } as const;
    const [shirt, trousers, paint] = [deck(random, SHIRTS), deck(random, TROUSERS), deck(random, PAINTS)];
    const start = (): number => random.next();
    const far = { ground: 0.69, speed: random.next() < 0.5 ? 0.14 : -0.14, pause: 0.5 };
    const first = start();
    return {
      name: 'yard', width, height,
      background: stillPicture(size, PAINT),
      movers: [
        crossing({ kind: 'car', label: 'car', tall: 0.14, ground: 0.415, speed: 0.25, start: start(), pause: 2.2, main: paint(), second: [90, 110, 130] }, size, random),
        crossing({ ...walker, ...far, main: shirt(), second: trousers(), tall: 0.235, start: first }, size, random),
        hopping({ ...far, tall: 0.075, high: 0.16, start: first + 0.3 + 0.4 * start(), main: [244, 246, 248], second: [30, 60, 150] }, size, random),
        crossing({ ...walker, main: shirt(), second: trousers(), tall: 0.26, ground: 0.98, speed: 0.15, start: start(), pause: 0.5 }, size, random),
        crossing({ ...walker, main: shirt(), second: trousers(), tall: 0.27, ground: 0.99, speed: -0.19, start: start(), pause: 0.7 }, size, random),
      ],
      occluders: [{ x: Math.round(width * 0.8), y: 0, width: Math.max(2, Math.round(width * 0.03)), height: Math.round(height * 0.79), colour: '0x4a3626' }],
    };
  },
};
