import type { Clock } from '../engine/clock.ts';
import type { PlatformError } from '../engine/errors.ts';
import type { Random } from '../engine/random.ts';
import type { SourceUnit } from '../messages/access-unit.ts';

/** What a source may use. */
export interface SourceContext {
  readonly clock: Clock;
  readonly random: Random;
}

/** One connection to a camera, from open to loss. */
export interface SourceSession {
  /** True when frames may be lost by waiting (a camera), false when reading may be paused (a file that is not paced). */
  readonly isLive: boolean;
  /** Total units when known beforehand (files), for progress display. */
  readonly expectedUnits: number | null;
  /** Packets that the demuxer could not read and that were left out so far. */
  readonly unreadablePackets: number;
  /** Why the last of them could not be read. */
  readonly lastUnreadable: PlatformError | undefined;
  /** How often event time was set anew because a clock or the time stamps of a camera jumped. */
  readonly clockSteps?: number;
  /**
   * The next unit; the first carries `parameters`. `undefined` at the end of a finite source.
   * @throws PlatformError SOURCE_STALLED, SOURCE_UNREACHABLE, SOURCE_REFUSED, MEDIA_INVALID, MEDIA_UNSUPPORTED; the signal's reason
   */
  next(signal: AbortSignal): Promise<SourceUnit | undefined>;
  /** Idempotent, never rejects. */
  close(): Promise<void>;
}

/** A source: where a camera's units come from. Opening it again is a new session. */
export interface Source {
  /** The URI without credentials, for logs and reports. */
  readonly label: string;
  /** True: opening waits for somebody to send, and after each session for the next one; waiting is no failure. */
  readonly isAwaited?: boolean;
  open(signal: AbortSignal): Promise<SourceSession>;
  /** Ends what it keeps between sessions, which `open` begins anew. Idempotent, never rejects. Absent: it keeps nothing. */
  close?(): Promise<void>;
}
