import type { Clock } from '../engine/clock.ts';
import { PlatformError } from '../engine/errors.ts';
import type { MediaPacket, PacketReader } from '../media/types.ts';
import { cameraClock } from './camera-clock.ts';
import type { MediaAccess } from './media-access.ts';
import { parameterWatch } from './parameter-watch.ts';
import { patientReader } from './patient-reader.ts';
import type { SourceSession } from './source.ts';

/** How a connected camera is read. */
export interface LiveOptions {
  readonly label: string;
  readonly stallMs: number;
  readonly openTimeoutMs: number;
  readonly clockOffsetMaxMs: number;
  readonly clockJitterMaxMs: number;
  readonly clock: Clock;
  readonly media: MediaAccess;
  /** Takes over the end of a reader that may still be blocked. */
  leave(ending: Promise<void>): void;
}

/** How long `close` waits for libav before it leaves the rest to itself. */
const CLOSE_WAIT_MS = 200;

/** Reads a connected camera from its first key unit on. */
export function liveSession(options: LiveOptions, opened: PacketReader): SourceSession {
  const { clock, label } = options;
  const reader = patientReader(opened);
  const watch = parameterWatch(options.media, opened);
  const cameraTime = cameraClock({ offsetMaxMs: options.clockOffsetMaxMs, jitterMaxMs: options.clockJitterMaxMs });
  const secondsPerTick = opened.parameters.timeBase.num / opened.parameters.timeBase.den;
  const startMs = clock.monotonicMs();
  const ready: Arrived[] = [];
  let first: Arrived | undefined;
  let isStarted = false;
  let closing: Promise<void> | undefined;

  const silence = (ms: number): PlatformError => new PlatformError('SOURCE_STALLED', `${label} sent no picture for ${ms} ms`, { ms });
  const read = async (signal: AbortSignal): Promise<Arrived> => {
    const waitMs = isStarted || first !== undefined ? options.stallMs : Math.max(0, startMs + options.openTimeoutMs - clock.monotonicMs());
    const limitMs = isStarted ? waitMs : Math.max(waitMs, options.stallMs);
    const packet = await reader.read(signal, { ms: limitMs, clock, error: () => silence(limitMs) });
    if (packet === undefined) throw new PlatformError('SOURCE_UNREACHABLE', `${label} ended the session`, {});
    return { packet, arrivedAt: clock.now() };
  };
  /** The first key unit; libav's parser takes its PTS away, so the unit after it is read to tell it. */
  const start = async (signal: AbortSignal): Promise<void> => {
    while (first === undefined) {
      const arrived = await read(signal);
      if (arrived.packet.isKey) first = arrived;
      else if (clock.monotonicMs() - startMs > options.openTimeoutMs + options.stallMs) {
        throw new PlatformError('SOURCE_STALLED', `${label} sent no key frame for ${options.openTimeoutMs} ms`, { ms: options.openTimeoutMs });
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
    isLive: true,
    expectedUnits: null,
    get unreadablePackets() { return reader.unreadablePackets; },
    async next(signal) {
      if (!isStarted) await start(signal);
      const { packet, arrivedAt } = ready.shift() ?? await read(signal);
      const parameters = watch.changeAt(packet);
      const { data, pts, dts, duration, isKey, isCorrupt } = packet;
      return {
        data, pts, dts, duration, isKey, isCorrupt, arrivedAt,
        capturedAt: cameraTime.capturedAt(packet.cameraClockMicros, arrivedAt),
        ...(parameters === null ? {} : { parameters }),
      };
    },
    close() {
      closing ??= (async () => {
        const ending = reader.close().catch(() => undefined);
        options.leave(ending);
        const over = new AbortController();
        await Promise.race([ending, clock.sleep(CLOSE_WAIT_MS, over.signal).catch(() => undefined)]);
        over.abort();
      })();
      return closing;
    },
  };
}

interface Arrived { readonly packet: MediaPacket; readonly arrivedAt: ReturnType<Clock['now']> }

/** By the camera's clock where both units have it; else libav counts from the first unit, so it is 0 (libavformat, rtpdec.c, finalize_packet). */
function firstPts(first: MediaPacket, second: MediaPacket, secondsPerTick: number): number {
  if (second.pts === null || first.cameraClockMicros === null || second.cameraClockMicros === null) return 0;
  return second.pts - Math.round((second.cameraClockMicros - first.cameraClockMicros) / 1e6 / secondsPerTick);
}
