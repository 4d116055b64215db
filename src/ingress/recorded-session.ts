import type { Clock } from '../engine/clock.ts';
import { PlatformError } from '../engine/errors.ts';
import { epochMicros } from '../engine/units.ts';
import type { EpochMicros } from '../engine/units.ts';
import type { PacketReader } from '../media/types.ts';
import type { SourceUnit } from '../messages/access-unit.ts';
import type { MediaAccess } from './media-access.ts';
import { batchPacer, realTimePacer } from './pacer.ts';
import { parameterWatch } from './parameter-watch.ts';
import { patientReader } from './patient-reader.ts';
import type { PatientReader } from './patient-reader.ts';
import type { SourceSession } from './source.ts';
import { timeline } from './timeline.ts';

/** One reading of a recording from its start to its end. */
export interface Pass { readonly reader: PacketReader; readonly expectedUnits: number | null }

/** How a recording is played. */
export interface Playback {
  /** For error messages. */
  readonly name: string;
  readonly isPaced: boolean;
  readonly isLooping: boolean;
  /** ISO 8601. */
  readonly startedAt?: string | undefined;
  readonly rateHz: number | undefined;
  readonly clock: Clock;
  readonly media: MediaAccess;
  openPass(signal: AbortSignal): Promise<Pass>;
}

/** Plays a recording, opened already for its first pass, as a session. */
export function recordedSession(playback: Playback, first: Pass): SourceSession {
  const { clock } = playback;
  const startedAt = playback.startedAt === undefined ? null : epochMicros(Date.parse(playback.startedAt) * 1000);
  const line = timeline(first.reader.parameters, playback.rateHz);
  const pacer = playback.isPaced ? realTimePacer(clock, startedAt) : batchPacer(startedAt ?? epochMicros(0));
  const watch = parameterWatch(playback.media, first.reader);
  let reader: PatientReader = patientReader(first.reader);
  let lostBefore: Losses = { unreadablePackets: 0, lastUnreadable: undefined };
  let unitsOfPass = 0;
  /** Read, but not yet due when the wait for it was aborted. */
  let waiting: { readonly unit: Omit<SourceUnit, 'capturedAt' | 'arrivedAt'>; readonly decodeSeconds: number; readonly pictureSeconds: number } | undefined;
  /** PTS of the first unit: a paced recording begins now, whatever its time stamps say. */
  let origin: number | null = playback.isPaced ? null : 0;
  let isClosed = false;

  const startAgain = async (signal: AbortSignal): Promise<void> => {
    if (unitsOfPass === 0) throw new PlatformError('MEDIA_INVALID', `no pictures in '${playback.name}'`, {});
    lostBefore = both(lostBefore, reader);
    await reader.close();
    const pass = await playback.openPass(signal);
    reader = patientReader(pass.reader);
    watch.follow(pass.reader);
    line.endPass();
    unitsOfPass = 0;
  };
  const capturedAt = (pictureSeconds: number): EpochMicros => {
    origin ??= pictureSeconds;
    return pacer.capturedAt(pictureSeconds - origin);
  };
  return {
    isLive: playback.isPaced,
    expectedUnits: playback.isLooping ? null : first.expectedUnits,
    get unreadablePackets() { return both(lostBefore, reader).unreadablePackets; },
    get lastUnreadable() { return both(lostBefore, reader).lastUnreadable; },
    async next(signal) {
      while (waiting === undefined) {
        const packet = isClosed ? undefined : await reader.read(signal);
        if (packet === undefined) {
          if (isClosed || !playback.isLooping) return undefined;
          await startAgain(signal);
          continue;
        }
        unitsOfPass++;
        const { pts, dts, decodeSeconds, pictureSeconds } = line.place(packet);
        const parameters = watch.changeAt(packet);
        const { data, duration, isKey, isCorrupt } = packet;
        const unit = { data, pts, dts, duration, isKey, isCorrupt, ...(parameters === null ? {} : { parameters }) };
        waiting = { unit, decodeSeconds, pictureSeconds };
      }
      await pacer.until(waiting.decodeSeconds, signal);
      const { unit, pictureSeconds } = waiting;
      waiting = undefined;
      return { ...unit, capturedAt: capturedAt(pictureSeconds), arrivedAt: clock.now() };
    },
    async close() {
      isClosed = true;
      await reader.close().catch(() => undefined);
    },
  };
}

/** What could not be read. */
type Losses = Pick<SourceSession, 'unreadablePackets' | 'lastUnreadable'>;

function both(before: Losses, after: Losses): Losses {
  return { unreadablePackets: before.unreadablePackets + after.unreadablePackets, lastUnreadable: after.lastUnreadable ?? before.lastUnreadable };
}
