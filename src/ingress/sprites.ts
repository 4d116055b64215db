/** What a sprite shows. */
export type SpriteKind = 'person' | 'car' | 'ball';

/** Colours are RGB, 0..255. */
export type Rgb = readonly [red: number, green: number, blue: number];

/** How a sprite is coloured and turned. */
export interface SpriteLook {
  readonly kind: SpriteKind;
  /** Shirt, paint or leather. */
  readonly main: Rgb;
  /** Trousers, windows or stripes. */
  readonly second: Rgb;
  readonly isFacingLeft: boolean;
}

/** Width of a sprite as a multiple of its height. Every sprite touches all four edges of its box. */
export const ASPECT: Readonly<Record<SpriteKind, number>> = { person: 0.42, car: 2.5, ball: 1 };

const STEPS = 8;
const SKIN: Rgb = [222, 178, 148];

/** A part of a sprite: where it is, its colour, and how much of it shows (0..255). The first part that holds a pixel paints it. */
interface Part { readonly within: string; readonly colour: Rgb; readonly alpha?: number }

/** Levels of light within a part; its number and level make the value of a pixel before it is coloured. */
const LEVELS = 16;
const LEVEL_MIN = 0.6;
const LEVEL_STEP = 0.05;

/**
 * A libav chain that draws the sprite and repeats it for ever: people take a step of eight phases a second. It is drawn once, in grey
 * numbers of parts that a table then colours (one evaluation a pixel instead of four), larger than it is shown and scaled down, which
 * smooths its edges. In the expressions `x` is 0 in the middle and `v` runs from 0 to 1, both in sprite heights. `name` makes labels unique.
 */
export function spriteChain(name: string, look: SpriteLook, size: { readonly width: number; readonly height: number; readonly phase: number }): string {
  const frames = look.kind === 'person' ? STEPS : 1;
  const parts = partsOf(look, size.phase);
  const enlarged = Math.min(2, Math.max(0.75, DRAWN_HEIGHT_MAX / size.height));
  const drawn = `${Math.round(size.width * enlarged)}x${Math.round(size.height * enlarged)}`;
  const level = `clip(round((${LIGHT[look.kind]}-${LEVEL_MIN})/${LEVEL_STEP}),0,${LEVELS - 1})`;
  const number = parts.reduceRight((rest, part, index) => `if(${part.within},${(index + 1) * LEVELS}+ld(2),${rest})`, '0');
  const x = `((X+.5)/W-.5)*${look.isFacingLeft ? '-' : ''}${ASPECT[look.kind]}`;
  const drawing = `st(0,${x});st(1,(Y+.5)/H);st(2,${stored(level)});${stored(number)}`;
  const planes = [0, 1, 2, 3].map((plane) => `[${name}p${plane}]`).join('');
  return `color=c=black:s=${drawn}:r=${STEPS}:d=${frames / STEPS},format=gray,geq=lum='${drawing}',split=4${planes};`
    + `${planes}mergeplanes=map0s=0:map1s=1:map2s=2:map3s=3:format=gbrap,lutrgb=${coloured(parts)},`
    + `scale=${size.width}:${size.height}:flags=area,format=yuva420p${frames > 1 ? `,loop=loop=-1:size=${frames}:start=0` : ''}`;
}

/** Large sprites are drawn at this height and scaled up. */
const DRAWN_HEIGHT_MAX = 128;

/** Brightness over the sprite. */
const LIGHT: Readonly<Record<SpriteKind, string>> = { person: '(1-.9*x)', car: '(1.12-.35*v)', ball: '(1.2-1.1*hypot(x+.16,v-.34))' };

/** The table from pixel numbers to colours; number 0 is transparent. */
function coloured(parts: readonly Part[]): string {
  const byPart = (value: (part: Part) => string, otherwise: string): string => (
    parts.reduceRight((rest, part, index) => `if(lt(val,${(index + 2) * LEVELS}),${value(part)},${rest})`, otherwise)
  );
  const light = `(${LEVEL_MIN}+${LEVEL_STEP}*mod(val,${LEVELS}))`;
  const plane = (channel: 0 | 1 | 2): string => `clip(${light}*${byPart((part) => String(part.colour[channel]), '0')},0,255)`;
  return `r='${plane(0)}':g='${plane(1)}':b='${plane(2)}':a='if(lt(val,${LEVELS}),0,${byPart((part) => String(part.alpha ?? 255), '0')})'`;
}

