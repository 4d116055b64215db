import type { EpochMicros } from '../../src/engine/units.ts';
import { epochMicros } from '../../src/engine/units.ts';
import { cameraClock } from '../../src/ingress/camera-clock.ts';
import type { CameraClock, CameraClockLimits } from '../../src/ingress/camera-clock.ts';
import { diceOf } from './dice.ts';

/** What a simulated camera and its network are like. Times in milliseconds, by the true time in seconds where they are functions. */
export interface CameraHabits {
  readonly seed: number;
  readonly fps: number;
  /** The quartz runs fast by so many millionths. */
  readonly driftPpm?: number;
  /** Wall clock in sender reports against the truth; null: it sends none. */
  readonly skewMs?: ((t: number) => number) | null;
  /** First sender report; one a second from there. @default 0 */
  readonly firstReportS?: number;
  /** Each report is wrong by up to so much, either way. */
  readonly reportNoiseMs?: number;
  /** Shortest time from taking a picture to its arrival. @default 3 */
  readonly delayMs?: number;
  /** A picture takes up to so much longer, each by chance. */
  readonly jitterMs?: number;
  /** What more a picture takes at that time. */
  readonly holdUpMs?: (t: number) => number;
  /** Added to the time stamps from then on. */
  readonly ptsJumpMs?: (t: number) => number;
  /** Frames between two in decode order that are shown in order: of 2 B-frames, 3. @default 1, as taken */
  readonly reorder?: number;
}

/** One picture of it, dated. In order of arrival. */
export interface DatedPicture { readonly takenAt: number; readonly at: number; readonly arrivedAt: EpochMicros; readonly isTrusted: boolean }

/** The moment that simulations begin. */
export const TRUE_START = 1_700_000_000_000_000;
/** The limits of the RTSP source. */
export const RTSP_LIMITS: CameraClockLimits = { offsetMaxMs: 200, jitterMaxMs: 100 };

/** Plays a camera for so long through a clock. The first pictures wait for the second, as in a live session. */
export function playCamera(habits: CameraHabits, seconds: number, clock: CameraClock = cameraClock(RTSP_LIMITS)): DatedPicture[] {
  const dice = diceOf(habits.seed);
  const chance = (): number => dice.between(0, 1e6) / 1e6;
  const origin = dice.between(0, 1e9);
  const rate = 1 + (habits.driftPpm ?? 0) / 1e6;
  const pictures: DatedPicture[] = [];
  const waiting: { ptsMicros: number; takenAt: number; arrivedAt: EpochMicros }[] = [];
  let last = 0;
  let report = { number: -1, error: 0 };
  const frames = Math.floor(seconds * habits.fps);
  for (let index = 0; index < frames; index++) {
    const t = decodedAt(index, habits.reorder ?? 1) / habits.fps;
    const sentAt = Math.max(t, index / habits.fps);
    last = Math.max(last + 10, TRUE_START + sentAt * 1e6 + ((habits.delayMs ?? 3) + chance() * (habits.jitterMs ?? 0) + (habits.holdUpMs?.(sentAt) ?? 0)) * 1000); // TCP keeps the order
    const arrivedAt = epochMicros(Math.round(last));
    const ptsMicros = origin + Math.round(t * rate * 90_000) / 0.09 + (habits.ptsJumpMs?.(t) ?? 0) * 1000;
    let cameraMicros: number | null = null;
    if (habits.skewMs && t >= (habits.firstReportS ?? 0)) {
      const reportedAt = Math.floor(t - (habits.firstReportS ?? 0));
      if (reportedAt !== report.number) report = { number: reportedAt, error: (habits.skewMs(t) + (2 * chance() - 1) * (habits.reportNoiseMs ?? 0)) * 1000 };
      cameraMicros = TRUE_START + Math.round(t * 1e6 + report.error);
    }
    clock.see({ ptsMicros, cameraMicros, begunAt: arrivedAt });
    waiting.push({ ptsMicros, takenAt: TRUE_START + t * 1e6, arrivedAt });
    if (index === 0) continue;
    for (const unit of waiting.splice(0)) pictures.push({ takenAt: unit.takenAt, at: clock.capturedAt(unit.ptsMicros, unit.arrivedAt), arrivedAt: unit.arrivedAt, isTrusted: clock.isTrusted });
  }
  return pictures;
}

/** Place in time of the picture at a place in decode order: the last of each group comes before those it was taken after. */
function decodedAt(index: number, reorder: number): number {
  if (reorder === 1 || index === 0) return index;
  const place = (index - 1) % reorder;
  const group = index - 1 - place;
  return group + (place === 0 ? reorder : place);
}

/** Event time less truth, in milliseconds, of pictures taken in these seconds. */
export function errorsMs(pictures: readonly DatedPicture[], fromS: number, toS = Infinity): number[] {
  return pictures.filter(({ takenAt }) => takenAt >= TRUE_START + fromS * 1e6 && takenAt < TRUE_START + toS * 1e6).map(({ at, takenAt }) => (at - takenAt) / 1000);
}
