import type { ActorContext } from '../../src/engine/actor.ts';
import type { OutPort } from '../../src/engine/ports.ts';
import type { CameraId, EpochMicros } from '../../src/engine/units.ts';
import type { Source, SourceSession } from '../../src/ingress/source.ts';
import type { SourceUnit } from '../../src/messages/access-unit.ts';
import type { ChunkPart } from '../../src/messages/chunk-part.ts';
import { Chunker } from '../../src/data-ops/chunker.ts';
import type { Recorder } from '../../src/data-ops/recorder.ts';
import { isClosedGopStart } from '../../src/media/index.ts';
import { ingestFlow } from '../pipeline.ts';
import { POLICIES } from '../tree.ts';
import type { FlowHost } from '../wiring.ts';
import type { LiveTap } from './live-tap.ts';
import { SessionUnits } from './session-units.ts';

/** What a session of a camera works with. */
export interface SessionOptions {
  readonly camera: CameraId;
  readonly source: Source;
  readonly host: FlowHost;
  readonly chunkSeconds: number;
  /** Reserves the epoch, durably; behind `floor` if one is given. */
  readonly nextEpoch: (floor?: number) => Promise<number>;
  readonly createRecorder: (epoch: number) => Recorder;
  readonly durable: OutPort<ChunkPart>;
  /** Shows units to who watches, before they are recorded. Absent: they are none to watch. */
  readonly tap?: LiveTap;
  /** Aborts when the session must end in order: as if the source had ended. */
  readonly finishing: AbortSignal;
  /** The first unit of the session arrived. */
  readonly onLive: (first: Pick<SourceUnit, 'capturedAt' | 'cameraClock'>, label: string) => void;
  /** Between these times of capture the source had something that could not be read. */
  readonly onLost: (from: EpochMicros, to: EpochMicros, why: string) => void;
  /** Event time was set anew: a clock or the source's time stamps jumped. */
  readonly onClockStep?: () => void;
}

/**
 * One connection to a camera, from open to loss: a new epoch. Ends when the source ends.
 * @throws the source's error after everything received is durable
 */
export async function runSession(options: SessionOptions, ctx: ActorContext): Promise<void> {
  ctx.status(options.source.isAwaited === true ? 'waiting' : 'connecting');
  const session = await options.source.open(ctx.signal);
  try {
    const live = { isLive: false, clockSteps: 0 };
    const tellLoss = lossWatch(session, options);
    const units = new SessionUnits(options.camera, session, AbortSignal.any([ctx.signal, options.finishing]), unit => {
      ctx.progress();
      options.tap?.take(unit);
      tellLoss(unit.capturedAt);
      if (session.clockSteps !== undefined && session.clockSteps > live.clockSteps) options.onClockStep?.();
      live.clockSteps = session.clockSteps ?? 0;
      if (live.isLive) return;
      live.isLive = true;
      ctx.status('live');
      options.onLive(unit, options.source.label);
    });
    const epoch = await options.nextEpoch();
    options.tap?.begin(epoch);
    const flow = ingestFlow(options.host, {
      units, durable: options.durable, recorder: options.createRecorder(epoch),
      chunker: new Chunker({ camera: options.camera, epoch, chunkSeconds: options.chunkSeconds, isClosedGopStart }),
    });
    const links = flow.map(actor => ctx.supervise(actor, POLICIES.link));
    const exits = await Promise.all(links.map(async link => {
      const exit = await link.exit;
      // A link that failed leaves the others waiting for it: the session ends as a whole.
      if (exit.reason === 'escalated') await Promise.all(links.map(other => other.stop()));
      return exit;
    }));
    tellLoss(options.host.clock.now());
    for (const exit of exits) if (exit.reason === 'escalated') throw exit.error;
    if (units.failure !== undefined && !ctx.signal.aborted && !options.finishing.aborted) throw units.failure;
    ctx.status('ended');
  } finally {
    options.tap?.end();
    await session.close();
  }
}

/** Tells of what could not be read, with the time of capture that is lost, whenever it is told of a time that was not. */
function lossWatch(session: SourceSession, { host, onLost }: SessionOptions): (at: EpochMicros) => void {
  let from = host.clock.now();
  let told = 0;
  return at => {
    const { unreadablePackets, lastUnreadable } = session;
    if (at <= from) return; // a picture shown before the one it was decoded after
    if (unreadablePackets > told) onLost(from, at, lastUnreadable === undefined ? 'unreadable' : `${lastUnreadable.code}: ${lastUnreadable.message}`);
    told = unreadablePackets;
    from = at;
  };
}

/** A port that hands durable parts on at once. */
export function sinkPort(take: (part: ChunkPart) => void): OutPort<ChunkPart> {
  return {
    push: async items => { for (const { body } of items) take(body); },
    room: async () => {},
  };
}
