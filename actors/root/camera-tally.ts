import type { Box, TerminalRecord } from '../../src/messages/terminal-record.ts';

/** What the live table shows of one camera. Rates and ages are of the last window, counts since the start. */
export interface CameraView {
  readonly camera: string;
  readonly state: string;
  readonly receivedPerSecond: number;
  readonly detectedPerSecond: number;
  readonly dropped: Readonly<Record<string, number>>;
  /** Milliseconds; null before the first detected frame of the window. */
  readonly ageP50Ms: number | null;
  readonly ageP99Ms: number | null;
  /** Of the last detected frame: label and how many. */
  readonly boxes: Readonly<Record<string, number>>;
}

const WINDOW_MS = 5000;
const SLOTS = 10;
const SLOT_MS = WINDOW_MS / SLOTS;
const AGES_MAX = 1000;

/** Adds up what happens to one camera, in bounded memory. */
export class CameraTally {
  readonly camera: string;
  #state = 'connecting';
  readonly #received: WindowRate;
  readonly #detected: WindowRate;
  readonly #dropped: Record<string, number> = {};
  readonly #ages: { atMs: number; ageMs: number }[] = [];
  #nextAge = 0;
  #boxes: Record<string, number> = {};

  constructor(camera: string, nowMs: number) {
    this.camera = camera;
    this.#received = new WindowRate(nowMs);
    this.#detected = new WindowRate(nowMs);
  }

  state(text: string): void { this.#state = text; }

  received(count: number, nowMs: number): void { this.#received.add(count, nowMs); }

  /** As `record`, where only counts are known. */
  ended(detected: number, dropped: Readonly<Record<string, number>>, nowMs: number): void {
    this.#detected.add(detected, nowMs);
    Object.assign(this.#dropped, dropped);
  }

  record(record: TerminalRecord, nowMs: number): void {
    if (record.kind === 'dropped') {
      this.#dropped[record.reason] = (this.#dropped[record.reason] ?? 0) + record.to - record.from + 1;
      return;
    }
    this.#detected.add(1, nowMs);
    this.#ages[this.#nextAge] = { atMs: nowMs, ageMs: record.timings.ageMs };
    this.#nextAge = (this.#nextAge + 1) % AGES_MAX;
    this.#boxes = countLabels(record.boxes);
  }

  view(nowMs: number): CameraView {
    const ages = this.#ages.filter(({ atMs }) => nowMs - atMs <= WINDOW_MS).map(({ ageMs }) => ageMs).sort((a, b) => a - b);
    return {
      camera: this.camera, state: this.#state, receivedPerSecond: this.#received.perSecond(nowMs), detectedPerSecond: this.#detected.perSecond(nowMs),
      dropped: { ...this.#dropped }, ageP50Ms: percentile(ages, 0.5), ageP99Ms: percentile(ages, 0.99), boxes: this.#boxes,
    };
  }
}

/** Counts in slots of a sliding window. */
class WindowRate {
  readonly #startedMs: number;
  readonly #slots = new Array<number>(SLOTS).fill(0);
  #slot: number;

  constructor(nowMs: number) {
    this.#startedMs = nowMs;
    this.#slot = Math.floor(nowMs / SLOT_MS);
  }

  add(count: number, nowMs: number): void {
    this.#advance(nowMs);
    this.#slots[this.#slot % SLOTS] = (this.#slots[this.#slot % SLOTS] ?? 0) + count;
  }

  perSecond(nowMs: number): number {
    this.#advance(nowMs);
    const heldMs = WINDOW_MS - SLOT_MS + (nowMs % SLOT_MS); // the newest slot is as long as it has lasted
    const spanMs = Math.min(heldMs, Math.max(SLOT_MS, nowMs - this.#startedMs));
    return (this.#slots.reduce((sum, count) => sum + count, 0) * 1000) / spanMs;
  }

  #advance(nowMs: number): void {
    const target = Math.floor(nowMs / SLOT_MS);
    for (let steps = Math.min(SLOTS, target - this.#slot); steps > 0; steps--) this.#slots[(target - steps + 1) % SLOTS] = 0;
    this.#slot = Math.max(this.#slot, target);
  }
}

/** Nearest-rank percentile of ascending numbers; null of none. */
export function percentile(ascending: readonly number[], share: number): number | null {
  return ascending[Math.max(0, Math.ceil(ascending.length * share) - 1)] ?? null;
}

function countLabels(boxes: readonly Box[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { label } of boxes) counts[label] = (counts[label] ?? 0) + 1;
  return counts;
}
