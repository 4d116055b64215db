import type { ActorContext } from '../../src/engine/actor.ts';
import { PlatformError, reportError } from '../../src/engine/errors.ts';
import type { Limiter } from '../../src/engine/limiter.ts';
import { untilAborted } from '../../src/engine/timers.ts';
import { epochMicros, type CameraId, type EpochMicros } from '../../src/engine/units.ts';
import type { Recordings } from '../../src/ingress/replay/recordings.ts';
import { replaySource, type ReplayCounts, type ReplayOptions } from '../../src/ingress/replay/replay-source.ts';
import { withMeaning, type SampleSettings } from '../../src/ingress/sample-meaning.ts';
import type { ChunkPart } from '../../src/messages/chunk-part.ts';
import type { PlatformEvent } from '../../src/messages/platform-event.ts';
import type { Logger } from '../../src/utility-ops/log.ts';
import { runSession, sinkPort, type SessionOptions } from './session.ts';

/** Where a gap begins or ends. */
export interface GapEdge {
  /** Event time of the picture there. */
  readonly capturedAt: EpochMicros;
  /** What the camera's own clock said of it, which is how its recording counts; undefined when it is not known. */
  readonly cameraClock: EpochMicros | undefined;
}

/** A time of which nothing is in the archive, between two sessions. */
export interface Gap {
  /** The last picture before. */
  readonly from: GapEdge;
  /** The first picture behind. */
  readonly to: GapEdge;
  /** Epochs that lie between those of the two sessions: one for each try. */
  readonly epochs: readonly number[];
}

/** Why a gap is left as it is. */
export type LeftReason = 'queue-full' | 'unsupported' | 'failed' | 'not-recorded';

/** What filling gaps works with. */
export interface BackfillOptions {
  readonly camera: CameraId;
  readonly recordings: Recordings;
  readonly samples: SampleSettings | undefined;
  readonly session: Pick<SessionOptions, 'host' | 'chunkSeconds' | 'createRecorder'>;
  readonly reading: Pick<ReplayOptions, 'media' | 'stallMs' | 'timeoutMs'>;
  /** Of a gap that is longer, the last part is filled. */
  readonly maxMs: number;
  /** Lets few cameras of the process replay at the same time. */
  readonly turns: Limiter;
  /** Each durable part, to be detected on or ended. */
  readonly onDurable: (part: ChunkPart) => void;
  readonly report: (event: PlatformEvent) => void;
  /** A gap was left as it is, or in part. */
  readonly onLeft: (reason: LeftReason) => void;
  readonly log: Logger;
}

/** Tries of one gap: as many epochs are kept free for it. */
export const BACKFILL_TRIES = 3;
/** Before each: a device makes its newest recording available a little later than it sends it, and may just be starting. */
const WAIT_MS = [1_000, 5_000, 20_000] as const;
/** Gaps that wait. */
const GAPS_MAX = 16;
/** A recording that does not reach this close to the end is not complete, however few pictures a camera makes. */
const COMPLETE_MICROS = 1_000_000;
/** A gap in which a camera may have made no picture at all. */
const SHORT_MICROS = 500_000;
/** Where the camera's clock is known at neither end: what event times may differ from it, as long as it is believed. */
const INEXACT_MICROS = 2_000_000;
/** Where it is known at one end: what its offset may have changed. */
const NEAR_MICROS = 200_000;
/** Replayed at most so many times as fast as it was captured: an hour in six minutes, and no burst that live streams would feel. */
const SPEED_MAX = 10;

/**
 * Fills gaps of a camera from its own recording (ONVIF Profile G), one after the other beside the live session, each try as an epoch of its own. The epochs are
 * numbered between those of the sessions around the gap, so that epochs of a camera stay in the order of their times. Failures end here: the live session never feels them.
 */
export class Backfill {
  readonly #options: BackfillOptions;
  readonly #gaps: Gap[] = [];
  #wake: () => void = () => {};
  #isSupported = true;

  constructor(options: BackfillOptions) {
    this.#options = options;
  }

