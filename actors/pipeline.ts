import type { Actor } from '../src/engine/actor.ts';
import { PlatformError } from '../src/engine/errors.ts';
import type { InPort, OutPort } from '../src/engine/ports.ts';
import type { Stage } from '../src/engine/stage.ts';
import type { SourceUnit } from '../src/messages/access-unit.ts';
import type { ChunkPart } from '../src/messages/chunk-part.ts';
import type { Feature, FeatureRequest } from '../src/messages/feature.ts';
import type { TerminalRecord } from '../src/messages/terminal-record.ts';
import type { Chunker } from '../src/data-ops/chunker.ts';
import { runIntake, type IntakeOptions } from './vision/intake.ts';
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

/** Vision process: durable parts of many cameras become terminal records. */
export interface VisionFlow extends Omit<IntakeOptions, 'input' | 'output' | 'whenIdle' | 'signal' | 'clock'> {
  readonly parts: InPort<ChunkPart>;
  readonly featurizer: Stage<FeatureRequest<ChunkPart>, Feature>;
  readonly detector: Stage<Feature, TerminalRecord>;
  readonly records: OutPort<TerminalRecord>;
}

/** intake → featurizer → detector → store. A frame is chosen only when the detector waits for it, so it is the freshest. */
export function visionFlow(host: FlowHost, flow: VisionFlow): readonly Actor[] {
  const requests = memoryPort<FeatureRequest<ChunkPart>>(0);
  const features = new Flow(host, requests.input).through('featurizer', flow.featurizer, { maxInFlight: 256, maxWaiting: 0 });
  const intake: Actor = {
    name: 'intake',
    run: async ctx => {
      const intake = runIntake({
        input: flow.parts, output: requests.output, whenIdle: features.whenWanted, clock: host.clock, signal: ctx.signal,
        stalenessMs: flow.stalenessMs, catchUpMs: flow.catchUpMs, credit: flow.credit,
      });
      await intake.catch((error: unknown) => {
        // The stages behind are stopped first; one that fails says so itself.
        if (!(error instanceof PlatformError) || error.code !== 'PORT_CLOSED') throw error;
      });
      requests.end();
    },
  };
  return [intake, ...features.into('detector', flow.detector, flow.records, { maxInFlight: 256 })];
}
