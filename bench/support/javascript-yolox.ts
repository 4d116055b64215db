import { readFile } from 'node:fs/promises';
import { openSession, type Session, type Tensor } from '../../src/inference/session.ts';
import type { ModelFrame } from '../../src/messages/model-frame.ts';
import type { Box } from '../../src/messages/terminal-record.ts';

const STRIDES = [8, 16, 32];
const COLUMNS = 85;
const CLASSES = 80;

/**
 * YOLOX with its pre- and post-processing in JavaScript as somebody would write it who cares for speed: buffers made once, one pass over
 * the picture, cells left out by their objectness before anything of theirs is looked at, suppression over what is left only.
 */
export class JavascriptYolox {
  readonly #session: Session;
  readonly #side: number;
  readonly #planes: Float32Array;
  readonly #input: Tensor;
  readonly #cells: Float32Array;
  readonly #scoreMin: number;
  readonly #iouMax: number;

  private constructor(session: Session, side: number, thresholds: { readonly scoreMin: number; readonly iouMax: number }) {
    this.#session = session;
    this.#side = side;
    this.#planes = new Float32Array(3 * side * side);
    this.#input = session.tensor('float32', this.#planes, [1, 3, side, side]);
    this.#cells = cellsOf(side);
    this.#scoreMin = thresholds.scoreMin;
    this.#iouMax = thresholds.iouMax;
  }

  /** The foreign network as it is, with the session options of this platform. */
  static async load(path: string, side: number, thresholds: { readonly scoreMin: number; readonly iouMax: number }): Promise<JavascriptYolox> {
    return new JavascriptYolox(await openSession(await readFile(path), { providers: ['cpu'], warn: () => {} }), side, thresholds);
  }

  /** Boxes of a BGR frame at model size. */
  async detect(frame: ModelFrame): Promise<readonly Box[]> {
    this.#toPlanes(frame.pixels);
    const { output } = await this.#session.run({ images: this.#input });
    if (!(output?.data instanceof Float32Array)) throw new Error('the network gave no floats');
    return this.#suppress(this.#candidates(output.data)).map(row => inSource(row, frame));
  }

  /** The network alone, on what the last frame left in the input: the floor of both ways. */
  async runOnly(): Promise<void> {
    await this.#session.run({ images: this.#input });
  }

  #toPlanes(pixels: Uint8Array): void {
    const planes = this.#planes;
    const size = this.#side * this.#side;
    for (let at = 0, from = 0; at < size; at += 1, from += 3) {
      planes[at] = pixels[from] as number; // in bounds: checked by nobody else either
      planes[at + size] = pixels[from + 1] as number;
      planes[at + 2 * size] = pixels[from + 2] as number;
    }
  }

  /** Rows of class, score, x1, y1, x2, y2 of the cells that pass, best first. */
  #candidates(rows: Float32Array): number[][] {
    const found: number[][] = [];
    for (let cell = 0, at = 0; at < rows.length; cell += 1, at += COLUMNS) {
      const objectness = rows[at + 4] as number;
      if (objectness < this.#scoreMin) continue; // no class is above 1
      let best = 0;
      for (let each = 1; each < CLASSES; each += 1) if ((rows[at + 5 + each] as number) > (rows[at + 5 + best] as number)) best = each;
      const score = objectness * (rows[at + 5 + best] as number);
      if (score < this.#scoreMin) continue;
      const [column, row, stride] = [this.#cells[3 * cell] as number, this.#cells[3 * cell + 1] as number, this.#cells[3 * cell + 2] as number];
      const [x, y] = [((rows[at] as number) + column) * stride, ((rows[at + 1] as number) + row) * stride];
      const [halfWidth, halfHeight] = [Math.exp(rows[at + 2] as number) * stride / 2, Math.exp(rows[at + 3] as number) * stride / 2];
      found.push([best, score, x - halfWidth, y - halfHeight, x + halfWidth, y + halfHeight]);
    }
    return found.sort((a, b) => (b[1] as number) - (a[1] as number));
  }

  /** Greedy suppression within a class. */
  #suppress(candidates: readonly number[][]): readonly number[][] {
    const kept: number[][] = [];
    for (const candidate of candidates) {
      if (!kept.some((other) => other[0] === candidate[0] && overlap(other, candidate) > this.#iouMax)) kept.push(candidate);
    }
    return kept;
  }

  async close(): Promise<void> {
    await this.#session.close();
  }
}

function inSource([classId = 0, score = 0, x1 = 0, y1 = 0, x2 = 0, y2 = 0]: readonly number[], { scaleX, scaleY, padX, padY, sourceWidth, sourceHeight }: ModelFrame): Box {
  const x = (value: number): number => Math.min(Math.max((value - padX) / scaleX, 0), sourceWidth);
  const y = (value: number): number => Math.min(Math.max((value - padY) / scaleY, 0), sourceHeight);
  return { classId, label: '', score, x1: x(x1), y1: y(y1), x2: x(x2), y2: y(y2) };
}

function overlap(a: readonly number[], b: readonly number[]): number {
  const [, , ax1 = 0, ay1 = 0, ax2 = 0, ay2 = 0] = a;
  const [, , bx1 = 0, by1 = 0, bx2 = 0, by2 = 0] = b;
  const shared = Math.max(0, Math.min(ax2, bx2) - Math.max(ax1, bx1)) * Math.max(0, Math.min(ay2, by2) - Math.max(ay1, by1));
  return shared / ((ax2 - ax1) * (ay2 - ay1) + (bx2 - bx1) * (by2 - by1) - shared);
}

/** Column, row and stride of every cell, in the order of the output. */
function cellsOf(side: number): Float32Array {
  const cells: number[] = [];
  for (const stride of STRIDES) {
    for (let row = 0; row < side / stride; row += 1) for (let column = 0; column < side / stride; column += 1) cells.push(column, row, stride);
  }
  return Float32Array.from(cells);
}
