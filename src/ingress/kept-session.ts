import type { Clock } from '../engine/clock.ts';
import { PlatformError } from '../engine/errors.ts';
import type { EpochMicros } from '../engine/units.ts';
import type { SourceUnit } from '../messages/access-unit.ts';
import type { StreamParameters } from '../messages/stream-parameters.ts';
import { KeptPictures, type KeepLimits } from './kept-pictures.ts';
import type { SourceSession } from './source.ts';

/** A session that is connected, and what it delivers meanwhile kept, until somebody wants it. */
export interface KeptSession {
  /** When it began to deliver, on the monotonic clock; undefined while it has no key frame. */
  readonly readySinceMs: number | undefined;
  /** Resolves when it was taken. @throws what the session fails with; SOURCE_UNREACHABLE at its end */
  readonly over: Promise<void>;
  /** Hands the session over, and its pictures from the newest key frame on that was not captured after `until`. Undefined when it has just failed. */
  take(until: EpochMicros | undefined): Promise<{ readonly session: SourceSession; readonly units: readonly SourceUnit[] } | undefined>;
  /** Closes the session unless it was taken. */
  close(): Promise<void>;
}

/** How a session is kept. */
export interface KeepOptions extends KeepLimits {
  readonly label: string;
  readonly clock: Clock;
  /** Of a stream whose first unit was seen before. */
  readonly parameters?: StreamParameters | undefined;
  /** It has a key frame: the first one, or the first after more than may be kept. */
  onReady(): void;
}

/** Keeps a camera's session: reads it all the time, since a camera does not wait. */
export function keepReading(session: SourceSession, options: KeepOptions): KeptSession {
  const kept = new KeptPictures(options, options.parameters);
  const stop = new AbortController();
  let readySinceMs: number | undefined;
  let isTaken = false;
  let hasFailed = false;
  const read = async (): Promise<void> => {
    for (;;) {
      const unit = await session.next(stop.signal);
      if (unit === undefined) throw new PlatformError('SOURCE_UNREACHABLE', `${options.label} ended the session`);
      const wasEmpty = kept.isEmpty;
      kept.add(unit);
      if (!wasEmpty || kept.isEmpty) continue;
      readySinceMs ??= options.clock.monotonicMs();
      options.onReady();
    }
  };
  const over = read().catch((error: unknown) => {
    if (error === TAKEN) return;
    hasFailed = true;
    throw error;
  });
  over.catch(() => { /* seen by whoever waits for it */ });
  return {
    over,
    get readySinceMs() { return kept.isEmpty ? undefined : readySinceMs; },
    async take(until) {
      isTaken = true;
      stop.abort(TAKEN);
      await over.catch(() => { /* told by the result */ });
      if (!hasFailed) return { session, units: kept.take(until) };
      await session.close();
      return undefined;
    },
    async close() {
      stop.abort(TAKEN);
      await over.catch(() => { /* whoever waits for it knows */ });
      if (!isTaken) await session.close();
    },
  };
}

/** Keeps a recording: it waits by itself. */
export function keepWaiting(session: SourceSession, { clock, onReady }: Pick<KeepOptions, 'clock' | 'onReady'>): KeptSession {
  const over = Promise.withResolvers<void>();
  let isTaken = false;
  onReady();
  return {
    over: over.promise,
    readySinceMs: clock.monotonicMs(),
    async take() {
      isTaken = true;
      over.resolve();
      return { session, units: [] };
    },
    async close() {
      over.resolve();
      if (!isTaken) await session.close();
    },
  };
}

/** A reason of its own, or the abort makes an exception with a stack. */
const TAKEN = new Error('the session is wanted otherwise');
