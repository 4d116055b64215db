import type { Clock } from '../engine/clock.ts';
import { PlatformError } from '../engine/errors.ts';
import { epochMicros } from '../engine/units.ts';
import type { EpochMicros } from '../engine/units.ts';
import type { MediaPacket, PacketReader } from '../media/types.ts';
import type { Codec, StreamParameters } from '../messages/stream-parameters.ts';
import { cameraClock } from './camera-clock.ts';
import type { CameraClock } from './camera-clock.ts';
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
  const cameraTime = cameraClock({ offsetMaxMs: options.clockOffsetMaxMs, jitterMaxMs: options.clockJitterMaxMs });
  const stream = keyedStream(options, reader, { cameraTime, parameters: opened.parameters });
  const watch = parameterWatch(options.media, opened);
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
    get clockSteps() { return cameraTime.steps; },
    async next(signal) {
      const { packet, arrivedAt } = await stream.next(signal);
      const parameters = watch.changeAt(packet);
      const { data, pts, dts, duration, isKey, isCorrupt } = packet;
      return {
        data, pts, dts, duration, isKey, isCorrupt, arrivedAt,
        capturedAt: cameraTime.capturedAt(pts === null ? null : pts * stream.microsPerTick, arrivedAt),
        ...(packet.cameraClockMicros === null ? {} : { cameraClock: epochMicros(packet.cameraClockMicros) }),
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

interface KeyedStream {
  readonly microsPerTick: number;
  next(signal: AbortSignal): Promise<Arrived>;
}

/** Codecs of which libav gives a unit when the next one begins (libavformat, rtpdec: AVSTREAM_PARSE_FULL). */
const ENDED_BY_NEXT: ReadonlySet<string> = new Set(['h264', 'hevc'] satisfies Codec[]);

/** The packets from the first key unit on, each within its time. The clock sees all, with the time at which each began to arrive. */
function keyedStream(options: LiveOptions, reader: PatientReader, { cameraTime, parameters }: { readonly cameraTime: CameraClock; readonly parameters: StreamParameters }): KeyedStream {
  const { clock, label } = options;
  const microsPerTick = parameters.timeBase.num / parameters.timeBase.den * 1e6;
  const isEndedByNext = ENDED_BY_NEXT.has(parameters.codec);
  const startMs = clock.monotonicMs();
  const ready: Arrived[] = [];
  let first: Arrived | undefined;
  let lastArrivedAt: EpochMicros | undefined;
  let isStarted = false;
  const read = async (signal: AbortSignal): Promise<Arrived> => {
    const ms = lastArrivedAt === undefined ? Math.max(options.stallMs, options.openTimeoutMs) : options.stallMs;
    const packet = await reader.read(signal, { ms, clock, error: () => new PlatformError('SOURCE_STALLED', `${label} sent no picture for ${ms} ms`, { ms }) });
    if (packet === undefined) throw new PlatformError('SOURCE_UNREACHABLE', `${label} ended the session`, {});
    const arrivedAt = clock.now();
    const begunAt = isEndedByNext ? lastArrivedAt ?? arrivedAt : arrivedAt;
    cameraTime.see({ ptsMicros: packet.pts === null ? null : packet.pts * microsPerTick, cameraMicros: packet.cameraClockMicros, begunAt });
    lastArrivedAt = arrivedAt;
    return { packet, arrivedAt };
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
      ready.push({ ...first, packet: { ...first.packet, pts: firstPts(first.packet, second.packet, microsPerTick) } }, second);
    } else {
      ready.push(first);
    }
    isStarted = true;
  };
  return {
    microsPerTick,
    async next(signal) {
      if (!isStarted) await start(signal);
      return ready.shift() ?? read(signal);
    },
  };
}

/** The camera's clock is not believed to have passed more between two units. */
const FIRST_PASSED_MAX_MICROS = 3.6e9;

/** By the camera's clock where both units have it; else libav counts from the first unit, so it is 0 (libavformat, rtpdec.c, finalize_packet). */
function firstPts(first: MediaPacket, second: MediaPacket, microsPerTick: number): number {
  if (second.pts === null || first.cameraClockMicros === null || second.cameraClockMicros === null) return 0;
  const passed = second.cameraClockMicros - first.cameraClockMicros;
  return passed > 0 && passed < FIRST_PASSED_MAX_MICROS ? second.pts - Math.round(passed / microsPerTick) : 0;
}
