import type { ModelFrame } from '../../src/messages/model-frame.ts';

/** A box in source pixels. */
export interface SceneBox { readonly name: string; readonly x1: number; readonly y1: number; readonly x2: number; readonly y2: number }

/** What a scene looks like. */
export interface SceneOptions {
  readonly width: number; readonly height: number; readonly fps: number; readonly seed: number;
  /** Standard deviation of the sensor noise, grey levels at source size. */
  readonly noise: number;
}

interface Part { readonly shape: 'rectangle' | 'ellipse'; readonly x: number; readonly y: number; readonly width: number; readonly height: number; readonly grey: number }

/** A textured, noisy background with two walkers, two vehicles and a bouncing ball on closed paths; boxes follow by formula. Grey. */
export class MovingScene {
  readonly options: SceneOptions;
  readonly #background: Float32Array;
  readonly #noise: Float32Array;
  #random: number;

  constructor(options: SceneOptions) {
    this.options = options;
    this.#random = options.seed >>> 0;
    const { width, height } = options;
    this.#background = new Float32Array(width * height);
    const blocks = Array.from({ length: 64 * 64 }, () => this.#next() * 50 - 25);
    const block = Math.round(width / 40);
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        const bricks = blocks[(Math.floor(y / block) % 64) * 64 + (Math.floor(x / block) % 64)]!;
        this.#background[y * width + x] = 120 + bricks + 15 * Math.sin(x * 80 / width) * Math.cos(y * 70 / width) + (this.#next() - 0.5) * 12;
      }
    }
    this.#noise = Float32Array.from({ length: 1 << 16 }, () => options.noise * Math.sqrt(-2 * Math.log(1 - this.#next())) * Math.cos(2 * Math.PI * this.#next()));
  }

  /** The frame at an index, brought to a detector's size by averaging, its three channels equal, and where everything is. `gain` scales brightness. */
  frame(index: number, shape: { readonly width: number; readonly height: number }, gain = 1): { readonly frame: ModelFrame; readonly boxes: readonly SceneBox[] } {
    const { width, height } = this.options;
    const picture = Float32Array.from(this.#background);
    const boxes: SceneBox[] = [];
    for (const [name, parts] of this.#objects(index / this.options.fps)) {
      for (const part of parts) draw(picture, width, height, part);
      const box = boundsOf(name, parts);
      const clipped = { name, x1: Math.max(0, box.x1), y1: Math.max(0, box.y1), x2: Math.min(width, box.x2), y2: Math.min(height, box.y2) };
      const [full, visible] = [areaOf(box), clipped.x2 > clipped.x1 && clipped.y2 > clipped.y1 ? areaOf(clipped) : 0];
      if (visible > 0.4 * full) boxes.push(clipped);
    }
    let at = Math.floor(this.#next() * 65536);
    for (let pixel = 0; pixel < picture.length; pixel++) picture[pixel] = Math.min(255, Math.max(0, picture[pixel]! * gain + this.#noise[(at = (at * 5 + 12345) & 65535)]!));
    return { frame: shrink(picture, this.options, shape), boxes };
  }

  #objects(t: number): [string, Part[]][] {
    const { width: w, height: h } = this.options;
    const u = w / 640; // sizes are given for a width of 640
    const walk = (x: number, y: number, size: number, phase: number, grey: number): Part[] => {
      const swing = Math.sin(t * 7 + phase) * 6 * u * size;
      return [
        { shape: 'ellipse', x: x - 7 * u * size, y: y - 78 * u * size, width: 14 * u * size, height: 18 * u * size, grey: grey + 40 },
        { shape: 'rectangle', x: x - 12 * u * size, y: y - 62 * u * size, width: 24 * u * size, height: 34 * u * size, grey },
        { shape: 'rectangle', x: x - 9 * u * size + swing, y: y - 29 * u * size, width: 8 * u * size, height: 29 * u * size, grey: grey - 25 },
        { shape: 'rectangle', x: x + 1 * u * size - swing, y: y - 29 * u * size, width: 8 * u * size, height: 29 * u * size, grey: grey - 25 },
      ];
    };
    const drive = (x: number, y: number, size: number, grey: number): Part[] => [
      { shape: 'rectangle', x, y: y - 28 * u * size, width: 110 * u * size, height: 24 * u * size, grey },
      { shape: 'rectangle', x: x + 22 * u * size, y: y - 46 * u * size, width: 60 * u * size, height: 19 * u * size, grey: grey - 30 },
      { shape: 'ellipse', x: x + 12 * u * size, y: y - 14 * u * size, width: 20 * u * size, height: 20 * u * size, grey: 15 },
      { shape: 'ellipse', x: x + 78 * u * size, y: y - 14 * u * size, width: 20 * u * size, height: 20 * u * size, grey: 15 },
    ];
    const lap = (speed: number, start: number, margin: number): number => ((t * speed * u + start * u) % (w + margin * u * 2)) - margin * u;
    return [
      ['walker', walk(lap(60, 100, 30), h * 0.42, 1.0, 0, 40)],
      ['walker', walk(w - lap(45, 420, 30), h * 0.66, 1.15, 2, 220)],
      ['vehicle', drive(lap(110, 300, 130), h * 0.97, 1.2, 230)],
      ['vehicle', drive(w - lap(85, 50, 130), h * 0.16 + 8 * u, 0.75, 45)],
      ['ball', [{ shape: 'ellipse', x: w * 0.5 - 11 * u + (w / 2.6) * Math.sin(t * 0.9), y: h * 0.44 - Math.abs(Math.cos(t * 2.1)) * h * 0.2, width: 22 * u, height: 22 * u, grey: 245 }]],
    ];
  }

  /** xorshift32, uniform in [0, 1). */
  #next(): number {
    let x = this.#random || 1;
    x ^= x << 13; x ^= x >>> 17; x ^= x << 5;
    this.#random = x >>> 0;
    return this.#random / 2 ** 32;
  }
}

function draw(picture: Float32Array, width: number, height: number, part: Part): void {
  for (let y = Math.max(0, Math.round(part.y)); y < Math.min(height, Math.round(part.y + part.height)); y++) {
    for (let x = Math.max(0, Math.round(part.x)); x < Math.min(width, Math.round(part.x + part.width)); x++) {
      const [dx, dy] = [(x + 0.5 - part.x) / part.width * 2 - 1, (y + 0.5 - part.y) / part.height * 2 - 1];
      if (part.shape === 'rectangle' || dx * dx + dy * dy <= 1) picture[y * width + x] = part.grey + ((x * 7 + y * 13) % 9);
    }
  }
}

function boundsOf(name: string, parts: readonly Part[]): SceneBox {
  return {
    name, x1: Math.min(...parts.map((part) => part.x)), y1: Math.min(...parts.map((part) => part.y)),
    x2: Math.max(...parts.map((part) => part.x + part.width)), y2: Math.max(...parts.map((part) => part.y + part.height)),
  };
}

function areaOf(box: SceneBox): number {
  return (box.x2 - box.x1) * (box.y2 - box.y1);
}

function shrink(picture: Float32Array, source: SceneOptions, shape: { readonly width: number; readonly height: number }): ModelFrame {
  const [stepX, stepY] = [source.width / shape.width, source.height / shape.height];
  if (!Number.isInteger(stepX) || !Number.isInteger(stepY)) throw new Error(`${source.width}x${source.height} is no multiple of ${shape.width}x${shape.height}`);
  const pixels = new Uint8Array(shape.width * shape.height * 3);
  for (let y = 0; y < shape.height; y++) {
    for (let x = 0; x < shape.width; x++) {
      let sum = 0;
      for (let dy = 0; dy < stepY; dy++) for (let dx = 0; dx < stepX; dx++) sum += picture[(y * stepY + dy) * source.width + x * stepX + dx]!;
      pixels.fill(Math.round(sum / (stepX * stepY)), (y * shape.width + x) * 3, (y * shape.width + x + 1) * 3);
    }
  }
  return { pixels, width: shape.width, height: shape.height, scaleX: 1 / stepX, scaleY: 1 / stepY, padX: 0, padY: 0, sourceWidth: source.width, sourceHeight: source.height };
}
