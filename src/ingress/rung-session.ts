import type { Clock } from '../engine/clock.ts';
import { PlatformError } from '../engine/errors.ts';
import type { SourceUnit } from '../messages/access-unit.ts';
import type { StreamParameters } from '../messages/stream-parameters.ts';
import type { SourceSession } from './source.ts';

/** How a session of a ladder ended. */
export type SessionEnd =
  /** `aliveMs` after its first unit. */
  | { readonly kind: 'lost'; readonly error: unknown; readonly aliveMs: number }
  /** A better source takes over, and this one goes on delivering. */
  | { readonly kind: 'replaced'; readonly parameters: StreamParameters | undefined }
  /** There is no further unit. */
  | { readonly kind: 'ended' }
  /** Closed by whoever used it. */
  | { readonly kind: 'closed' };

/** What a session of a ladder is made of. */
export interface RungSessionOptions {
  readonly label: string;
  readonly session: SourceSession;
  /** Units that were read before. */
  readonly units: readonly SourceUnit[];
  readonly clock: Clock;
  /** Gives a unit its place in the time of the camera. */
  place(unit: SourceUnit): SourceUnit;
  onFirst(): void;
  onUnit(unit: SourceUnit): void;
  /** May give an error in exchange for the end, and may keep a replaced session: then it is not closed. */
  onEnd(end: SessionEnd): { readonly error?: unknown; readonly isKept?: boolean };
  /** The source has no session any more, or the one it has is somebody else's. */
  onReleased(): void;
  /** `closed` resolves when it is closed. */
  onClosing(closed: Promise<void>): void;
}

/** The session of a source that a ladder uses at the moment. */
export class RungSession implements SourceSession {
  readonly #options: RungSessionOptions;
  #units: readonly SourceUnit[];
  #position = 0;
  #parameters: StreamParameters | undefined;
  #firstAtMs: number | undefined;
  #betterLabel: string | undefined;
  #isOver = false;
  #isKept = false;
  #isLost = false;
  #closing: Promise<void> | undefined;

  constructor(options: RungSessionOptions) {
    this.#options = options;
    this.#units = options.units;
  }

  get isLive(): boolean { return this.#options.session.isLive; }
  get expectedUnits(): number | null { return this.#options.session.expectedUnits; }
  get unreadablePackets(): number { return this.#options.session.unreadablePackets; }
  get lastUnreadable(): PlatformError | undefined { return this.#options.session.lastUnreadable; }
  get clockSteps(): number { return this.#options.session.clockSteps ?? 0; }
  get isReplaced(): boolean { return this.#betterLabel !== undefined; }

  /** Ends the session in favour of a better source, when what was read before is given out. */
  replace(label: string): void {
    this.#betterLabel = label;
  }

  async next(signal: AbortSignal): Promise<SourceUnit | undefined> {
    signal.throwIfAborted();
    const unit = this.#units[this.#position++] ?? await this.#read(signal);
    if (this.#position === this.#units.length) this.#units = []; // and with them their bytes
    if (unit === undefined) return undefined;
    this.#parameters = unit.parameters ?? this.#parameters;
    if (this.#firstAtMs === undefined) {
      this.#firstAtMs = this.#options.clock.monotonicMs();
      this.#options.onFirst();
    }
    this.#options.onUnit(unit);
    return this.#options.place(unit);
  }

  /** A session that was lost is left to end by itself, which libav may take long for: `onReleased` says when it has. */
  async close(): Promise<void> {
    if (this.#closing === undefined) {
      this.#closing = this.#close();
      this.#options.onClosing(this.#closing);
    }
    if (!this.#isLost) await this.#closing;
  }

  async #read(signal: AbortSignal): Promise<SourceUnit | undefined> {
    const { session, label, clock } = this.#options;
    if (this.#betterLabel !== undefined) {
      this.#isKept = this.#end({ kind: 'replaced', parameters: this.#parameters }).isKept === true;
      throw new PlatformError('SOURCE_REPLACED', `${label} gives way to ${this.#betterLabel}`);
    }
    try {
      const unit = await session.next(signal);
      if (unit !== undefined) return unit;
    } catch (error) {
      this.#isLost = !signal.aborted;
      if (this.#isLost) this.#end({ kind: 'lost', error, aliveMs: this.#firstAtMs === undefined ? 0 : clock.monotonicMs() - this.#firstAtMs });
      throw error;
    }
    const { error } = this.#end({ kind: 'ended' });
    if (error !== undefined) throw error;
    return undefined;
  }

  #end(end: SessionEnd): ReturnType<RungSessionOptions['onEnd']> {
    if (this.#isOver) return {};
    this.#isOver = true;
    return this.#options.onEnd(end);
  }

  async #close(): Promise<void> {
    this.#end({ kind: 'closed' });
    if (!this.#isKept) await this.#options.session.close();
    this.#options.onReleased();
  }
}
