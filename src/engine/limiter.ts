/** Lets so many pieces of work run at the same time; the others wait, in order. */
export class Limiter {
  readonly #max: number;
  #running = 0;
  readonly #waiting: (() => void)[] = [];

  constructor(max: number) { this.#max = max; }

  async run<Result>(work: () => Promise<Result>): Promise<Result> {
    if (this.#running >= this.#max) await new Promise<void>(resolve => { this.#waiting.push(resolve); });
    else this.#running += 1;
    try {
      return await work();
    } finally {
      const next = this.#waiting.shift();
      if (next) next(); else this.#running -= 1;
    }
  }
}
