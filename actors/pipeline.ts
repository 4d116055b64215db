import type { Actor } from '../src/engine/actor.ts';
import { PlatformError } from '../src/engine/errors.ts';
import type { Envelope, InPort, OutPort } from '../src/engine/ports.ts';
import type { Stage } from '../src/engine/stage.ts';
import type { CameraId } from '../src/engine/units.ts';
import type { SourceUnit } from '../src/messages/access-unit.ts';
import type { ChunkPart } from '../src/messages/chunk-part.ts';
import type { FeatureTensor, FedFeature } from '../src/messages/feature-tensor.ts';
import type { Feature, FeatureRequest } from '../src/messages/feature.ts';
import type { DroppedRecord, TerminalRecord } from '../src/messages/terminal-record.ts';
import type { Chunker } from '../src/data-ops/chunker.ts';
import type { GatherRule } from '../src/transports/gather-input.ts';
import type { Arriving } from './vision/backlog.ts';
import { Intake, type IntakeRules } from './vision/intake.ts';
import { Flow, memoryPort, type FlowHost } from './wiring.ts';

/** Ingest process: units of one session become durable parts. */
export interface IngestFlow {
  readonly units: InPort<SourceUnit>;
  readonly chunker: Chunker;
  readonly recorder: Stage<ChunkPart, ChunkPart>;
  /** Takes each part once it is durable: the feeder, which hands it to vision. */
  readonly durable: OutPort<ChunkPart>;
}

/** source → chunker → recorder → feeder. Recording never waits for vision. */
export function ingestFlow(host: FlowHost, flow: IngestFlow): readonly Actor[] {
  return new Flow(host, flow.units)
    .through('chunker', flow.chunker, { maxInFlight: 64, maxWaiting: 64, atEnd: () => flow.chunker.end() })
    .into('recorder', flow.recorder, flow.durable, { maxInFlight: 64 });
}

/** One source of a batch. */
export interface BatchSource { readonly name: string; readonly units: InPort<SourceUnit>; readonly chunker: Chunker }

/** Batch process: units of files become parts at once; nothing is recorded, nothing is dropped. The parts end when all files have. */
export function batchFlow(host: FlowHost, sources: readonly BatchSource[]): { readonly actors: readonly Actor[]; readonly parts: InPort<ChunkPart> } {
  const parts = memoryPort<ChunkPart>(16);
  let open = sources.length;
  const onEnd = (): void => { open -= 1; if (open === 0) parts.end(); };
  const actors = sources.flatMap(({ name, units, chunker }) => new Flow(host, units)
    .into(name, chunker, parts.output, { maxInFlight: 64, atEnd: () => chunker.end(), onEnd }));
  return { actors, parts: parts.input };
}

/** Vision process: what comes of many cameras is chosen, brought to model size and ended. */
interface ChosenFlow<Part extends Arriving, Out> extends IntakeRules {
  readonly parts: InPort<Part>;
  readonly featurizer: Stage<FeatureRequest<Part>, Feature>;
  readonly detector: Stage<Feature, Out>;
  readonly records: OutPort<Out>;
  /** How frames of several cameras are brought together for the detector. @default one by one */
  readonly batching?: GatherRule<Feature>;
  /** Told what was spent on each camera. */
  readonly onSpent?: (camera: CameraId, ms: number) => void;
}

/** More than any model takes at once. */
const BATCH_MAX = 256;

/** Fused: durable parts of many cameras become terminal records. */
export type VisionFlow<Out = TerminalRecord> = ChosenFlow<ChunkPart, Out>;

/** intake → featurizer → detector → store. A frame is chosen only when the detector waits for it, so it is the freshest. */
export function visionFlow<Out>(host: FlowHost, flow: VisionFlow<Out>): readonly Actor[] {
  return chosenFlow(host, flow, ['featurizer', 'detector']);
}

/** Split, first half: durable parts become features, which leave the process; frames that need no detection end here. */
export type FeatureFlow = Omit<ChosenFlow<ChunkPart, FeatureTensor | DroppedRecord>, 'detector'> & { readonly writer: Stage<Feature, FeatureTensor | DroppedRecord> };

/** intake → featurizer → writer → Kafka, by way of the host. */
export function featureFlow(host: FlowHost, { writer, ...flow }: FeatureFlow): readonly Actor[] {
  return chosenFlow(host, { ...flow, detector: writer }, ['featurizer', 'writer']);
}

/** Split, second half: features become terminal records. */
export type DetectFlow = Omit<ChosenFlow<FedFeature, TerminalRecord>, 'featurizer'> & { readonly reader: Stage<FeatureRequest<FedFeature>, Feature> };

/** intake → reader → detector → Kafka, by way of the host. */
export function detectFlow(host: FlowHost, { reader, ...flow }: DetectFlow): readonly Actor[] {
  return chosenFlow(host, { ...flow, featurizer: reader }, ['reader', 'detector']);
}

function chosenFlow<Part extends Arriving, Out>(host: FlowHost, flow: ChosenFlow<Part, Out>, [first, second]: readonly [string, string]): readonly Actor[] {
  const requests = memoryPort<FeatureRequest<Part>>(0);
  const spend = (camera: CameraId, ms: number): void => {
    intake.spend(camera, ms);
    flow.onSpent?.(camera, ms);
  };
  const features = new Flow(host, requests.input).through(first, charging(flow.featurizer, () => true, spend), { maxInFlight: 256, maxWaiting: 0 });
  const intake = new Intake<Part>({ ...flow, input: flow.parts, output: requests.output, whenIdle: features.whenWanted, clock: host.clock });
  const chooser: Actor = {
    name: 'intake',
    run: async ctx => {
      await intake.run(ctx.signal).catch((error: unknown) => {
        // The stages behind are stopped first; one that fails says so itself.
        if (!(error instanceof PlatformError) || error.code !== 'PORT_CLOSED') throw error;
      });
      requests.end();
    },
  };
  const gathered = flow.batching ? features.gathered(flow.batching) : features;
  return [chooser, ...gathered.into(second, charging(flow.detector, feature => feature.kind === 'frame', spend), flow.records, { maxInFlight: 256, maxBatch: BATCH_MAX })];
}

/** Tells what the work of a stage took, by camera: in equal parts where several items were worked on at once. */
function charging<In, Out>(stage: Stage<In, Out>, isWork: (body: In) => boolean, spend: (camera: CameraId, ms: number) => void): Stage<In, Out> {
  const charge = (batch: readonly Envelope<In>[], ms: number): void => {
    const [only] = batch;
    if (batch.length === 1 && only !== undefined) { spend(only.key, ms); return; }
    const worked = batch.filter(({ body }) => isWork(body));
    for (const { key } of worked) spend(key, ms / worked.length);
  };
  return {
    open: ctx => stage.open(ctx),
    close: () => stage.close(),
    async process(batch, ctx) {
      const startMs = ctx.clock.monotonicMs();
      try {
        return await stage.process(batch, ctx);
      } finally {
        charge(batch, ctx.clock.monotonicMs() - startMs);
      }
    },
  };
}
