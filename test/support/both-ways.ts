import { batchFlow, detectFlow, featureFlow, visionFlow, type BatchSource } from '../../actors/pipeline.ts';
import { SessionUnits } from '../../actors/ingest/session-units.ts';
import { POLICIES } from '../../actors/tree.ts';
import { Detector } from '../../actors/vision/detector.ts';
import type { Actor } from '../../src/engine/actor.ts';
import { createActorSystem } from '../../src/engine/actor-system.ts';
import type { InPort } from '../../src/engine/ports.ts';
import { systemRandom } from '../../src/engine/seeded-random.ts';
import { systemClock } from '../../src/engine/system-clock.ts';
import type { CameraId } from '../../src/engine/units.ts';
import { Chunker } from '../../src/data-ops/chunker.ts';
import { FeatureReader } from '../../src/feature-ops/feature-reader.ts';
import { FeatureWriter } from '../../src/feature-ops/feature-writer.ts';
import { FrameRateGate } from '../../src/feature-ops/frame-gate.ts';
import { Featurizer } from '../../src/feature-ops/featurizer.ts';
import type { DetectorOptions } from '../../src/inference/detector-model.ts';
import { detectorShape, loadDetector } from '../../src/inference/load-detector.ts';
import { createSource } from '../../src/ingress/index.ts';
import { libavAccess } from '../../src/ingress/libav-access.ts';
import { createDecoder, createScaler, isClosedGopStart, type PooledScaler } from '../../src/media/index.ts';
import type { ChunkPart } from '../../src/messages/chunk-part.ts';
import type { FeatureTensor, FedFeature } from '../../src/messages/feature-tensor.ts';
import { fixedSchemaIds } from '../../src/messages/schema-ids.ts';
import { recordCodecs } from '../../src/messages/topics.ts';
import type { DroppedRecord, TerminalRecord } from '../../src/messages/terminal-record.ts';
import { createMemoryPort, type MemoryPort } from '../../src/transports/memory.ts';
import { NEVER } from './envelopes.ts';
import { noWarning } from './small-models.ts';

/** Cameras through one detector at a rate. */
export interface Run {
  readonly uris: readonly string[];
  readonly maxFps: number;
  readonly model: string;
  /** Access units of each that are read. */
  readonly maxUnits: number;
}

/** What a run gave, and what went over its links. */
export interface Outcome { readonly records: readonly TerminalRecord[]; readonly chunkBytes: number; readonly featureBytes: number; readonly encodings: Readonly<Record<string, number>> }

const HOST = { clock: systemClock, random: systemRandom, observer: { batch() {}, dropped() {}, failed() {} } };
const PATIENT = { stalenessMs: Number.POSITIVE_INFINITY, catchUpMs: 0, credit: 64 };
const codec = recordCodecs(fixedSchemaIds()).features;

const optionsOf = ({ model }: Run): DetectorOptions => ({ family: 'auto', providers: ['cpu'], scoreMin: 0.3, iouMax: 0.45, labels: [], model });

/** Every camera's file through decoder and detector in one process. */
export async function runFused(run: Run): Promise<Outcome> {
  const model = await loadDetector(optionsOf(run), { warn: noWarning });
  const scaler = createScaler(model.shape);
  const link = port<TerminalRecord>();
  const { actors, parts, chunkBytes } = await chunksOf(run);
  const records = await collect([...actors, ...visionFlow(HOST, {
    ...PATIENT, parts, records: link.output, featurizer: featurizerOf(run, scaler), detector: new Detector(async () => model, frame => scaler.release(frame)),
  })], link);
  return { records, chunkBytes: chunkBytes(), featureBytes: 0, encodings: {} };
}

/** The parts of its cameras, one unit each. */
export async function readParts(run: Run): Promise<readonly ChunkPart[]> {
  const { actors, parts } = await chunksOf(run);
  return collect(actors, { input: parts, end: () => {} });
}

