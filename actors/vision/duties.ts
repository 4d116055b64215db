import type { Actor } from '../../src/engine/actor.ts';
import type { Envelope, InPort, OutPort } from '../../src/engine/ports.ts';
import type { CameraId } from '../../src/engine/units.ts';
import type { VisionRow } from '../../src/data-ops/camera-row.ts';
import type { CameraEncoders } from '../../src/feature-ops/camera-encoders.ts';
import { FeatureReader } from '../../src/feature-ops/feature-reader.ts';
import { FeatureWriter } from '../../src/feature-ops/feature-writer.ts';
import { FrameRateGate } from '../../src/feature-ops/frame-gate.ts';
import { Featurizer, type FeaturizerOptions } from '../../src/feature-ops/featurizer.ts';
import type { DetectorModel } from '../../src/inference/detector-model.ts';
import { detectorShape } from '../../src/inference/load-detector.ts';
import { createScaler, type PooledScaler } from '../../src/media/index.ts';
import { chunkPartCodec } from '../../src/messages/chunk-part-codec.ts';
import type { ChunkPart } from '../../src/messages/chunk-part.ts';
import { CAMERA_DEFAULTS } from '../../src/messages/desired-camera.ts';
import { featureTensorCodec } from '../../src/messages/feature-tensor-codec.ts';
import type { FeatureTensor } from '../../src/messages/feature-tensor.ts';
import { fedFeatureCodec } from '../../src/messages/fed-feature-codec.ts';
import { cameraOfLane, isBackfillLane } from '../../src/messages/lane.ts';
import { terminalRecordCodec } from '../../src/messages/terminal-record-codec.ts';
import type { DroppedRecord } from '../../src/messages/terminal-record.ts';
import type { IpcNode, LinkOutPort } from '../../src/transports/ipc-types.ts';
import { detectFlow, featureFlow, visionFlow } from '../pipeline.ts';
import { gaugeQueues } from '../process/queue-gauges.ts';
import type { RoleContext } from '../process/role-process.ts';
import { decodingOf, type CreateDecoder } from './decoding.ts';
import { Detector, type BatchRules } from './detector.ts';
import { FeaturesFirst, featuresFirst } from './features-first.ts';
import { followed, modelForTracking } from './followed.ts';
import { activityOf, shown } from './gating.ts';
import type { IntakeRules } from './intake.ts';
import { loadModel } from './load-model.ts';
import type { ModelNote } from './switch-messages.ts';
import { tellSpent } from './tell-spent.ts';
import type { VisionSettings } from './vision-role.ts';

/** What a vision process works with. */
export interface VisionLinks {
  /** Opens the socket where this process takes what it works on: once its model is loaded, so that nothing waits for that here. */
  readonly listen: () => Promise<IpcNode>;
  /** Where its results go: the store, or in a cluster the host. */
  readonly results: IpcNode;
  /** What is wanted of a camera now, where that is known. */
  readonly rowOf: (camera: CameraId) => VisionRow | undefined;
  /** Features besides detections. Absent where nobody keeps them. */
  readonly encoders?: CameraEncoders;
}

/** What a vision process does. */
export type VisionDuty = 'fused' | 'featurizer' | 'detector';

/** The stages of each duty, model loaded. */
export const DUTIES: Readonly<Record<VisionDuty, (settings: VisionSettings, links: VisionLinks, ctx: RoleContext) => Promise<readonly Actor[]>>> = {
  /** Encoded parts in, terminal records out: pixels never leave this process. */
  async fused(settings, links, ctx) {
    const model = await loaded(settings, ctx);
    const scaler = createScaler(model.shape);
    const records = links.results.output('vto.detections', terminalRecordCodec, { maxItems: 4096, maxBytes: 32 << 20 });
    const batching = new Detector(async () => model, frame => scaler.release(frame), batchingBy(settings));
    const detector = await followed(batching, settings.trackers, settings.model.scoreMin, ctx.telemetry);
    const { encoders } = links;
    const featurizer = featurizerOf(scaler, decodingOf(settings.decoder, model.provider, ctx), limitsOf(settings, links), { ...encoders && { encoders }, ...settings.gate && { activityOf: activityOf(settings.gate, ctx) } });
    const chosen = { ...chosenBy(settings, links, ctx), batching, featurizer };
    const seen = shown(records, record => featurizer.sees(record));
    if (encoders === undefined) {
      gaugeQueues({ records }, ctx);
      return visionFlow(hostOf(ctx), { ...chosen, parts: partsOf(await links.listen()), records: seen, detector });
    }
    const features = links.results.output('vto.features', featureTensorCodec, { maxItems: 256, maxBytes: 32 << 20 });
    gaugeQueues({ records, features }, ctx);
    return visionFlow(hostOf(ctx), { ...chosen, parts: partsOf(await links.listen()), records: featuresFirst(features, seen), detector: new FeaturesFirst(detector) });
  },

  /** Without an activity gate: what a detector finds is known in another process. Encoded parts in, features and dropped records out, at a bounded rate: the model's file is read for the size it wants, not loaded. */
  async featurizer(settings, links, ctx) {
    const shape = await detectorShape(settings.model);
    const scaler = createScaler(shape);
    const features = links.results.output('vto.features', featureTensorCodec, { maxItems: 256, maxBytes: 32 << 20 });
    const records = links.results.output('vto.detections', terminalRecordCodec, { maxItems: 4096, maxBytes: 8 << 20 });
    gaugeQueues({ features, records }, ctx);
    const limitOf = limitsOf(settings, links);
    const maxFpsOf = (camera: CameraId): number => Math.min(limitOf(camera) ?? Number.POSITIVE_INFINITY, settings.splitMaxFps);
    return featureFlow(hostOf(ctx), {
      ...chosenBy(settings, links, ctx), parts: partsOf(await links.listen()), records: byKind(features, records), featurizer: featurizerOf(scaler, decodingOf(settings.decoder, settings.model.providers[0] ?? '', ctx), maxFpsOf),
      writer: new FeatureWriter(shape.channels, frame => scaler.release(frame)),
    });
  },

  /** Features in, terminal records out. */
  async detector(settings, links, ctx) {
    const model = await loaded(settings, ctx);
    const records = links.results.output('vto.detections', terminalRecordCodec, { maxItems: 4096, maxBytes: 32 << 20 });
    gaugeQueues({ records }, ctx);
    const batching = new Detector(async () => model, () => { /* the reader keeps the pixels: the next feature may differ from them */ }, batchingBy(settings));
    const said = new Map<CameraId, string>();
    return detectFlow(hostOf(ctx), {
      ...chosenBy(settings, links, ctx), parts: (await links.listen()).input('vto.features', fedFeatureCodec, { maxItems: 1024, maxBytes: 128 << 20 }), records,
      reader: new FeatureReader(model.shape, ({ code, message }, camera) => {
        // A run of differences without their base, or a camera of another model, is one piece of news.
        if (said.get(camera) !== code) ctx.log.warn({ camera, code, reason: message }, 'feature cannot be read');
        said.set(camera, code);
      }),
      detector: await followed(batching, settings.trackers, settings.model.scoreMin, ctx.telemetry), batching,
    });
  },
};

