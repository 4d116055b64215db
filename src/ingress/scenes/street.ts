import type { ScenePlan } from '../scene.ts';
import { stillPicture } from '../scene-graph.ts';
import { bounce, crossing, deck, PAINTS, SHIRTS, TROUSERS } from './movers.ts';

/** Pseudo-random values in [0, 1): `grain` per pixel, `house` per house, of which seven stand side by side. */
const SHARED = {
  grain: 'mod(abs(sin(X*12.9898+Y*78.233)*43758.5453),1)',
  house: 'mod(abs(sin(floor(u*7+.3)*91.7+4.1)*4375.85),1)',
  roof: '.07+.13*house',
};
const WINDOW = 'between(mod(u*42+.2,1),.26,.74)*between(mod(v*22,1),.22,.72)*lt(v,.4)';
const DOOR = 'between(mod(u*7+.3,1),.42,.56)*gt(v,.375)';
const LANE_MARK = 'lt(abs(v-.715),.006)*lt(mod(u*9,1),.5)';

/** Colours of the parts of the picture, as expressions, from top to bottom. */
function channel(sky: string, front: string, values: { readonly window: number; readonly door: number; readonly walk: number; readonly road: number; readonly kerb: number }): string {
  const wall = `if(${WINDOW},${values.window}+60*gt(mod(abs(sin(floor(u*42+.2)*7.1+floor(v*22)*3.7)*999),1),.7),if(${DOOR},${values.door},if(lt(v,roof+.012),60,(${front})*(.93+.14*grain))))`;
  const walk = `(${values.walk}-14*lt(mod(u*24+v*2,1),.04))*(.95+.1*grain)`;
  const road = `if(${LANE_MARK},225,${values.road}*(.88+.24*grain)*(1-.25*abs(v-.71)))`;
  return `if(lt(v,roof),${sky},if(lt(v,.445),${wall},if(lt(v,.535),${walk},if(lt(v,.55),${values.kerb},if(lt(v,.868),${road},if(lt(v,.885),${values.kerb},${walk}))))))`;
}

const PAINT = {
  shared: SHARED,
  r: channel('120+360*v', `150+80*house`, { window: 62, door: 86, walk: 168, road: 78, kerb: 132 }),
  g: channel('170+230*v', `118+70*mod(house*5,1)`, { window: 78, door: 58, walk: 164, road: 80, kerb: 130 }),
  b: channel('222+80*v', `96+70*mod(house*3,1)`, { window: 96, door: 44, walk: 156, road: 84, kerb: 126 }),
};

/** A street: houses, a pavement on either side, cars in two lanes, a lamp post in front. */
export const street: ScenePlan = {
  name: 'street',
  make({ width, height, random }) {
    const size = { width, height };
    const walker = { kind: 'person', label: 'person', pause: 0.5 } as const;
    const driver = { kind: 'car', label: 'car', pause: 1.6 } as const;
    const [shirt, trousers, paint] = [deck(random, SHIRTS), deck(random, TROUSERS), deck(random, PAINTS)];
    const start = (): number => random.next();
    return {
      name: 'street', width, height,
      background: stillPicture(size, PAINT),
      movers: [
        crossing({ ...walker, main: shirt(), second: trousers(), tall: 0.24, ground: 0.515, speed: 0.11, start: start() }, size, random),
        crossing({ ...walker, main: shirt(), second: trousers(), tall: 0.25, ground: 0.53, speed: -0.14, start: start() }, size, random),
        crossing({ ...driver, main: paint(), second: paint(), tall: 0.19, ground: 0.69, speed: -0.42, start: start() }, size, random),
        crossing({ ...driver, main: paint(), second: paint(), tall: 0.22, ground: 0.84, speed: 0.36, start: start() }, size, random),
        crossing({ ...walker, main: shirt(), second: trousers(), tall: 0.36, ground: 0.94, speed: -0.16, start: start() }, size, random),
        bounce({ tall: 0.07, ground: 0.97, high: 0.13, middle: 0.62, swing: 0.2, main: [226, 120, 40], second: [90, 44, 20] }, size, random),
        crossing({ ...walker, main: shirt(), second: trousers(), tall: 0.4, ground: 0.985, speed: 0.19, start: start() }, size, random),
      ],
      occluders: [{ x: Math.round(width * 0.262), y: Math.round(height * 0.185), width: Math.round(width * 0.047), height: Math.round(height * 0.022), colour: '0x4a5056' }, { x: Math.round(width * 0.28), y: Math.round(height * 0.2), width: Math.max(2, Math.round(width * 0.011)), height: Math.round(height * 0.79), colour: '0x3a4046' }],
    };
  },
};
