import type { Clock } from '../engine/clock.ts';

/** Where progress is shown: standard error, so that results own standard output. */
export interface ProgressBarOptions {
  readonly isTerminal: boolean;
  readonly columns: () => number;
  readonly write: (text: string) => void;
  readonly clock: Clock;
}

const REDRAW_MS = 200;
const LINE_EVERY_MS = 10_000;

/** Shows how far a finite job is: a bar on a terminal, a line each 10 s elsewhere. */
export class ProgressBar {
  readonly #options: ProgressBarOptions;
  readonly #startedMs: number;
  #shownMs: number;
  #isShown = false;

  constructor(options: ProgressBarOptions) {
    this.#options = options;
    this.#startedMs = options.clock.monotonicMs();
    this.#shownMs = options.isTerminal ? Number.NEGATIVE_INFINITY : this.#startedMs;
  }

  /** @param total null when unknown: frames and speed are shown without a bar */
  update(done: number, total: number | null): void {
    const { isTerminal, clock, write, columns } = this.#options;
    const nowMs = clock.monotonicMs();
    if (nowMs - this.#shownMs < (isTerminal ? REDRAW_MS : LINE_EVERY_MS)) return;
    this.#shownMs = nowMs;
    const text = renderProgress(done, total, (nowMs - this.#startedMs) / 1000, columns());
    write(isTerminal ? `\r${text}\u001b[K` : `${text}\n`);
    this.#isShown = true;
  }

  /** Takes the bar off the terminal. */
  end(): void {
    if (this.#isShown && this.#options.isTerminal) this.#options.write('\r\u001b[K');
    this.#isShown = false;
  }
}

/** `[#####.....] 50 % 120/240 frames 31.2 fps 4 s left`, never wider than `columns`. */
export function renderProgress(done: number, total: number | null, elapsedSeconds: number, columns: number): string {
  const fps = elapsedSeconds > 0 ? done / elapsedSeconds : 0;
  const room = Math.max(1, columns - 1);
  if (total === null || total <= 0) return `${done} frames ${fps.toFixed(1)} fps`.slice(0, room);
  const share = Math.min(1, done / total);
  const left = fps > 0 ? ` ${Math.max(0, Math.ceil((total - done) / fps))} s left` : '';
  const text = `${Math.floor(share * 100)} % ${done}/${total} frames ${fps.toFixed(1)} fps${left}`;
  const width = Math.min(40, room - text.length - 3);
  if (width < 5) return text.slice(0, room);
  const filled = Math.round(share * width);
  return `[${'#'.repeat(filled)}${'.'.repeat(width - filled)}] ${text}`;
}
