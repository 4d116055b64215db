import { resolve } from 'node:path';
import type { Clock } from '../../src/engine/clock.ts';
import { PlatformError } from '../../src/engine/errors.ts';
import { requireNode } from '../../src/engine/node-version.ts';
import type { Random } from '../../src/engine/random.ts';
import { systemRandom } from '../../src/engine/seeded-random.ts';
import { systemClock } from '../../src/engine/system-clock.ts';
import type { DetectedRecord } from '../../src/messages/terminal-record.ts';
import { loadConfig, resolveModel, resolveUri } from '../../src/utility-ops/config/load-config.ts';
import type { Config } from '../../src/utility-ops/config/schema.ts';
import type { Modality } from '../../src/messages/raster.ts';
import { wantedProviders } from '../../src/utility-ops/config/wanted-providers.ts';
import { runBatch } from './batch-run.ts';

/** What a pipeline is built on: time, chance and settings. */
export class AppContext {
  readonly config: Config;
  readonly clock: Clock;
  readonly random: Random;

  constructor(config: Config, clock: Clock, random: Random) {
    this.config = config;
    this.clock = clock;
    this.random = random;
  }

  /** Settings from the defaults and the environment (`VTO__SECTION__KEY`). @throws PlatformError CONFIG_INVALID */
  static default(): AppContext {
    return new AppContext(loadConfig({ environment: process.env, cwd: process.cwd() }), systemClock, systemRandom);
  }
}

/** Kinds of pictures that a pipeline can be made for. */
export const MODALITIES = ['rgb', 'depth', 'thermal'] as const satisfies readonly Modality[];

/** How frames are chosen. */
export interface TransformOptions {
  /** Every `n`th frame. @default 1 */
  readonly every?: number;
  /** At most so many frames per second of the source's own time. @default the setting `ingress.maxFps` */
  readonly maxFps?: number;
}

/** Which detector runs. */
export interface DetectOptions {
  /** Path of an ONNX file, or `motion`. @default the setting `modelOps.model` */
  readonly model?: string;
  readonly family?: string;
  readonly scoreMin?: number;
}

/** What the samples of depth and thermal pictures mean, where they do not say it themselves. */
export interface IngestOptions {
  /** Metres of one step of 16-bit depth. @default 0.001 */
  readonly metresPerStep?: number;
  /** Kelvin of one step of 16-bit thermal pictures without constants. */
  readonly kelvinPerStep?: number;
  /** Metres, degrees Celsius or counts that a detector sees as black and white. @default 0 to 10 m, -20 to 60 degrees, all counts */
  readonly range?: readonly [black: number, white: number];
}

interface Plan { readonly modality: Modality; readonly meaning: IngestOptions; readonly uri: string; readonly transform: TransformOptions; readonly detect: DetectOptions }

/**
 * A vision pipeline as a library: `for await (const d of pipeline.ingest(uri).transform().detect().serve()) …`.
 * Each step returns a new pipeline; nothing runs before `serve`. Decoding and inference run in a process of their own.
 */
export class VisionPipeline {
  readonly #ctx: AppContext;
  readonly #plan: Plan;

  private constructor(ctx: AppContext, plan: Plan) {
    this.#ctx = ctx;
    this.#plan = plan;
  }

  /** @throws PlatformError PLUGIN_UNKNOWN when there is no such modality, NODE_TOO_OLD */
  static async forModality(modality: typeof MODALITIES[number], ctx: AppContext): Promise<VisionPipeline> {
    requireNode();
    if (!MODALITIES.includes(modality)) throw new PlatformError('PLUGIN_UNKNOWN', `unknown modality '${String(modality)}' (known: ${MODALITIES.join(', ')})`);
    return new VisionPipeline(ctx, { modality, meaning: {}, uri: '', transform: {}, detect: {} });
  }

  /** Names the source: a file, a folder of pictures, `rtsp://…` or `synthetic://…`. */
  ingest(uri: string, meaning: IngestOptions = {}): VisionPipeline {
    return new VisionPipeline(this.#ctx, { ...this.#plan, meaning, uri: resolveUri(uri, resolve()) });
  }

  /** Chooses frames. */
  transform(options: TransformOptions = {}): VisionPipeline {
    return new VisionPipeline(this.#ctx, { ...this.#plan, transform: options });
  }

  /** Chooses the detector. */
  detect(options: DetectOptions = {}): VisionPipeline {
    return new VisionPipeline(this.#ctx, { ...this.#plan, detect: options });
  }

  /**
   * Runs the pipeline: one value per chosen frame, in presentation order. A reader that is slow slows a file down; leaving the loop stops everything.
   * @throws PlatformError of the source or the model
   */
  async *serve(): AsyncGenerator<DetectedRecord> {
    const { config, clock, random } = this.#ctx;
    const { modality, meaning, uri, transform, detect } = this.#plan;
    const { metresPerStep = null, kelvinPerStep, range = null } = meaning;
    if (uri === '') throw new PlatformError('REQUEST_INVALID', 'the pipeline has no source: call ingest(uri) before serve()');
    const { model, family, inputSize, labels, scoreMin, iouMax } = config.modelOps;
    const records = runBatch({
      uri, clock, random, decoder: config.vision.decoder, tracker: config.vision.tracker, every: transform.every ?? 1, maxFps: (transform.maxFps ?? config.ingress.maxFps) || null,
      samples: { modality, metresPerStep, ...kelvinPerStep !== undefined && { kelvinPerStep }, range },
      model: {
        model: detect.model === undefined ? model : resolveModel(detect.model, resolve()), family: detect.family ?? family,
        size: inputSize, labels, scoreMin: detect.scoreMin ?? scoreMin, iouMax, providers: wantedProviders(config.modelOps),
      },
    });
    for await (const record of records) if (record.kind === 'detected') yield record;
  }
}
