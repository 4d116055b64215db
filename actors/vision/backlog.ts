import type { Envelope } from '../../src/engine/ports.ts';
import type { CameraId, EpochMicros } from '../../src/engine/units.ts';
import type { ChunkPart } from '../../src/messages/chunk-part.ts';
import { isBackfillLane } from '../../src/messages/lane.ts';

/** What the intake has to know of a part: chunks of encoded video, or features. */
export type Arriving = Pick<ChunkPart, 'isRecovered'> & Partial<Pick<ChunkPart, 'chunkSeq' | 'partSeq'>>;

/** The first frames of a session wait for their decoder to be made: for so long they are caught up with, too. */
const SESSION_START_MS = 1_000;

/** A longer time between two frames is a gap, not a frame rate. */
const PERIOD_MAX_MS = 10_000;

/** How much of a new observation goes into the learnt frame period. */
const LEARNING_RATE = 0.1;

interface Line {
  waiting: number;
  /** Until when it catches up with frames it missed. */
  catchingUpUntilMs: number | undefined;
  capturedAt: EpochMicros;
  /** Between frames, by their own time, learnt. */
  periodMs: number;
}

/** How many parts wait per camera, how often they come, and which cameras are catching up with frames they missed, until when. */
export class Backlog {
  readonly #stalenessMs: number;
  readonly #catchUpMs: number;
  readonly #lines = new Map<CameraId, Line>();

  constructor({ stalenessMs, catchUpMs }: { readonly stalenessMs: number; readonly catchUpMs: number }) {
    this.#stalenessMs = stalenessMs;
    this.#catchUpMs = catchUpMs;
  }

  /** Puts one part on. Returns how long it may wait: until it is over the staleness budget and the next one of its camera is due; what is back-filled, for ever. */
  enter({ key, body, capturedAt }: Pick<Envelope<Arriving>, 'key' | 'body' | 'capturedAt'>): number {
    const line = this.#lineOf(key, capturedAt);
    line.waiting += 1;
    const passedMs = (capturedAt - line.capturedAt) / 1000;
    if (passedMs > 0 && passedMs <= PERIOD_MAX_MS) line.periodMs += (passedMs - line.periodMs) * (line.periodMs === 0 ? 1 : LEARNING_RATE);
    line.capturedAt = capturedAt;
    return isBackfillLane(key) ? Number.POSITIVE_INFINITY : Math.max(this.#stalenessMs, line.periodMs, this.#excusedMs(body));
  }

  /** Takes one part off. True when newer parts of the camera wait and it is not excused for catching up. */
  leave(camera: CameraId, part: Arriving, nowMs: number): boolean {
    const line = this.#lines.get(camera);
    if (line === undefined) return false;
    line.waiting -= 1;
    if (isBackfillLane(camera)) return false;
    const excusedMs = this.#excusedMs(part);
    if (excusedMs > 0) line.catchingUpUntilMs ??= nowMs + excusedMs;
    if (line.waiting === 0) {
      line.catchingUpUntilMs = undefined; // caught up: the next time has its own limit
      return false;
    }
    return line.catchingUpUntilMs === undefined || nowMs > line.catchingUpUntilMs;
  }

  /** For how long such a part may be caught up with. */
  #excusedMs({ isRecovered, chunkSeq, partSeq }: Arriving): number {
    if (isRecovered) return this.#catchUpMs;
    return chunkSeq === 0 && partSeq === 0 ? Math.min(SESSION_START_MS, this.#catchUpMs) : 0;
  }

  #lineOf(camera: CameraId, capturedAt: EpochMicros): Line {
    let line = this.#lines.get(camera);
    if (line === undefined) {
      line = { waiting: 0, catchingUpUntilMs: undefined, capturedAt, periodMs: 0 };
      this.#lines.set(camera, line);
    }
    return line;
  }
}