/** The same in two halves, with the bytes of topic `features` between them. */
export async function runSplit(run: Run): Promise<Outcome> {
  const shape = await detectorShape(optionsOf(run));
  const scaler = createScaler(shape);
  const link = port<FeatureTensor | DroppedRecord>();
  const { actors, parts, chunkBytes } = await chunksOf(run);
  const features = await collect([...actors, ...featureFlow(HOST, {
    ...PATIENT, parts, records: link.output, featurizer: featurizerOf(run, scaler), writer: new FeatureWriter(shape.channels, frame => scaler.release(frame)),
  })], link);
  const tensors = features.filter(feature => 'payload' in feature);
  const written = tensors.map(tensor => codec.encode(tensor));
  const encodings = Object.groupBy(tensors, ({ encoding }) => encoding);
  return {
    records: [...features.filter(isDropped), ...await detectOn(written, run)], chunkBytes: chunkBytes(), featureBytes: written.reduce((sum, { byteLength }) => sum + byteLength, 0),
    encodings: Object.fromEntries(Object.entries(encodings).map(([name, of]) => [name, of.length])),
  };
}

/** Records of topic `features`, in order, through the second half. */
async function detectOn(written: readonly Buffer[], run: Run): Promise<readonly TerminalRecord[]> {
  const model = await loadDetector(optionsOf(run), { warn: noWarning });
  const [features, link] = [port<FedFeature>(), port<TerminalRecord>()];
  const feeding = (async () => {
    for (const value of written) {
      const tensor = codec.decode(value);
      await features.output.room(NEVER);
      void features.output.push([{ body: { camera: tensor.camera, tensor, isAccounted: false, isRecovered: true, feed: 1 }, key: tensor.camera, capturedAt: tensor.capturedAt, trace: '' }], NEVER).catch(() => {});
    }
    features.end();
  })();
  const records = await collect(detectFlow(HOST, {
    ...PATIENT, parts: features.input, records: link.output, reader: new FeatureReader(model.shape, (error) => { throw error; }), detector: new Detector(async () => model, () => {}),
  }), link);
  await feeding;
  return records;
}

const isDropped = (out: FeatureTensor | DroppedRecord): out is DroppedRecord => !('payload' in out);

function featurizerOf({ maxFps }: Run, scaler: PooledScaler): Featurizer {
  return new Featurizer({ createDecoder: parameters => createDecoder(parameters, { threads: 1 }), createScaler: () => scaler, gateOf: () => new FrameRateGate(maxFps) });
}

async function chunksOf({ uris, maxUnits }: Run): Promise<{ readonly actors: readonly Actor[]; readonly parts: InPort<ChunkPart>; readonly chunkBytes: () => number }> {
  let bytes = 0;
  const sources = await Promise.all(uris.map(async (uri, index): Promise<BatchSource> => {
    const camera = `cam-${index}` as CameraId;
    const source = await createSource({ uri, options: { isPaced: false }, ctx: HOST, media: libavAccess });
    const end = new AbortController();
    let left = maxUnits;
    const units = new SessionUnits(camera, await source.open(NEVER), end.signal, ({ data }) => {
      bytes += data.byteLength;
      left -= 1;
      if (left === 0) end.abort();
    });
    return { name: camera, units, chunker: new Chunker({ camera, epoch: 1, chunkSeconds: 10, isClosedGopStart }) };
  }));
  return { ...batchFlow(HOST, sources), chunkBytes: () => bytes };
}

function port<Body>(): MemoryPort<Body> {
  return createMemoryPort<Body>({ maxItems: 64, maxBytes: Number.MAX_SAFE_INTEGER, sizeOf: () => 0 });
}

/** Runs actors until their input has ended, and gives what came out. */
async function collect<Body>(actors: readonly Actor[], link: { readonly input: InPort<Body>; end(): void }): Promise<readonly Body[]> {
  const system = createActorSystem({ name: 'test', ...HOST, onEvent: () => {} });
  const bodies: Body[] = [];
  const reading = (async () => {
    for (let delivery = await link.input.pull(64, NEVER); delivery; delivery = await link.input.pull(64, NEVER)) {
      bodies.push(...delivery.items.map(({ body }) => body));
      await delivery.ack();
    }
  })();
  await Promise.all(actors.map(async (actor) => {
    const exit = await system.supervise(actor, POLICIES.link).exit;
    if (exit.reason === 'escalated') throw exit.error;
  }));
  link.end();
  await reading;
  await system.stop();
  return bodies;
}
