import { createScaler, createDecoder, isClosedGopStart } from '../../src/media/index.ts';
import { isCameraId } from '../../src/engine/units.ts';
import { Chunker } from '../../src/data-ops/chunker.ts';
import { EveryNth, FrameRateGate } from '../../src/feature-ops/frame-gate.ts';
import { Featurizer } from '../../src/feature-ops/featurizer.ts';
import { loadDetector } from '../../src/inference/load-detector.ts';
import type { DetectorOptions } from '../../src/inference/detector-model.ts';
import { createSource } from '../../src/ingress/index.ts';
import { libavAccess } from '../../src/ingress/libav-access.ts';
import { terminalRecordCodec } from '../../src/messages/terminal-record-codec.ts';
import { gather } from '../../src/transports/gather.ts';
import { connectIpc } from '../../src/transports/ipc/connect-ipc.ts';
import { batchFlow, visionFlow } from '../pipeline.ts';
import { SessionUnits } from '../ingest/session-units.ts';
import type { RoleContext } from '../process/role-process.ts';
import { POLICIES } from '../tree.ts';
import { numberedAsShown, PresentationOrder } from './presentation-order.ts';
import { Detector } from '../vision/detector.ts';

/** Settings of a batch process. */
export interface BatchSettings {
  readonly uri: string;
  readonly camera: string;
  readonly model: DetectorOptions;
  /** Every `n`th picture only; 1: all. */
  readonly every: number;
  /** At most so many frames a second of the source's own time; null: all. */
  readonly maxFps: number | null;
  /** Where the results are read. */
  readonly socket: string;
}

/** What a batch process tells when the source is open and the model is warm. */
export interface BatchOpened { readonly expectedUnits: number | null; readonly model: string; readonly provider: string; readonly labels: readonly string[] }

/** Nobody waits for a single record of a batch: those of this time go together. */
const GATHER_MS = 20;

/** One source from start to end through one detector: every frame is waited for, none is dropped, nothing is recorded. */
export async function batchRole(settings: unknown, ctx: RoleContext): Promise<void> {
  const options = settings as BatchSettings; // sent by the library of the same version
  if (!isCameraId(options.camera)) throw new Error(`not a camera id: ${options.camera}`);
  const source = await createSource({ uri: options.uri, options: { isPaced: false }, ctx: { clock: ctx.clock, random: ctx.random }, media: libavAccess });
  const session = await source.open(ctx.signal);
  const model = await loadDetector(options.model, { warn: (fields, text) => ctx.log.warn(fields, text) });
  ctx.note({ expectedUnits: session.expectedUnits, model: model.id, provider: model.provider, labels: model.labels } satisfies BatchOpened);
  const link = connectIpc({ clock: ctx.clock, random: ctx.random, path: options.socket, backoffMs: 10, backoffMaxMs: 200 });
  const records = link.output('vto.detections', terminalRecordCodec, { maxItems: 256, maxBytes: 16 << 20 });
  const scaler = createScaler(model.shape);
  const host = { clock: ctx.clock, random: ctx.random, observer: ctx.telemetry };
  const order = new PresentationOrder();
  const units = new SessionUnits(options.camera, session, ctx.signal, unit => order.add(unit));
  const parts = batchFlow(host, units, new Chunker({ camera: options.camera, epoch: 1, chunkSeconds: 10, isClosedGopStart }));
  const actors = [...parts.actors, ...visionFlow(host, {
    parts: parts.output, records: numberedAsShown(order, gather(records, { max: 64, withinMs: GATHER_MS, clock: ctx.clock })),
    credit: 64, catchUpMs: 0, stalenessMs: session.isLive ? 100 : Number.POSITIVE_INFINITY,
    detector: new Detector(async () => model, frame => scaler.release(frame)),
    featurizer: new Featurizer({
      createDecoder: parameters => createDecoder(parameters, { threads: 1 }), createScaler: () => scaler,
      gateOf: () => (options.every > 1 ? new EveryNth(options.every) : new FrameRateGate(options.maxFps)),
    }),
  })];
  ctx.ready();
  try {
    const running = actors.map(actor => ctx.system.supervise(actor, POLICIES.link));
    await Promise.all(running.map(async actor => {
      const exit = await actor.exit;
      if (exit.reason === 'escalated') throw exit.error;
    }));
    if (units.failure !== undefined) throw units.failure;
    records.close();
  } finally {
    await session.close();
    await ctx.system.stop();
    await link.close();
  }
}