/** Reads `x` and `v` from where the drawing stored them. */
function stored(expression: string): string {
  return expression.replace(/\b[xv]\b/g, (name) => (name === 'x' ? 'ld(0)' : 'ld(1)'));
}

function partsOf(look: SpriteLook, phase: number): readonly Part[] {
  switch (look.kind) {
    case 'person': return person(look, phase);
    case 'car': return car(look);
    case 'ball': return [
      { within: 'lt(abs(hypot(x-.3,v-.5)-.34),.03)*lt(hypot(x,v-.5),.5)', colour: look.second },
      { within: 'lt(abs(hypot(x+.3,v-.5)-.34),.03)*lt(hypot(x,v-.5),.5)', colour: look.second },
      { within: 'lt(hypot(x,v-.5),.5)', colour: look.main },
    ];
  }
}

function person({ main, second }: SpriteLook, phase: number): readonly Part[] {
  const stride = `.07*sin(2*PI*(N+${phase})/${STEPS})*(v-.52)/.48`;
  const leg = (side: '+' | '-'): string => `lt(abs(x${side === '+' ? '-' : '+'}.052${side === '+' ? '-' : '+'}${stride}),.047)*gt(v,.5)`;
  const arms = 'lt(abs(abs(x)-.178),.034)*between(v,.2,.54)';
  return [
    { within: 'lt(hypot(x,v-.09),.088)*lt(v,.065+.1*abs(x))', colour: darker(second, 0.45) },
    { within: 'lt(hypot(x,v-.09),.088)', colour: SKIN },
    { within: 'lt(abs(x),.035)*between(v,.15,.2)', colour: darker(SKIN, 0.85) },
    { within: `${arms}*gt(v,.46)`, colour: SKIN },
    { within: arms, colour: darker(main, 0.8) },
    { within: 'lt(pow(abs(x)/.2,4)+pow((v-.235)/.055,4),1)+between(v,.23,.55)*lt(abs(x),.145-.06*(v-.2))', colour: main },
    { within: `(${leg('+')}+${leg('-')})*gt(v,.955)`, colour: [40, 36, 34] },
    { within: leg('+'), colour: second },
    { within: leg('-'), colour: darker(second, 0.8) },
  ];
}

function car({ main }: SpriteLook): readonly Part[] {
  const wheel = (radius: number): string => `lt(hypot(abs(x)-.76,v-.81),${radius})`;
  const cabin = (inset: number): string => `between(v,${inset ? 0.09 : 0},.47)*gt(x,-.55-.62*v+${inset})*lt(x,.3+.95*v-${inset})`;
  const body = 'lt(pow(abs(x)/1.252,8)+pow(abs(v-.64)/.23,6),1)';
  return [
    { within: wheel(0.09), colour: [190, 192, 196] },
    { within: wheel(0.19), colour: [28, 28, 30] },
    { within: `${body}*gt(x,1.13)*between(v,.5,.62)`, colour: [255, 244, 190] },
    { within: `${body}*lt(x,-1.15)*between(v,.5,.64)`, colour: [190, 24, 24] },
    { within: `${body}*lt(abs(x+.12),.014)*between(v,.45,.82)`, colour: darker(main, 0.6) },
    { within: `${body}*between(x,.0,.13)*between(v,.54,.57)`, colour: darker(main, 0.5) },
    { within: `${body}*gt(v,.79)`, colour: darker(main, 0.45) },
    { within: `${cabin(0.1)}*lt(v,.43)*gt(abs(x+.12),.035)*gt(mod(x*1.4+v+9,1),.16)`, colour: [58, 78, 96] },
    { within: `${cabin(0.1)}*lt(v,.43)*gt(abs(x+.12),.035)`, colour: [120, 148, 168] },
    { within: cabin(0), colour: darker(main, 0.92) },
    { within: body, colour: main },
    { within: 'lt(pow(abs(x)/1.2,2)+pow((v-.95)/.05,2),1)', colour: [0, 0, 0], alpha: 120 },
  ];
}

function darker([red, green, blue]: Rgb, factor: number): Rgb {
  return [Math.round(red * factor), Math.round(green * factor), Math.round(blue * factor)];
}
