import type { Actor, ActorContext, RestartPolicy } from '../../src/engine/actor.ts';
import { reportError } from '../../src/engine/errors.ts';
import { untilAborted } from '../../src/engine/timers.ts';
import type { EpochMicros } from '../../src/engine/units.ts';
import type { Feeder } from '../../src/data-ops/feeder.ts';
import type { SourceRow } from '../../src/data-ops/camera-row.ts';
import type { SourceUnit } from '../../src/messages/access-unit.ts';
import type { ChunkPart } from '../../src/messages/chunk-part.ts';
import type { PlatformEvent } from '../../src/messages/platform-event.ts';
import type { CameraBackfill } from './camera-backfill.ts';
import type { Recovered } from './history.ts';
import { POLICIES } from '../tree.ts';
import { runSession, sinkPort, type SessionOptions } from './session.ts';

/** What a camera works with. */
export interface CameraOptions {
  readonly row: SourceRow;
  readonly session: Omit<SessionOptions, 'camera' | 'durable' | 'onLive' | 'onLost' | 'finishing'>;
  readonly sessionPolicy: RestartPolicy;
  readonly feeder: Feeder;
  /** Calls `listener` whenever a vision process attaches, or is attached already. Returns an unsubscribe. */
  readonly onConsumer: (listener: () => void) => () => void;
  /** Mends and counts what an earlier process left behind. Resolves when the store knows it. */
  readonly recover: () => Promise<Recovered>;
  readonly report: (event: PlatformEvent) => void;
  /** Each durable part. */
  readonly onDurable: (part: ChunkPart) => void;
  /** Frames of the camera that need no detection end here instead of in vision. */
  readonly recordedOnly: ((part: ChunkPart) => Promise<void>) | undefined;
  /** Fills gaps from the camera's own recording. Absent: it has none that is known. */
  readonly backfill?: CameraBackfill | undefined;
  /** In a cluster: frames that are not handed over when the camera ends wait in the archive for the next start. @default false: they end as stale */
  readonly isSpooling?: boolean;
  /** In a cluster: event time of the last frame of other nodes, where one of them had a session behind the epoch `after`. */
  readonly endedElsewhere?: ((after: number) => Promise<EpochMicros | undefined>) | undefined;
  /** Only hands over what earlier processes recorded, and ends. @default false */
  readonly isLeftover?: boolean;
}

/** Where the camera's footage stood before a session, for the gap in front of it. */
interface Past {
  recovered: Promise<Recovered>;
  /** Event time of the last durable frame of this process. */
  endedAt: EpochMicros | undefined;
  /** What the camera's own clock said then. */
  cameraClock: EpochMicros | undefined;
  /** Why it ended. */
  reason: string;
}

/** What a live session may take to pass on what it received. */
const SESSION_END_MS = 400;
const DRAIN_MS = 1_000;
const DRAIN_STEP_MS = 10;
const LEAVE_STEP_MS = 100;

/** Ends of sessions whose source only lets others send. */
const SENDER_LOST: ReadonlySet<string> = new Set(['SOURCE_STALLED', 'SOURCE_UNREACHABLE', 'PUBLISHER_REPLACED']);

/** The message that ends a camera in order; `stop` ends it as it stands. */
export const FINISH = { type: 'finish' } as const;

/** As FINISH, but the camera goes on handing over what it recorded until nothing is left, or FINISH comes. */
export const LEAVE = { type: 'leave' } as const;

/**
 * One camera: its sessions one after the other, and the feeder that outlives them. Never delays another camera.
 * Told to finish, it ends the session, lets vision have what was received, and ends by itself.
 */
export function cameraActor(options: CameraOptions): Actor {
  const { row, feeder } = options;
  const ending = new AbortController();
  const finishing = new AbortController();
  return {
    name: row.id,
    receive: message => {
      ending.abort();
      if ((message as typeof FINISH | typeof LEAVE).type === 'finish') finishing.abort(); // sent by the ingest role
    },
    run: async ctx => {
      const past: Past = { recovered: options.recover(), endedAt: undefined, cameraClock: undefined, reason: 'restart' };
      past.recovered.catch(() => { /* the feeder below fails with it */ });
      ctx.supervise({
        name: 'feeder',
        run: async child => {
          if (child.generation > 1) past.recovered = options.recover(); // running it again changes nothing that is in order
          await past.recovered;
          if (options.recordedOnly) {
            await feeder.giveUp('not-wanted'); // what an earlier process did not live to account for
            return untilAborted(child.signal);
          }
          const detach = options.onConsumer(() => feeder.startOver());
          await feeder.run(child.signal, child.progress).finally(detach);
        },
      }, POLICIES.feeder);
      if (options.isLeftover === true) {
        ctx.status('leaving');
        await past.recovered.catch(() => { /* the feeder tries again */ });
        return drain(options, ctx, finishing.signal);
      }
      const session = ctx.supervise({
        name: 'session', run: child => runCameraSession(options, child, { past, finishing: ending.signal }),
      }, options.sessionPolicy);
      const closed = session.exit.then(exit => {
        if (exit.reason === 'ended' && !ending.signal.aborted) options.report({ type: 'camera-state', camera: row.id, at: options.session.host.clock.now(), state: 'ended' });
        if (exit.reason === 'escalated') {
          const { code, message } = reportError(exit.error);
          options.report({ type: 'camera-state', camera: row.id, at: options.session.host.clock.now(), state: 'failed', code, message });
          ctx.status(`failed: ${message}`);
        } else ctx.status(exit.reason);
        return options.session.source.close?.();
      });
      const filling = options.backfill?.begin(ctx, ending.signal);
      await untilAborted(AbortSignal.any([ctx.signal, ending.signal]));
      if (ctx.signal.aborted) return;
      if (session.report().status === 'live') await Promise.race([session.exit, options.session.host.clock.sleep(SESSION_END_MS)]);
      await Promise.all([session.stop(), filling?.end()]);
      await closed;
      await drain(options, ctx, finishing.signal);
      await filling?.giveUp();
    },
  };
}

