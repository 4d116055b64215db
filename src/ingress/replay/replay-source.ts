import type { Clock } from '../../engine/clock.ts';
import { PlatformError } from '../../engine/errors.ts';
import { epochMicros, type EpochMicros } from '../../engine/units.ts';
import { joinParameterSets } from '../../media/index.ts';
import type { SourceUnit } from '../../messages/access-unit.ts';
import type { StreamParameters } from '../../messages/stream-parameters.ts';
import type { MediaAccess } from '../media-access.ts';
import { parameterWatch } from '../parameter-watch.ts';
import type { Source, SourceSession } from '../source.ts';
import { Depacketizer, type AssembledUnit } from './depacketizer.ts';
import { openReplay, type Replay, type ReplayRequest } from './open-replay.ts';
import { ReplayWindow, type AssembledAt } from './replay-window.ts';
import { rtpPacket, saysGoodbye } from './rtp-packet.ts';

/** What of a recording is wanted, and how it is read. */
export interface ReplayOptions extends Omit<ReplayRequest, 'fromMicros' | 'toMicros'> {
  /** Units captured behind `from` and before `to` are wanted; those of the GOP in front of the first are given too, or it could not be decoded. */
  readonly from: EpochMicros;
  readonly to: EpochMicros;
  /** The device's clock less ours, microseconds. @default 0 */
  readonly clockOffsetMicros?: number;
  /** A device that sends nothing for so long sends nothing more. */
  readonly stallMs: number;
  /** Given out at most so many times as fast as it was captured. */
  readonly speedMax: number;
  readonly media: MediaAccess;
  /** Told when the replay ends, however it does. */
  readonly onEnd?: (counts: ReplayCounts) => void;
}

/** What came of a replay. */
export interface ReplayCounts {
  /** Units that were wanted. */
  readonly wanted: number;
  /** Units of the GOP before them, which the archive may have already. */
  readonly overlap: number;
  /** Units outside of what was asked for, left out. */
  readonly skipped: number;
  /** When the last unit was captured that was given out; undefined when none was. */
  readonly lastCapturedAt: EpochMicros | undefined;
}

/** RTP video time, and the time base of what is given out. */
const CLOCK_HZ = 90_000;

/**
 * What a device recorded of a time, as a source: finite, and the time of capture of each unit is exact (ONVIF Profile G). PTS counts from the first unit's
 * capture, so it is right whatever the device's RTP times do.
 */
export function replaySource(options: ReplayOptions): Source {
  const { label, from, to, clockOffsetMicros = 0 } = options;
  return {
    label,
    async open(signal) {
      return replaySession(options, await openReplay({ ...options, fromMicros: from + clockOffsetMicros, toMicros: to + clockOffsetMicros }, signal));
    },
  };
}

function replaySession(options: ReplayOptions, replay: Replay): SourceSession {
  const { ctx: { clock }, media, from, to, onEnd } = options;
  const parameters = parametersOf(replay);
  const watch = parameterWatch(media, { parameters });
  const window = new ReplayWindow({ from, to });
  const units = unitsOf(options, replay);
  const pace = paceOf(clock, options.speedMax);
  let waiting: AssembledAt[] = [];
  let origin: EpochMicros | undefined;
  let hasEnded = replay.isEmpty;
  let closing: Promise<void> | undefined;
  const close = async (): Promise<void> => {
    await replay.close();
    onEnd?.({ wanted: window.wanted, overlap: window.overlap, skipped: window.skipped, lastCapturedAt: window.lastCapturedAt });
  };
  return {
    isLive: false, expectedUnits: null, unreadablePackets: 0, lastUnreadable: undefined,
    async next(signal) {
      while (waiting.length === 0) {
        if (hasEnded) return undefined;
        const unit = await units.next(signal);
        hasEnded = unit === undefined || window.isOver(unit);
        waiting = unit === undefined || hasEnded ? [] : [...window.take(unit)];
      }
      const [unit] = waiting;
      if (unit === undefined) return undefined;
      await pace(unit.capturedAt, signal);
      waiting.shift();
      origin ??= unit.capturedAt;
      const { data, isKey, isCorrupt, capturedAt } = unit;
      const pts = Math.round((capturedAt - origin) * CLOCK_HZ / 1e6);
      const changed = watch.changeAt({ data, pts, dts: null, duration: 0, isKey, isCorrupt, cameraClockMicros: capturedAt });
      return { data, pts, dts: null, duration: 0, isKey, isCorrupt, capturedAt, arrivedAt: clock.now(), ...changed === null ? {} : { parameters: changed } } satisfies SourceUnit;
    },
    close() {
      closing ??= close();
      return closing;
    },
  };
}

