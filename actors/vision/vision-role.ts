import type { CameraId } from '../../src/engine/units.ts';
import type { DetectorOptions } from '../../src/inference/detector-model.ts';
import { FrameRateGate } from '../../src/feature-ops/frame-gate.ts';
import { Featurizer } from '../../src/feature-ops/featurizer.ts';
import { loadDetector } from '../../src/inference/load-detector.ts';
import { createDecoder, createScaler } from '../../src/media/index.ts';
import { chunkPartCodec } from '../../src/messages/chunk-part-codec.ts';
import { terminalRecordCodec } from '../../src/messages/terminal-record-codec.ts';
import { connectIpc } from '../../src/transports/ipc/connect-ipc.ts';
import { listenIpc } from '../../src/transports/ipc/listen-ipc.ts';
import { visionFlow } from '../pipeline.ts';
import { gaugeQueues } from '../process/queue-gauges.ts';
import type { RoleContext } from '../process/role-process.ts';
import { POLICIES } from '../tree.ts';
import { Detector } from './detector.ts';

/** Settings of a vision process. */
export interface VisionSettings {
  /** Where this process listens for parts. */
  readonly socket: string;
  readonly storeSocket: string;
  readonly model: DetectorOptions;
  readonly stalenessMs: number;
  readonly catchUpMs: number;
  /** Frames per second to detect on, by camera; `*` for the others. */
  readonly maxFps: Readonly<Record<string, number | null>>;
}

/** Encoded parts in, terminal records out. Pixels never leave this process. */
export async function visionRole(settings: unknown, ctx: RoleContext): Promise<void> {
  const options = settings as VisionSettings; // sent by the root of the same version
  const maxFps = new Map(Object.entries(options.maxFps));
  ctx.onMessage(message => {
    const { camera, limit } = message as { camera: string; limit: number | null }; // the root's only message to vision
    maxFps.set(camera, limit);
  });
  const model = await loadDetector(options.model, { warn: (fields, text) => ctx.log.warn(fields, text) });
  const link = { clock: ctx.clock, random: ctx.random };
  const store = connectIpc({ ...link, path: options.storeSocket, backoffMs: 10, backoffMaxMs: 200 });
  const records = store.output('vto.detections', terminalRecordCodec, { maxItems: 4096, maxBytes: 32 << 20 });
  gaugeQueues({ records }, ctx);
  const node = await listenIpc({ ...link, path: options.socket, onError: error => ctx.log.warn({ error: String(error) }, 'link error') });
  const parts = node.input('vto.chunks', chunkPartCodec, { maxItems: 16_384, maxBytes: 256 << 20 });
  const scaler = createScaler(model.shape);
  const host = { clock: ctx.clock, random: ctx.random, observer: ctx.telemetry };
  const actors = visionFlow(host, {
    parts, records, stalenessMs: options.stalenessMs, catchUpMs: options.catchUpMs, credit: 16_384,
    detector: new Detector(async () => model, frame => scaler.release(frame)),
    featurizer: new Featurizer({
      createDecoder: parameters => createDecoder(parameters, { threads: 1 }), createScaler: () => scaler,
      gateOf: (camera: CameraId) => new FrameRateGate(maxFps.get(camera) ?? maxFps.get('*') ?? null),
    }),
  });
  const failed = Promise.race(actors.map(async actor => {
    const exit = await ctx.system.supervise(actor, POLICIES.link).exit;
    if (exit.reason === 'escalated') throw exit.error;
    await new Promise(() => {}); // one that ended is no failure
  }));
  ctx.ready();
  await Promise.race([failed, new Promise<void>(resolve => { ctx.signal.addEventListener('abort', () => resolve(), { once: true }); })]);
  await ctx.system.stop();
  await node.close();
  await store.close();
}
