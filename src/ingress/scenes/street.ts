import type { ScenePlan } from '../scene.ts';
import { stillPicture } from '../scene-graph.ts';
import { crossing, deck, hopping, PAINTS, SHIRTS, TROUSERS } from './movers.ts';

/** Pseudo-random values in [0, 1): `grain` per pixel, `house` per house, of which seven stand side by side. */
const SHARED = {
  grain: 'mod(abs(sin(X*12.9898+Y*78.233)*43758.5453),1)',
  house: 'mod(abs(sin(floor(u*7+.3)*91.7+4.1)*4375.85),1)',
  roof: '.03+.09*house',
};
const WINDOW = 'between(mod(u*42+.2,1),.26,.74)*between(mod(v*26,1),.22,.72)*lt(v,.26)';
const DOOR = 'between(mod(u*7+.3,1),.42,.56)*gt(v,.268)';
const LANE_MARK = 'lt(abs(v-.567),.005)*lt(mod(u*9,1),.5)';

/** Colours of the parts of the picture, as expressions, from top to bottom. */
function channel(sky: string, front: string, values: { readonly window: number; readonly door: number; readonly walk: number; readonly road: number; readonly kerb: number }): string {
  const wall = `if(${WINDOW},${values.window}+60*gt(mod(abs(sin(floor(u*42+.2)*7.1+floor(v*26)*3.7)*999),1),.7),if(${DOOR},${values.door},if(lt(v,roof+.012),60,(${front})*(.93+.14*grain))))`;
  const walk = `(${values.walk}-14*lt(mod(u*24+v*2,1),.04))*(.95+.1*grain)`;
  const road = `if(${LANE_MARK},225,${values.road}*(.88+.24*grain)*(1-.25*abs(v-.57)))`;
  return `if(lt(v,roof),${sky},if(lt(v,.325),${wall},if(lt(v,.392),${walk},if(lt(v,.404),${values.kerb},if(lt(v,.742),${road},if(lt(v,.756),${values.kerb},${walk}))))))`;
}

const PAINT = {
  shared: SHARED,
  r: channel('120+360*v', `150+80*house`, { window: 62, door: 86, walk: 168, road: 78, kerb: 132 }),
  g: channel('170+230*v', `118+70*mod(house*5,1)`, { window: 78, door: 58, walk: 164, road: 80, kerb: 130 }),
  b: channel('222+80*v', `96+70*mod(house*3,1)`, { window: 96, door: 44, walk: 156, road: 84, kerb: 126 }),
};

/**
 * A street from above: houses, a pavement on either side, a car in each of two lanes. The people on the far pavement meet, and pass behind a
 * lamp post; on the near one all walk the same way, one after the other, with a ball between them.
 */
export const street: ScenePlan = {
  name: 'street',
  make({ width, height, random }) {
    const size = { width, height };
    const walker = { kind: 'person', label: 'person', pause: 0.5 } as const;
    const driver = { kind: 'car', label: 'car', pause: 1.2 } as const;
    const [shirt, trousers, paint] = [deck(random, SHIRTS), deck(random, TROUSERS), deck(random, PAINTS)];
    const start = (): number => random.next();
    const near = { tall: 0.225, ground: 0.988, speed: random.next() < 0.5 ? 0.17 : -0.17, pause: 0.5 };
    const first = start();
    return {
      name: 'street', width, height,
      background: stillPicture(size, PAINT),
      movers: [
        crossing({ ...walker, main: shirt(), second: trousers(), tall: 0.165, ground: 0.375, speed: 0.1, start: start() }, size, random),
        crossing({ ...walker, main: shirt(), second: trousers(), tall: 0.17, ground: 0.385, speed: -0.13, start: start() }, size, random),
        crossing({ ...driver, main: paint(), second: paint(), tall: 0.135, ground: 0.55, speed: -0.42, start: start() }, size, random),
        crossing({ ...driver, main: paint(), second: paint(), tall: 0.15, ground: 0.728, speed: 0.36, start: start() }, size, random),
        crossing({ ...walker, ...near, main: shirt(), second: trousers(), start: first }, size, random),
        hopping({ ...near, tall: 0.065, high: 0.1, start: first + 0.2 + 0.1 * start(), main: [232, 104, 32], second: [90, 44, 20] }, size, random),
        crossing({ ...walker, ...near, main: shirt(), second: trousers(), start: first + 0.5 + 0.2 * start() }, size, random),
      ],
      occluders: [
        { x: Math.round(width * 0.262), y: Math.round(height * 0.1), width: Math.round(width * 0.036), height: Math.max(2, Math.round(height * 0.014)), colour: '0x4a5056' },
        { x: Math.round(width * 0.276), y: Math.round(height * 0.11), width: Math.max(2, Math.round(width * 0.008)), height: Math.round(height * 0.285), colour: '0x3a4046' },
      ],
    };
  },
};
