import type { Clock } from './clock.ts';
import type { Envelope } from './ports.ts';
import type { Random } from './random.ts';

/** What a stage may use of the world. */
export interface StageContext {
  readonly name: string;
  readonly clock: Clock;
  readonly random: Random;
  /** Aborts when the stage must end soon. */
  readonly signal: AbortSignal;
  /** Says that the stage is alive and working: resets the stall timer. Called by the host around every batch. */
  progress(): void;
}

/** One step of the pipeline. Owns no socket, timer or thread, so that a test needs only an array. */
export interface Stage<In, Out> {
  /** Loads and warms up. */
  open(ctx: StageContext): Promise<void>;
  /** Turns a batch into outputs. The batch is acknowledged when the outputs are durable. */
  process(batch: readonly Envelope<In>[], ctx: StageContext): Promise<readonly Envelope<Out>[]>;
  /** Called once, always; never rejects. */
  close(): Promise<void>;
}

/** What the host reports about a stage; telemetry implements it, the engine knows no metrics library. */
export interface StageObserver {
  batch(stage: string, counts: { readonly in: number; readonly out: number; readonly seconds: number; readonly blockedSeconds: number }): void;
  dropped(stage: string, reason: string, count: number, isIntentional: boolean): void;
  failed(stage: string, error: unknown): void;
}
