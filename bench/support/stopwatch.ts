import type { LoopOrder, LoopResult } from './loop-order.ts';
import { treeCpuMs } from './process-tree.ts';

interface Moment { readonly atMs: number; readonly cpuMs: number }

/** Counts the frames of a loop and measures from the last warm-up frame to the last frame. */
export class Stopwatch {
  readonly #order: LoopOrder;
  #frames = 0;
  #start: Moment | undefined;
  #end: Moment | undefined;

  constructor(order: LoopOrder) {
    this.#order = order;
  }

  frame(): void {
    this.#frames += 1;
    if (this.#frames === this.#order.warmUpFrames) this.#start = now();
    if (this.#frames === this.#order.frames) this.#end = now();
  }

  /** @throws Error when there were more or fewer frames than ordered: the two loops would not have done the same work */
  result(): LoopResult {
    if (this.#frames !== this.#order.frames || !this.#start || !this.#end) throw new Error(`${this.#frames} frames instead of ${this.#order.frames}`);
    return { frames: this.#order.frames - this.#order.warmUpFrames, wallMs: this.#end.atMs - this.#start.atMs, cpuMs: this.#end.cpuMs - this.#start.cpuMs };
  }
}

function now(): Moment {
  return { atMs: performance.now(), cpuMs: treeCpuMs(process.pid) };
}