  /** False once the device said that it replays nothing: no epochs need to be kept free. */
  get isSupported(): boolean { return this.#isSupported; }

  /** Takes a gap; never waits. */
  offer(gap: Gap): void {
    if (!this.#isSupported) return;
    if (this.#gaps.length >= GAPS_MAX) {
      this.#gaps.shift();
      this.#options.onLeft('queue-full');
    }
    this.#gaps.push(gap);
    this.#wake();
  }

  /** Fills what is offered until the signal aborts, or `finishing` does. */
  async run(ctx: ActorContext, finishing: AbortSignal): Promise<void> {
    const ending = AbortSignal.any([ctx.signal, finishing]);
    while (!ending.aborted) {
      const gap = this.#gaps.shift();
      if (gap === undefined) {
        ctx.status('idle');
        await Promise.race([untilAborted(ending), new Promise<void>(resolve => { this.#wake = resolve; })]);
        continue;
      }
      ctx.status('waiting');
      if (this.#isSupported) await this.#fill(gap, { ctx, ending });
    }
  }

  async #fill(gap: Gap, life: Life): Promise<void> {
    const { ending } = life;
    const { camera, session: { host: { clock } }, maxMs, report, onLeft, log } = this.#options;
    const bounds = boundsOf(gap, maxMs);
    let reached = bounds.from;
    let frames = 0;
    let wanted = 0;
    let failure: unknown;
    // A camera sends nothing between two pictures: what is nearer to the end than a few of them is all there is. A short gap may be without any.
    const isComplete = (): boolean => (wanted === 0 ? failure === undefined && bounds.goal - bounds.from <= SHORT_MICROS : reached >= bounds.goal - Math.min(COMPLETE_MICROS, 3 * (reached - bounds.from) / wanted));
    for (const [index, epoch] of gap.epochs.entries()) {
      await clock.sleep(WAIT_MS[index] ?? 0, ending).catch(() => { /* the camera ends */ });
      if (ending.aborted) break;
      const { counts, frames: added, error } = await this.#inTurn(() => this.#try({ ...bounds, from: reached }, epoch, life), ending);
      failure = error;
      frames += added;
      wanted += counts.wanted;
      reached = epochMicros(Math.max(reached, counts.lastCapturedAt ?? 0));
      if (error instanceof PlatformError && (error.code === 'MEDIA_UNSUPPORTED' || error.code === 'ONVIF_UNSUPPORTED')) {
        this.#isSupported = false;
        break;
      }
      if (isComplete()) break;
    }
    if (frames > 0) report({ type: 'backfilled', camera, at: clock.now(), from: bounds.isCut ? bounds.from : gap.from.capturedAt, to: isComplete() ? gap.to.capturedAt : epochMicros(Math.min(gap.to.capturedAt, reached)), frames });
    if (isComplete() || ending.aborted) return;
    const reason: LeftReason = this.#isSupported ? failure === undefined ? 'not-recorded' : 'failed' : 'unsupported';
    onLeft(reason);
    const { code, message } = failure === undefined ? { code: undefined, message: 'the device has nothing more of that time' } : reportError(failure);
    log.warn({ camera, reason, frames, ...code !== undefined && { code }, detail: message }, 'gap is left without a recording of the camera');
  }

  /** Few cameras of a process replay at the same time. A camera that ends does not wait for its turn. */
  async #inTurn(replay: () => Promise<Try>, ending: AbortSignal): Promise<Try> {
    let isReplaying = false;
    const turn = this.#options.turns.run(async () => {
      isReplaying = true;
      return ending.aborted ? NOTHING : replay();
    });
    return Promise.race([turn, untilAborted(ending).then(() => (isReplaying ? turn : NOTHING))]);
  }

  /** One replay, as a session that leaves nothing behind but durable parts. */
  async #try(bounds: Bounds, epoch: number, { ctx, ending }: Life): Promise<Try> {
    const { camera, recordings, samples, session, reading, onDurable, log } = this.#options;
    let durable = 0;
    const frames = (): number => Math.max(0, durable - counts.overlap);
    let { counts } = NOTHING;
    try {
      const recording = await recordings.find(bounds.from, bounds.to, ending);
      if (recording === undefined) return { counts, frames: 0, error: undefined };
      const replayed = replaySource({
        ...reading, clockOffsetMicros: bounds.clockOffsetMicros ?? recording.clockOffsetMicros ?? 0, uri: recording.uri, login: recording.login, label: recordings.label, ctx: session.host, from: bounds.from, to: bounds.to,
        speedMax: SPEED_MAX, onEnd: ended => { counts = ended; },
      });
      const source = withMeaning({ label: replayed.label, open: signal => replayed.open(AbortSignal.any([signal, ending])) }, samples);
      ctx.status('connecting');
      await runSession({
        ...session, camera, source, finishing: ending, nextEpoch: async () => epoch,
        durable: sinkPort(part => { durable += part.units.length; onDurable(part); }),
        onLive: () => ctx.status('filling'), onLost: () => { /* what a recording lacks stays a gap, which was told */ },
      }, ctx);
      log.info({ camera, epoch, ...counts }, 'gap was filled from the recording of the camera');
      return { counts, frames: frames(), error: undefined };
    } catch (error) {
      if (!ending.aborted) log.info({ camera, epoch, ...counts, ...reportError(error) }, 'replay of the recording of the camera ended early');
      return { counts, frames: frames(), error };
    }
  }
}

/** What one try brought: `frames` of the gap that are durable now. */
interface Try { readonly counts: ReplayCounts; readonly frames: number; readonly error: unknown }

const NOTHING: Try = { counts: { wanted: 0, overlap: 0, skipped: 0, lastCapturedAt: undefined }, frames: 0, error: undefined };

/** How long it may take. */
interface Life { readonly ctx: ActorContext; readonly ending: AbortSignal }

/** What is asked of a device: event times, and what its clock is ahead of them; undefined when no picture tells. `goal`: where the gap ends at the earliest. `isCut`: it began before. */
interface Bounds { readonly from: EpochMicros; readonly to: EpochMicros; readonly goal: number; readonly isCut: boolean; readonly clockOffsetMicros: number | undefined }

/**
 * By the camera's own clock where it is known: the pictures at both ends are then found exactly. An end of which it is not known is put by the other's
 * offset, and wider by what it may be off: a picture that is in the archive twice is better than one that is not.
 */
function boundsOf({ from, to }: Pick<Gap, 'from' | 'to'>, maxMs: number): Bounds {
  const offsets = [to, from].flatMap(({ capturedAt, cameraClock }) => (cameraClock === undefined ? [] : [cameraClock - capturedAt]));
  const [offset] = offsets;
  const slack = offset === undefined ? INEXACT_MICROS : NEAR_MICROS;
  const exact = ({ cameraClock }: GapEdge): number | undefined => (cameraClock === undefined || offset === undefined ? undefined : cameraClock - offset);
  const end = exact(to) ?? to.capturedAt + slack;
  const begin = exact(from) ?? from.capturedAt - slack;
  const earliest = end - maxMs * 1000;
  return { from: epochMicros(Math.max(begin, earliest)), to: epochMicros(end), goal: exact(to) ?? to.capturedAt - slack, isCut: begin < earliest, clockOffsetMicros: offset };
}
