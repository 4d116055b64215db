import { createScaler, isClosedGopStart } from '../../src/media/index.ts';
import { isCameraId, type CameraId } from '../../src/engine/units.ts';
import { Chunker } from '../../src/data-ops/chunker.ts';
import { EveryNth, FrameRateGate } from '../../src/feature-ops/frame-gate.ts';
import { Featurizer } from '../../src/feature-ops/featurizer.ts';
import type { DetectorModel, DetectorOptions } from '../../src/inference/detector-model.ts';
import { createSource } from '../../src/ingress/index.ts';
import { libavAccess } from '../../src/ingress/libav-access.ts';
import type { SampleSettings } from '../../src/ingress/sample-meaning.ts';
import type { SourceSession } from '../../src/ingress/source.ts';
import { terminalRecordCodec } from '../../src/messages/terminal-record-codec.ts';
import type { Config } from '../../src/utility-ops/config/schema.ts';
import { gather } from '../../src/transports/gather.ts';
import { connectIpc } from '../../src/transports/ipc/connect-ipc.ts';
import { batchFlow, visionFlow } from '../pipeline.ts';
import { SessionUnits } from '../ingest/session-units.ts';
import { halfOfMemory } from '../process/half-of-memory.ts';
import type { RoleContext } from '../process/role-process.ts';
import { POLICIES } from '../tree.ts';
import { numberedAsShown, PresentationOrder } from './presentation-order.ts';
import { decodingOf } from '../vision/decoding.ts';
import { Detector } from '../vision/detector.ts';
import { followed, modelForTracking, type TrackerNames } from '../vision/followed.ts';
import { loadModel } from '../vision/load-model.ts';

/** Settings of a batch process. */
export interface BatchSettings {
  /** Read at the same time, fairly. */
  readonly sources: readonly { readonly uri: string; readonly camera: string }[];
  readonly model: DetectorOptions;
  /** What follows objects. @default 'none' */
  readonly tracker?: string;
  /** What decodes. @default 'auto' */
  readonly decoder?: Config['vision']['decoder'];
  /** Every `n`th picture only; 1: all. */
  readonly every: number;
  /** At most so many frames a second of the source's own time; null: all. */
  readonly maxFps: number | null;
  /** What the samples of the pictures mean. @default what they say themselves */
  readonly samples?: SampleSettings;
  /** Where the results are read. */
  readonly socket: string;
}

/** What a batch process tells when the sources are open and the model is warm. */
export interface BatchOpened { readonly expectedUnits: number | null; readonly model: string; readonly provider: string; readonly labels: readonly string[] }

/**
 * Records of this time go together. Of a file nobody waits for a single one, and each hop to the parent costs two process switches and cold caches,
 * far more than a record does; somebody may watch a camera.
 */
const GATHER_MS = { file: 200, live: 20 } as const;

/** Most frames that go through the model at once, where that pays. */
const BATCH_MAX = 32;

/** Parts between reader and acknowledged record: more than two hops carry, so that neither waits for the other. */
const CREDIT = 256;

/** Sources from start to end through one detector: every frame is waited for, none is dropped, nothing is recorded. */
export async function batchRole(settings: unknown, ctx: RoleContext): Promise<void> {
  const options = settings as BatchSettings; // sent by the library of the same version
  ctx.limitMemory(halfOfMemory());
  const inputs: Input[] = [];
  try {
    for (const source of options.sources) inputs.push(await openInput(source, options.samples, ctx));
    const model = await loadModel(modelForTracking(options.model, trackersOf(options)), ctx);
    ctx.note({ expectedUnits: sumOf(inputs.map(input => input.session.expectedUnits)), model: model.id, provider: model.provider, labels: model.labels } satisfies BatchOpened);
    await runInputs(inputs, model, options, ctx);
  } finally {
    await Promise.all(inputs.map(input => input.session.close()));
  }
}

function trackersOf({ tracker }: BatchSettings): TrackerNames | undefined {
  return tracker === undefined ? undefined : { '*': tracker };
}

/** A source that is open. */
interface Input { readonly camera: CameraId; readonly session: SourceSession; readonly units: SessionUnits; readonly order: PresentationOrder }

async function openInput({ uri, camera }: BatchSettings['sources'][number], samples: SampleSettings | undefined, ctx: RoleContext): Promise<Input> {
  if (!isCameraId(camera)) throw new Error(`not a camera id: ${camera}`);
  const source = await createSource({ uri, options: { isPaced: false }, ctx: { clock: ctx.clock, random: ctx.random }, media: libavAccess, samples });
  const session = await source.open(ctx.signal);
  const order = new PresentationOrder();
  return { camera, session, order, units: new SessionUnits(camera, session, ctx.signal, unit => order.add(unit)) };
}

/** Null when one of them is unknown. */
function sumOf(counts: readonly (number | null)[]): number | null {
  return counts.reduce((sum, count) => (sum === null || count === null ? null : sum + count), 0);
}

async function runInputs(inputs: readonly Input[], model: DetectorModel, options: BatchSettings, ctx: RoleContext): Promise<void> {
  const link = connectIpc({ clock: ctx.clock, random: ctx.random, path: options.socket, backoffMs: 10, backoffMaxMs: 200 });
  const records = link.output('vto.detections', terminalRecordCodec, { maxItems: 256, maxBytes: 16 << 20 });
  const isLive = inputs.some(input => input.session.isLive);
  const gathered = gather(records, { max: 64, withinMs: isLive ? GATHER_MS.live : GATHER_MS.file, clock: ctx.clock });
  const scaler = createScaler(model.shape);
  const batching = new Detector(async () => model, frame => scaler.release(frame), { max: BATCH_MAX });
  const detector = await followed(batching, trackersOf(options), options.model.scoreMin, ctx.telemetry);
  const host = { clock: ctx.clock, random: ctx.random, observer: ctx.telemetry };
  const batch = batchFlow(host, inputs.map(({ camera, units }) => ({
    name: inputs.length === 1 ? 'chunker' : `chunker-${camera}`, units, chunker: new Chunker({ camera, epoch: 1, chunkSeconds: 10, isClosedGopStart }),
  })));
  const actors = [...batch.actors, ...visionFlow(host, {
    parts: batch.parts, records: numberedAsShown(new Map(inputs.map(input => [input.camera, input.order])), gathered),
    credit: CREDIT, catchUpMs: 0, stalenessMs: isLive ? 100 : Number.POSITIVE_INFINITY,
    detector, batching,
    featurizer: new Featurizer({
      createDecoder: decodingOf(options.decoder, model.provider, ctx), createScaler: () => scaler,
      gateOf: () => (options.every > 1 ? new EveryNth(options.every) : new FrameRateGate(options.maxFps)),
    }),
  })];
  ctx.ready();
  try {
    await Promise.all(actors.map(async actor => {
      const exit = await ctx.system.supervise(actor, POLICIES.link).exit;
      if (exit.reason === 'escalated') throw exit.error;
    }));
    const failed = inputs.find(input => input.units.failure !== undefined);
    if (failed) throw failed.units.failure;
    records.close();
  } finally {
    for (const input of inputs) await input.session.close();
    await ctx.system.stop();
    await link.close();
  }
}
