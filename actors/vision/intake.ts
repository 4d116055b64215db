import { lastValueFrom, map, tap } from 'rxjs';
import type { Clock } from '../../src/engine/clock.ts';
import type { InPort, OutPort } from '../../src/engine/ports.ts';
import type { CameraId } from '../../src/engine/units.ts';
import { fairShare } from '../../src/flow/fair-share.ts';
import { fromPort, type Credited } from '../../src/flow/from-port.ts';
import { stalenessBudget } from '../../src/flow/staleness-budget.ts';
import type { ChunkPart } from '../../src/messages/chunk-part.ts';
import type { FeatureRequest } from '../../src/messages/feature.ts';

/** What the intake has to know of a part: chunks of encoded video, or features. */
export type Arriving = Pick<ChunkPart, 'isRecovered'> & Partial<Pick<ChunkPart, 'chunkSeq' | 'partSeq'>>;

/** Options of the intake. */
export interface IntakeOptions<Part extends Arriving = ChunkPart> {
  readonly input: InPort<Part>;
  readonly output: OutPort<FeatureRequest<Part>>;
  /** Resolves when the detector waits for a frame: only then is the next one chosen, so that it is the freshest. */
  readonly whenIdle: (signal: AbortSignal) => Promise<void>;
  /** A frame that waited longer is decoded for reference only, when a newer one of its camera waits. Infinity: never. */
  readonly stalenessMs: number;
  /** How long frames that were missed may be caught up with before they count as stale. */
  readonly catchUpMs: number;
  /** Most parts held here, not yet handed on. */
  readonly credit: number;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

interface Arrival<Part> { readonly item: Credited<Part>; readonly receivedAtMs: number }

/** The part whose turn it is. */
interface Choice<Part> extends Arrival<Part> { readonly ageMs: number; readonly isBehind: boolean }

/**
 * Takes parts of all cameras as fast as they come, so that no camera waits in another's queue, and hands them on one at a time,
 * to the cameras in turns. Staleness is decided at the last moment, when it is known whether a newer frame of the camera waits.
 */
export async function runIntake<Part extends Arriving>(options: IntakeOptions<Part>): Promise<void> {
  const { input, output, clock, signal } = options;
  const backlog = new Backlog(options.catchUpMs);
  const turns = new Turns();
  const choose = async (arrival: Arrival<Part>): Promise<Choice<Part>> => {
    await output.room(signal);
    await options.whenIdle(signal);
    const nowMs = clock.monotonicMs();
    const { body } = arrival.item.envelope;
    return { ...arrival, ageMs: nowMs - arrival.receivedAtMs, isBehind: backlog.leave(arrival.item.envelope.key, body, nowMs) };
  };
  const handOn = ({ item, receivedAtMs }: Choice<Part>, isStale: boolean): void => {
    const { envelope } = item;
    output.push([{ ...envelope, body: { part: envelope.body, isStale, receivedAtMs } }], signal).then(item.settle, item.fail);
  };
  const arrive = (item: Credited<Part>): Arrival<Part> => {
    backlog.enter(item.envelope.key);
    return { item, receivedAtMs: clock.monotonicMs() };
  };
  await lastValueFrom(fromPort(input, { credit: options.credit, signal }).pipe(
    map(arrive),
    fairShare({
      key: (arrival: Arrival<Part>) => arrival.item.envelope.key, maxPerKey: options.credit, project: choose,
      priority: (arrival: Arrival<Part>) => turns.priorityOf(arrival.item.envelope.key),
      onDrop: (arrival: Arrival<Part>, reason) => arrival.item.fail(new Error(`intake gave it back: ${reason}`)),
    }),
    stalenessBudget({ budgetMs: options.stalenessMs, ageMs: choice => (choice.isBehind ? choice.ageMs : 0), onDrop: choice => handOn(choice, true) }),
    tap(choice => { turns.served(choice.item.envelope.key); handOn(choice, false); }),
  ), { defaultValue: undefined });
}

/** The first frames of a session wait for their decoder to be made: for so long they are caught up with, too. */
const SESSION_START_MS = 1_000;

/**
 * Whose turn it is: that of the camera whose last frame to be worked on is the longest ago. A frame that is left out as stale is no turn;
 * else the camera after a busy moment would always be the one whose frames are just too old.
 */
class Turns {
  readonly #last = new Map<CameraId, number>();
  #count = 0;

  served(camera: CameraId): void { this.#last.set(camera, ++this.#count); }

  priorityOf(camera: CameraId): number { return -(this.#last.get(camera) ?? 0); }
}

/** How many parts wait per camera, and which cameras are catching up with frames they missed, until when. */
class Backlog {
  readonly #catchUpMs: number;
  readonly #waiting = new Map<CameraId, number>();
  readonly #catchingUpUntil = new Map<CameraId, number>();

  constructor(catchUpMs: number) {
    this.#catchUpMs = catchUpMs;
  }

  enter(camera: CameraId): void {
    this.#waiting.set(camera, (this.#waiting.get(camera) ?? 0) + 1);
  }

  /** Takes one part off. True when newer parts of the camera wait and it is not excused for catching up. */
  leave(camera: CameraId, { isRecovered, chunkSeq, partSeq }: Arriving, nowMs: number): boolean {
    const left = (this.#waiting.get(camera) ?? 1) - 1;
    this.#waiting.set(camera, left);
    const isStart = chunkSeq === 0 && partSeq === 0;
    if ((isRecovered || isStart) && !this.#catchingUpUntil.has(camera)) this.#catchingUpUntil.set(camera, nowMs + (isRecovered ? this.#catchUpMs : Math.min(SESSION_START_MS, this.#catchUpMs)));
    const until = this.#catchingUpUntil.get(camera);
    if (left === 0) {
      this.#catchingUpUntil.delete(camera); // caught up: the next time has its own limit
      return false;
    }
    return until === undefined || nowMs > until;
  }
}
