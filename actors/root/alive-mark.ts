import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../../src/engine/clock.ts';

/** When a node was last at work, for its next start: kept current while it runs, and gone when it ended in order. */
export class AliveMark {
  readonly #file: string;
  readonly #clock: Clock;

  constructor(folder: string, clock: Clock) {
    this.#file = join(folder, 'alive-at');
    this.#clock = clock;
  }

  /** Milliseconds since the node died at work; infinity when it did not. */
  async diedMsAgo(): Promise<number> {
    const at = Number(await readFile(this.#file, 'utf8').catch(() => '')); // none: it ended in order, or never ran
    return at > 0 ? Math.max(0, (this.#clock.now() - at) / 1000) : Number.POSITIVE_INFINITY;
  }

  /** The node is at work. */
  async touch(): Promise<void> { await writeFile(this.#file, String(this.#clock.now()), { mode: 0o600 }); }

  /** The node ends in order: others take its cameras over at once. */
  async remove(): Promise<void> { await rm(this.#file, { force: true }); }
}