function parametersOf({ video }: Replay): StreamParameters {
  return {
    codec: video.codec, width: 0, height: 0, extradata: joinParameterSets(video.codec, video.parameterSets), timeBase: { num: 1, den: CLOCK_HZ },
    framing: 'annexb', frameRate: video.frameRate,
  };
}

/** The units that the device sends, in order; undefined at their end. */
function unitsOf(options: ReplayOptions, replay: Replay): { next(signal: AbortSignal): Promise<AssembledAt | undefined> } {
  const { label, ctx: { clock }, stallMs, clockOffsetMicros = 0 } = options;
  const { video, rtpChannel, connection } = replay;
  const depacketizer = new Depacketizer(video.codec);
  const ready: AssembledUnit[] = [];
  let last: { readonly timestamp: number; readonly micros: number } | undefined;
  let isOver = false;
  const read = async (signal: AbortSignal): Promise<void> => {
    signal.throwIfAborted();
    const packet = connection.waitingPacket() ?? await orLate(until => connection.packet(until), { signal, ms: stallMs, clock, label });
    const rtp = packet?.channel === rtpChannel ? rtpPacket(packet.payload) : undefined;
    if (packet === undefined || (packet.channel === rtpChannel + 1 && saysGoodbye(packet.payload))) {
      isOver = true;
      ready.push(...depacketizer.flush());
    } else if (rtp?.payloadType === video.payloadType) ready.push(...depacketizer.take(rtp));
  };
  const timed = (unit: AssembledUnit): AssembledAt => {
    const micros = unit.mark?.capturedMicros ?? (last && last.micros + ((unit.timestamp - last.timestamp) | 0) / video.clockHz * 1e6);
    if (micros === undefined) throw new PlatformError('MEDIA_UNSUPPORTED', `${label} does not say when the pictures of its recording were taken`, {});
    if (unit.mark !== undefined) last = { timestamp: unit.timestamp, micros };
    if (unit.mark?.isTrackEnd === true) isOver = true;
    return { ...unit, capturedAt: epochMicros(Math.round(micros - clockOffsetMicros)) };
  };
  return {
    async next(signal) {
      while (ready.length === 0 && !isOver) await read(signal);
      const unit = ready.shift();
      return unit === undefined ? undefined : timed(unit);
    },
  };
}

/** Waits no longer than allowed; what comes later is for the next wait. */
async function orLate<Value>(wait: (signal: AbortSignal) => Promise<Value>, { signal, ms, clock, label }: { readonly signal: AbortSignal; readonly ms: number; readonly clock: Clock; readonly label: string }): Promise<Value> {
  const over = new AbortController();
  const timer = new AbortController();
  const abort = (): void => over.abort(signal.reason);
  signal.addEventListener('abort', abort, { once: true });
  if (signal.aborted) abort();
  void clock.sleep(ms, timer.signal).then(() => over.abort(new PlatformError('SOURCE_STALLED', `${label} sent nothing more of its recording for ${ms} ms`, { ms })), () => { /* something came */ });
  try {
    return await wait(over.signal);
  } finally {
    timer.abort(OVER);
    signal.removeEventListener('abort', abort);
  }
}

/** A reason of its own, or each abort makes an exception with a stack. */
const OVER = new Error('the wait is over');

/** Lets units pass no faster than `speedMax` times as they were captured, counted from the first. */
function paceOf(clock: Clock, speedMax: number): (capturedAt: EpochMicros, signal: AbortSignal) => Promise<void> {
  let begun: { readonly atMs: number; readonly capturedAt: number } | undefined;
  return async (capturedAt, signal) => {
    begun ??= { atMs: clock.monotonicMs(), capturedAt };
    const aheadMs = begun.atMs + (capturedAt - begun.capturedAt) / 1000 / speedMax - clock.monotonicMs();
    if (aheadMs > PACE_STEP_MS) await clock.sleep(Math.min(aheadMs, PACE_MAX_MS), signal);
    else signal.throwIfAborted();
  };
}

/** Waits shorter than a timer's grain are made together. */
const PACE_STEP_MS = 4;
/** A hole in the recording is not waited for. */
const PACE_MAX_MS = 1_000;