/** The model, warm; the root is told which. */
async function loaded(settings: VisionSettings, ctx: RoleContext): Promise<DetectorModel> {
  const model = await loadModel(modelForTracking(settings.model, settings.trackers), ctx);
  ctx.note({ type: 'model', model: model.id, digest: model.digest, provider: model.provider } satisfies ModelNote);
  return model;
}

function hostOf({ clock, random, telemetry }: RoleContext): { readonly clock: RoleContext['clock']; readonly random: RoleContext['random']; readonly observer: RoleContext['telemetry'] } {
  return { clock, random, observer: telemetry };
}

/** What is back-filled has its turn when no live frame waits; where there is never time for all, this much of its camera's share. */
const BACKFILL_SHARE = 0.1;

function chosenBy({ stalenessMs, catchUpMs, tenants }: VisionSettings, { rowOf }: VisionLinks, ctx: RoleContext): IntakeRules & { readonly onSpent: (camera: CameraId, ms: number) => void } {
  const tenantOf = (key: CameraId): string => rowOf(cameraOfLane(key))?.tenant ?? CAMERA_DEFAULTS.tenant;
  const tell = tellSpent(ctx, tenantOf);
  return {
    stalenessMs, catchUpMs, credit: 16_384, tenantOf,
    priorityOf: key => (rowOf(cameraOfLane(key))?.priority ?? CAMERA_DEFAULTS.priority) * (isBackfillLane(key) ? BACKFILL_SHARE : 1),
    tenantShareOf: tenant => tenants?.[tenant] ?? 1, onSpent: (key, ms) => tell(cameraOfLane(key), ms),
  };
}

/** Most frames a second of a camera that are chosen now; null: all. A camera that says 0 has all, whatever holds for the others. */
function limitsOf({ maxFps }: VisionSettings, { rowOf }: VisionLinks): (camera: CameraId) => number | null {
  return camera => (rowOf(camera)?.maxFps ?? maxFps) || null;
}

function batchingBy({ batchMax = 1, batchWithinMs = 0, stalenessMs }: VisionSettings): BatchRules {
  return { max: batchMax, withinMs: batchWithinMs, stalenessMs };
}

function partsOf(node: IpcNode): InPort<ChunkPart> {
  return node.input('vto.chunks', chunkPartCodec, { maxItems: 16_384, maxBytes: 256 << 20 });
}

function featurizerOf(scaler: PooledScaler, createDecoder: CreateDecoder, maxFpsOf: (camera: CameraId) => number | null, chosen: Pick<FeaturizerOptions, 'encoders' | 'activityOf'> = {}): Featurizer {
  return new Featurizer({
    createDecoder, createScaler: () => scaler, gateOf: camera => new FrameRateGate(() => maxFpsOf(camera)),
    ...chosen,
  });
}

/** Features and dropped records leave by a port each. */
function byKind(features: LinkOutPort<FeatureTensor>, records: LinkOutPort<DroppedRecord>): OutPort<FeatureTensor | DroppedRecord> {
  return {
    async push(items, signal) {
      const tensors: Envelope<FeatureTensor>[] = [];
      const dropped: Envelope<DroppedRecord>[] = [];
      for (const { body, ...envelope } of items) {
        if ('payload' in body) tensors.push({ ...envelope, body });
        else dropped.push({ ...envelope, body });
      }
      await Promise.all([tensors.length > 0 && features.push(tensors, signal), dropped.length > 0 && records.push(dropped, signal)]);
    },
    async room(signal) {
      await Promise.all([features.room(signal), records.room(signal)]);
    },
  };
}