/** How sessions follow each other, and how the last one ends. */
interface Succession { readonly past: Past; readonly finishing: AbortSignal }

async function runCameraSession(options: CameraOptions, ctx: ActorContext, { past, finishing }: Succession): Promise<void> {
  const { row, report } = options;
  const { clock } = options.session.host;
  const durable = sinkPort(part => {
    const last = part.units.at(-1);
    if (last) { past.endedAt = last.capturedAt; past.cameraClock = last.cameraClock; }
    options.onDurable(part);
    if (options.recordedOnly) options.recordedOnly(part).catch(() => { /* the link is closing: `giveUp` accounts for them, here or at the next start */ });
    else options.feeder.offer(part);
  });
  let spare: readonly number[] = [];
  const session: SessionOptions = {
    ...options.session, camera: row.id, durable, finishing,
    nextEpoch: async () => {
      spare = await options.backfill?.reserve(options.session.nextEpoch) ?? [];
      return options.session.nextEpoch(spare.at(-1));
    },
    onLive: first => {
      report({ type: 'camera-state', camera: row.id, at: clock.now(), state: 'live' });
      void reportGap(options, past, { first, spare });
    },
    onLost: (from, to, reason) => report({ type: 'gap', camera: row.id, at: clock.now(), from, to, reason }),
  };
  const isAwaited = session.source.isAwaited === true;
  for (;;) {
    try {
      await runSession(session, ctx);
      if (!isAwaited || finishing.aborted || ctx.signal.aborted) return;
      past.reason = 'publisher-left';
      report({ type: 'camera-state', camera: row.id, at: clock.now(), state: 'waiting' });
    } catch (error) {
      const { code, message } = reportError(error);
      const isOver = isAwaited && SENDER_LOST.has(code); // whoever sent is gone, which is no failure of the camera: it waits for the next
      past.reason = code;
      if (!ctx.signal.aborted && code !== 'SOURCE_REPLACED') report({ type: 'camera-state', camera: row.id, at: clock.now(), state: isOver ? 'waiting' : 'retrying', code, message });
      if (!isOver || ctx.signal.aborted) throw error;
    }
  }
}

/** The first frame of a session, and the epochs that are free in front of it. */
interface Beginning { readonly first: Pick<SourceUnit, 'capturedAt' | 'cameraClock'>; readonly spare: readonly number[] }

/** What lies between the last durable frame, of this process or an earlier one, and the first of the new session. */
async function reportGap(options: CameraOptions, past: Past, { first, spare }: Beginning): Promise<void> {
  const { endedAt, cameraClock, reason } = past;
  const to = first.capturedAt;
  const from = endedAt ?? await lastBefore(options, past);
  if (from === undefined || to <= from) return;
  options.report({ type: 'gap', camera: options.row.id, at: options.session.host.clock.now(), from, to, reason });
  options.backfill?.offer({ from: { capturedAt: from, cameraClock }, to: { capturedAt: to, cameraClock: first.cameraClock }, epochs: spare });
}

async function lastBefore({ endedElsewhere }: CameraOptions, { recovered }: Past): Promise<EpochMicros | undefined> {
  const { lastCapturedAt, lastEpoch } = await recovered.catch(() => ({ lastCapturedAt: undefined, lastEpoch: 0 }));
  return await endedElsewhere?.(lastEpoch).catch(() => undefined) ?? lastCapturedAt; // brokers that are away do not say: it is this node's past then
}

/** Waits, within a limit, until vision has acknowledged everything that was recorded; what it was too slow for ends here. */
async function drain(options: CameraOptions, ctx: ActorContext, finishing: AbortSignal): Promise<void> {
  const { clock } = options.session.host;
  const isSpooling = options.isSpooling === true && !options.recordedOnly;
  if (isSpooling) await handOverRest(options, ctx, finishing);
  const until = clock.monotonicMs() + DRAIN_MS;
  while (!options.feeder.isDrained && clock.monotonicMs() < until && !(isSpooling && ctx.signal.aborted)) {
    ctx.progress();
    await clock.sleep(DRAIN_STEP_MS);
  }
  if (!isSpooling) await options.feeder.giveUp(options.recordedOnly ? 'not-wanted' : 'stale');
}

/** Until everything that was recorded is on Kafka, however long that takes, or the process must end. */
async function handOverRest({ feeder, session }: CameraOptions, ctx: ActorContext, finishing: AbortSignal): Promise<void> {
  const ending = AbortSignal.any([finishing, ctx.signal]);
  if (!ending.aborted) ctx.status('leaving');
  while (!ending.aborted && !await feeder.isSettled()) {
    ctx.progress();
    await session.host.clock.sleep(LEAVE_STEP_MS, ending).catch(() => { /* told to end meanwhile */ });
  }
}
