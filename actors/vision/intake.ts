import { lastValueFrom, map, Observable, tap } from 'rxjs';
import type { Clock } from '../../src/engine/clock.ts';
import type { InPort, OutPort } from '../../src/engine/ports.ts';
import type { CameraId } from '../../src/engine/units.ts';
import { fairShare } from '../../src/flow/fair-share.ts';
import { fromPort, type Credited } from '../../src/flow/from-port.ts';
import { stalenessBudget } from '../../src/flow/staleness-budget.ts';
import { TimeShares } from '../../src/flow/time-shares.ts';
import type { ChunkPart } from '../../src/messages/chunk-part.ts';
import type { FeatureRequest } from '../../src/messages/feature.ts';
import { Backlog, type Arriving } from './backlog.ts';

/** How the intake chooses. */
export interface IntakeRules {
  /** A frame that waited longer is decoded for reference only, when a newer one of its camera waits. Infinity: never. */
  readonly stalenessMs: number;
  /** How long frames that were missed may be caught up with before they count as stale. */
  readonly catchUpMs: number;
  /** Most parts held here, not yet handed on. */
  readonly credit: number;
  /** Shares of the cameras of a tenant in its time, when there is not enough for all: one with 2 gets twice as much as one with 1. @default 1 each */
  readonly priorityOf?: (camera: CameraId) => number;
  /** Whose camera it is: tenants share the time, however many cameras each has. @default all are one tenant's */
  readonly tenantOf?: (camera: CameraId) => string;
  /** Shares of the tenants. @default 1 each */
  readonly tenantShareOf?: (tenant: string) => number;
}

/** Options of the intake. */
export interface IntakeOptions<Part extends Arriving = ChunkPart> extends IntakeRules {
  readonly input: InPort<Part>;
  readonly output: OutPort<FeatureRequest<Part>>;
  /** Resolves when the detector waits for a frame: only then is the next one chosen, so that it is the freshest. */
  readonly whenIdle: (signal: AbortSignal) => Promise<void>;
  readonly clock: Clock;
}

interface Arrival<Part> { readonly item: Credited<Part>; readonly receivedAtMs: number; readonly deadlineMs: number }

/** The part whose turn it is. */
interface Choice<Part> extends Arrival<Part> { readonly ageMs: number; readonly isBehind: boolean }

/**
 * Takes parts of all cameras as fast as they come, so that no camera waits in another's queue, and hands them on one at a time: by deadline, and
 * by shares of the time when there is not enough for all. A part's deadline is the moment from which it would be left out: it is older than the staleness budget
 * and a newer one of its camera is due. What each camera costs is told by `spend`: a large stream that is dear to decode has fewer turns, not more time.
 * Staleness is decided at the last moment, when it is known whether a newer frame of the camera waits.
 */
export class Intake<Part extends Arriving> {
  readonly #options: IntakeOptions<Part>;
  readonly #backlog: Backlog;
  readonly #shares: TimeShares<Arrival<Part>>;

  constructor(options: IntakeOptions<Part>) {
    const { priorityOf, tenantOf, tenantShareOf } = options;
    this.#options = options;
    this.#backlog = new Backlog(options);
    this.#shares = new TimeShares({
      keyOf: arrival => arrival.item.envelope.key, deadlineMs: arrival => arrival.deadlineMs,
      // Keys are those of parts.
      ...priorityOf && { weightOf: camera => priorityOf(camera as CameraId) }, ...tenantOf && { groupOf: camera => tenantOf(camera as CameraId) }, ...tenantShareOf && { groupWeightOf: tenantShareOf },
    });
  }

  /** Work of `ms` was done for a camera. */
  spend(camera: CameraId, ms: number): void { this.#shares.spend(camera, ms); }

  /** Runs until the input ends, or the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    const { input, output, clock, credit, stalenessMs } = this.#options;
    const handOn = ({ item, receivedAtMs }: Choice<Part>, isStale: boolean): void => {
      const { envelope } = item;
      output.push([{ ...envelope, body: { part: envelope.body, isStale, receivedAtMs } }], signal).then(item.settle, item.fail);
    };
    await this.#idle(signal);
    await lastValueFrom(fromPort(input, { credit, signal }).pipe(
      map(item => this.#arrive(item)),
      fairShare<Arrival<Part>, Choice<Part>>({
        shares: this.#shares, key: arrival => arrival.item.envelope.key, maxPerKey: credit, nowMs: () => clock.monotonicMs(),
        project: arrival => new Observable(subscriber => {
          subscriber.next(this.#choose(arrival));
          this.#idle(signal).then(() => subscriber.complete(), (error: unknown) => subscriber.error(error));
        }),
        onDrop: (arrival, reason) => arrival.item.fail(new Error(`intake gave it back: ${reason}`)),
      }),
      stalenessBudget({ budgetMs: stalenessMs, ageMs: choice => (choice.isBehind ? choice.ageMs : 0), onDrop: choice => handOn(choice, true) }),
      tap(choice => handOn(choice, false)),
    ), { defaultValue: undefined });
  }

  /** Resolves when what was handed on is done, or waits for others to be detected on with it. */
  async #idle(signal: AbortSignal): Promise<void> {
    await this.#options.output.room(signal);
    await this.#options.whenIdle(signal);
  }

  #arrive(item: Credited<Part>): Arrival<Part> {
    const receivedAtMs = this.#options.clock.monotonicMs();
    return { item, receivedAtMs, deadlineMs: receivedAtMs + this.#backlog.enter(item.envelope) };
  }

  #choose(arrival: Arrival<Part>): Choice<Part> {
    const nowMs = this.#options.clock.monotonicMs();
    const { body, key } = arrival.item.envelope;
    return { ...arrival, ageMs: nowMs - arrival.receivedAtMs, isBehind: this.#backlog.leave(key, body, nowMs) };
  }
}
