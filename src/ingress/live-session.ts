import type { Clock } from '../engine/clock.ts';
import { PlatformError } from '../engine/errors.ts';
import type { EpochMicros } from '../engine/units.ts';
import type { MediaPacket, PacketReader } from '../media/types.ts';
import { cameraClock } from './camera-clock.ts';
import type { MediaAccess } from './media-access.ts';
import { parameterWatch } from './parameter-watch.ts';
import { patientReader } from './patient-reader.ts';
import type { PatientReader } from './patient-reader.ts';
import type { SourceSession } from './source.ts';

/** How a connected camera is read. */
export interface LiveOptions {
  readonly label: string;
  readonly stallMs: number;
  readonly openTimeoutMs: number;
  readonly keyTimeoutMs: number;
  readonly clockOffsetMaxMs: number;
  readonly clockJitterMaxMs: number;
  readonly clock: Clock;
  readonly media: MediaAccess;
  /** Takes over the end of a reader that may still be blocked. */
  leave(ending: Promise<void>): void;
}

/** How long `close` waits for libav before it leaves the rest to itself. */
const CLOSE_WAIT_MS = 200;

/** Reads a connected camera from its first key unit on; units before it cannot be decoded or recorded and are left out. */
export function liveSession(options: LiveOptions, opened: PacketReader): SourceSession {
  const { clock } = options;
  const reader = patientReader(opened);
  const stream = keyedStream(options, reader, opened.parameters.timeBase.num / opened.parameters.timeBase.den);
  const watch = parameterWatch(options.media, opened);
  const cameraTime = cameraClock({ offsetMaxMs: options.clockOffsetMaxMs, jitterMaxMs: options.clockJitterMaxMs });
  let closing: Promise<void> | undefined;
  const close = async (): Promise<void> => {
    const ending = reader.close().catch(() => undefined);
    options.leave(ending);
    const over = new AbortController();
    await Promise.race([ending, clock.sleep(CLOSE_WAIT_MS, over.signal).catch(() => undefined)]);
    over.abort();
  };
  return {
    isLive: true,
    expectedUnits: null,
    get unreadablePackets() { return reader.unreadablePackets; },
    get lastUnreadable() { return reader.lastUnreadable; },
    async next(signal) {
      const { packet, arrivedAt } = await stream.next(signal);
      const parameters = watch.changeAt(packet);
      const { data, pts, dts, duration, isKey, isCorrupt } = packet;
      return {
        data, pts, dts, duration, isKey, isCorrupt, arrivedAt,
        capturedAt: cameraTime.capturedAt(packet.cameraClockMicros, arrivedAt),
        ...(parameters === null ? {} : { parameters }),
      };
    },
    close() {
      closing ??= close();
      return closing;
    },
  };
}

interface Arrived { readonly packet: MediaPacket; readonly arrivedAt: EpochMicros }

/** The packets from the first key unit on, each within its time. */
function keyedStream(options: LiveOptions, reader: PatientReader, secondsPerTick: number): { next(signal: AbortSignal): Promise<Arrived> } {
  const { clock, label } = options;
  const startMs = clock.monotonicMs();
  const ready: Arrived[] = [];
  let first: Arrived | undefined;
  let hasAny = false;
  let isStarted = false;
  const read = async (signal: AbortSignal): Promise<Arrived> => {
    const ms = hasAny ? options.stallMs : Math.max(options.stallMs, options.openTimeoutMs);
    const packet = await reader.read(signal, { ms, clock, error: () => new PlatformError('SOURCE_STALLED', `${label} sent no picture for ${ms} ms`, { ms }) });
    if (packet === undefined) throw new PlatformError('SOURCE_UNREACHABLE', `${label} ended the session`, {});
    hasAny = true;
    return { packet, arrivedAt: clock.now() };
  };
  /** libav's parser takes the first unit's PTS away, so the unit after it is read to tell it. */
  const start = async (signal: AbortSignal): Promise<void> => {
    while (first === undefined) {
      const arrived = await read(signal);
      if (arrived.packet.isKey) first = arrived;
      else if (clock.monotonicMs() - startMs > options.keyTimeoutMs) {
        throw new PlatformError('SOURCE_STALLED', `${label} sent no key frame for ${options.keyTimeoutMs} ms`, { ms: options.keyTimeoutMs });
      }
    }
    if (first.packet.pts === null) {
      const second = await read(signal);
      ready.push({ ...first, packet: { ...first.packet, pts: firstPts(first.packet, second.packet, secondsPerTick) } }, second);
    } else {
      ready.push(first);
    }
    isStarted = true;
  };
  return {
    async next(signal) {
      if (!isStarted) await start(signal);
      return ready.shift() ?? read(signal);
    },
  };
}

/** By the camera's clock where both units have it; else libav counts from the first unit, so it is 0 (libavformat, rtpdec.c, finalize_packet). */
function firstPts(first: MediaPacket, second: MediaPacket, secondsPerTick: number): number {
  if (second.pts === null || first.cameraClockMicros === null || second.cameraClockMicros === null) return 0;
  return second.pts - Math.round((second.cameraClockMicros - first.cameraClockMicros) / 1e6 / secondsPerTick);
}
