import type { Clock } from '../engine/clock.ts';
import type { CameraView } from '../../actors/root/camera-tally.ts';

/** Where and when the table is shown. */
export interface LiveTableOptions {
  readonly isTerminal: boolean;
  /** Current size of the terminal in characters. */
  readonly size: () => { readonly columns: number; readonly rows: number };
  readonly write: (text: string) => void;
  readonly clock: Clock;
}

const LINE_EVERY_MS = 10_000;
const HEADINGS = ['camera', 'state', 'in/s', 'det/s', 'age p50', 'p99 ms', 'boxes', 'dropped'] as const;
const RIGHT_FROM = 2;
const RIGHT_TO = 5;
const GAP = 2;

/** Shows the cameras in place on a terminal, or one line each 10 s elsewhere. */
export class LiveTable {
  readonly #options: LiveTableOptions;
  #shownLines = 0;
  #lastLineMs = Number.NEGATIVE_INFINITY;

  constructor(options: LiveTableOptions) { this.#options = options; }

  /** Shows the newest state. Call it about once a second. */
  update(title: string, cameras: readonly CameraView[]): void {
    const { isTerminal, write, size, clock } = this.#options;
    if (!isTerminal) {
      if (clock.monotonicMs() - this.#lastLineMs < LINE_EVERY_MS) return;
      this.#lastLineMs = clock.monotonicMs();
      write(`${renderLine(cameras)}\n`);
      return;
    }
    const { columns, rows } = size();
    const lines = renderTable(title, cameras, columns, rows);
    write(`${this.#back()}${lines.join('\n')}\n`);
    this.#shownLines = lines.length;
  }

  /** Takes the table off the terminal, so that other lines can be written; the next update shows it again below them. */
  clear(): void {
    if (this.#shownLines > 0) this.#options.write(this.#back());
    this.#shownLines = 0;
  }

  #back(): string {
    return this.#shownLines === 0 ? '' : `\u001b[${this.#shownLines}A\u001b[0J`;
  }
}

/** The table as lines, none wider than `columns` and together fewer than `rows`, so that the terminal neither wraps nor scrolls. */
export function renderTable(title: string, cameras: readonly CameraView[], columns: number, rows: number): readonly string[] {
  const room = Math.max(1, rows - 4);
  const shown = cameras.length > room ? cameras.slice(0, room - 1) : cameras;
  const cells = [[...HEADINGS], ...shown.map(cellsOf)];
  const widths = HEADINGS.map((_, column) => Math.max(...cells.map((row) => (row[column] ?? '').length)));
  const fixed = widths.slice(0, -2).reduce((sum, width) => sum + width + GAP, 0);
  widths[6] = Math.max(5, Math.min(widths[6] ?? 0, Math.floor((columns - fixed) / 2) - GAP)); // boxes and dropped share what is left
  const lines = cells.map((row) => row.map((cell, column) => alignCell(cell, column, widths[column] ?? 0)).join(' '.repeat(GAP)).trimEnd());
  if (shown.length < cameras.length) lines.push(`… ${cameras.length - shown.length} more cameras`);
  return [title, ...lines].map((line) => cut(line, Math.max(1, columns - 1)));
}

/** All cameras in one line: `2 cameras (2 live): 50.0 in/s, 49.8 det/s, age p99 81 ms, dropped stale=3`. */
export function renderLine(cameras: readonly CameraView[]): string {
  const sum = (value: (view: CameraView) => number): string => cameras.reduce((total, view) => total + value(view), 0).toFixed(1);
  const dropped: Record<string, number> = {};
  for (const view of cameras) for (const [reason, count] of Object.entries(view.dropped)) dropped[reason] = (dropped[reason] ?? 0) + count;
  const worst = Math.max(...cameras.map((view) => view.ageP99Ms ?? Number.NEGATIVE_INFINITY));
  const live = cameras.filter(({ state }) => state === 'live').length;
  return `${cameras.length} camera${cameras.length === 1 ? '' : 's'} (${live} live): ${sum((view) => view.receivedPerSecond)} in/s, ${sum((view) => view.detectedPerSecond)} det/s, `
    + `age p99 ${Number.isFinite(worst) ? `${worst.toFixed(0)} ms` : '-'}, dropped ${pairs(dropped, '=', ' ') || 'none'}`;
}

function cellsOf(view: CameraView): string[] {
  return [
    printable(view.camera), printable(view.state), view.receivedPerSecond.toFixed(1), view.detectedPerSecond.toFixed(1), milliseconds(view.ageP50Ms), milliseconds(view.ageP99Ms),
    pairs(view.boxes, ' ', ', ') || '-', pairs(view.dropped, ' ', ', ') || '-',
  ];
}

function pairs(counts: Readonly<Record<string, number>>, between: string, separator: string): string {
  return Object.entries(counts).filter(([, count]) => count > 0).sort(([, a], [, b]) => b - a).map(([name, count]) => `${printable(name)}${between}${count}`).join(separator);
}

function milliseconds(value: number | null): string {
  return value === null ? '-' : value.toFixed(0);
}

function alignCell(cell: string, column: number, width: number): string {
  return column >= RIGHT_FROM && column <= RIGHT_TO ? cell.padStart(width) : cut(cell, width).padEnd(width);
}

function cut(text: string, width: number): string {
  return text.length <= width ? text : `${text.slice(0, Math.max(0, width - 1))}…`;
}

/** Labels come from model files: control characters in them must not steer the terminal. */
function printable(text: string): string {
  return text.replace(/[\u0000-\u001f\u007f-\u009f]/g, '?');
}
