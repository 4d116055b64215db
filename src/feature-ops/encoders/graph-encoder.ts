import { PlatformError } from '../../engine/errors.ts';
import { GraphBuilder } from '../../inference/graph/graph-builder.ts';
import { serializeModel } from '../../inference/graph/model-file.ts';
import { openSession, type Session, type SessionOptions, type Tensor } from '../../inference/session.ts';
import type { Raster } from '../../messages/raster.ts';
import { formOf, type ModalityPlugin, type SampleForm } from '../modalities/modality.ts';
import type { Encoder, EncoderPlan } from './encoder.ts';

/** What an encoder is made of. */
export interface GraphEncoderOptions {
  readonly name: string;
  readonly version: string;
  readonly modality: ModalityPlugin;
  readonly plan: EncoderPlan;
  readonly session: SessionOptions;
}

type State = Readonly<Record<string, Tensor>>;

/** Values of the largest feature: what topics and links have room for. */
const VALUES_MAX = 3 << 20;

/** Side of the picture that a graph without a size of its own is tried with. */
const TRIAL_SIDE = 16;

/**
 * Opens an encoder: a graph per form of samples, each run once, so that the first picture is as fast as the rest.
 * @throws PlatformError MODEL_INVALID when a graph does not give what was declared; PLUGIN_UNKNOWN (provider), PROVIDER_UNAVAILABLE
 */
export async function openEncoder(options: GraphEncoderOptions): Promise<Encoder> {
  const runs = new Map<string, GraphRun>();
  try {
    for (const form of options.modality.forms) {
      const run = new GraphRun(await openSession(serializeModel(graphOf(options, form)), options.session), form, options);
      runs.set(form.name, run);
      await run.tryOut();
    }
  } catch (error) {
    await Promise.all([...runs.values()].map((run) => run.close()));
    throw error;
  }
  return new GraphEncoder(options, runs);
}

function graphOf({ name, plan }: GraphEncoderOptions, form: SampleForm): ReturnType<GraphBuilder['build']> {
  const graph = new GraphBuilder(name, plan.opset);
  const { size } = plan;
  const batch = plan.state === undefined ? plan.batchMax ?? 'n' : 1;
  const values = graph.input('samples', form.type, [batch, size?.height ?? 'height', size?.width ?? 'width', form.channels]);
  const calibration = form.constants === 0 ? undefined : graph.input('calibration', 'float32', [batch, form.constants]);
  const state = Object.fromEntries(Object.entries(plan.state ?? {}).map(([key, dims]) => [key, graph.input(key, 'float32', dims)]));
  const { feature, next = {} } = plan.write(graph, { form, samples: values, intensity: () => form.intensity(graph, { values, calibration, size }) }, state);
  graph.output(feature, 'feature', 'float32', plan.shape === undefined ? [batch, 'values'] : [batch, ...plan.shape]);
  for (const [key, value] of Object.entries(next)) graph.output(value, `next_${key}`, 'float32', plan.state?.[key] ?? []);
  return graph.build();
}

/** One graph with what it remembers. */
class GraphRun {
  readonly form: SampleForm;
  readonly #session: Session;
  readonly #plan: EncoderPlan;
  readonly #name: string;
  readonly #states = new Map<string, State>();
  /** Dimensions of a feature, once it was tried. */
  shape: readonly number[] = [];

  constructor(session: Session, form: SampleForm, { plan, name }: GraphEncoderOptions) {
    this.#session = session;
    this.form = form;
    this.#plan = plan;
    this.#name = name;
  }

  get provider(): string { return this.#session.provider; }

  async tryOut(): Promise<void> {
    const { width, height } = this.#plan.size ?? { width: TRIAL_SIDE, height: TRIAL_SIDE };
    const length = width * height * this.form.channels;
    const samples = this.form.type === 'uint16' ? new Uint16Array(length) : new Uint8Array(length);
    const batch = Array.from({ length: this.#plan.batchMax ?? 1 }, () => samples);
    const constants = batch.map(() => Array.from({ length: this.form.constants }, () => 1));
    const { feature, next } = await this.#run(batch, { width, height }, constants, this.#empty());
    freeState(next);
    const dims = feature.dims.slice(1);
    if (this.#plan.shape !== undefined && this.#plan.shape.join() !== dims.join()) {
      throw new PlatformError('MODEL_INVALID', `encoder '${this.#name}' declares [${this.#plan.shape.join(', ')}] and gives [${dims.join(', ')}]`, { encoder: this.#name });
    }
    const values = dims.reduce((product, dim) => product * dim, 1);
    if (values > VALUES_MAX) throw new PlatformError('CONFIG_INVALID', `encoder '${this.#name}' makes ${values} numbers of a picture, more than ${VALUES_MAX}`, { encoder: this.#name });
    this.shape = dims;
  }

  async encode(pictures: readonly Raster[], key: string): Promise<readonly Float32Array[]> {
    const most = this.#plan.state === undefined ? this.#plan.batchMax ?? pictures.length : 1;
    const features: Float32Array[] = [];
    for (let from = 0; from < pictures.length; from += most) features.push(...await this.#encodeRun(pictures.slice(from, from + most), key));
    return features;
  }

  forget(key: string): void {
    this.#states.delete(key);
  }

  close(): Promise<void> {
    this.#states.clear();
    return this.#session.close();
  }

  async #encodeRun(pictures: readonly Raster[], key: string): Promise<readonly Float32Array[]> {
    const [first] = pictures;
    if (first === undefined) return [];
    const last = this.#states.get(key) ?? this.#empty();
    // A model of a fixed batch is given its last picture again and again: what comes of it is left out.
    const padded = Array.from({ length: this.#plan.batchMax ?? pictures.length }, (_, index) => pictures[index] ?? first);
    const { feature, next } = await this.#run(padded.map(({ samples }) => samples), first, padded.map((picture) => this.form.constantsOf(picture)), last);
    if (this.#plan.state !== undefined) {
      this.#states.set(key, next);
      freeState(last);
    }
    const { data } = feature;
    if (!(data instanceof Float32Array)) throw new PlatformError('INFERENCE_FAILED', `encoder '${this.#name}' gave ${feature.type} instead of float32`);
    const length = data.length / padded.length;
    return pictures.map((_, index) => (padded.length === 1 ? data : data.slice(index * length, (index + 1) * length)));
  }

  #empty(): State {
    return Object.fromEntries(Object.entries(this.#plan.state ?? {}).map(([name, dims]) => (
      [name, this.#session.tensor('float32', new Float32Array(dims.reduce((product, dim) => product * dim, 1)), dims)]
    )));
  }

  async #run(samples: readonly Raster['samples'][], { width, height }: { readonly width: number; readonly height: number }, constants: readonly (readonly number[])[], state: State): Promise<{ readonly feature: Tensor; readonly next: State }> {
    const { form } = this;
    const feeds: Record<string, Tensor> = { ...state, samples: this.#session.tensor(form.type, joined(samples), [samples.length, height, width, form.channels]) };
    if (form.constants > 0) feeds['calibration'] = this.#session.tensor('float32', Float32Array.from(constants.flat()), [samples.length, form.constants]);
    const outputs = await this.#session.run(feeds);
    const { feature } = outputs;
    if (feature === undefined) throw new PlatformError('INFERENCE_FAILED', `encoder '${this.#name}' gave no feature`);
    const next = Object.fromEntries(Object.keys(state).flatMap((name) => {
      const value = outputs[`next_${name}`];
      return value === undefined ? [] : [[name, value]];
    }));
    return { feature, next };
  }
}

/** Rasters checked, then the graph of their form. */
class GraphEncoder implements Encoder {
  readonly id: string;
  readonly modality: Encoder['modality'];
  readonly shape: readonly number[];
  readonly size: Encoder['size'];
  readonly provider: string;
  readonly #modality: ModalityPlugin;
  readonly #runs: ReadonlyMap<string, GraphRun>;

  constructor({ name, version, modality, plan }: GraphEncoderOptions, runs: ReadonlyMap<string, GraphRun>) {
    const [first] = runs.values();
    this.id = `${name}@${plan.version ?? version}`;
    this.modality = modality.name;
    this.shape = first?.shape ?? [];
    this.size = plan.size;
    this.provider = first?.provider ?? '';
    this.#modality = modality;
    this.#runs = runs;
  }

  async encode(pictures: readonly Raster[], key = ''): Promise<readonly Float32Array[]> {
    const [first] = pictures;
    if (first === undefined) return [];
    const run = this.#runOf(first);
    for (const picture of pictures) {
      this.#check(picture);
      if (this.#runOf(picture) !== run || picture.width !== first.width || picture.height !== first.height) {
        throw new PlatformError('RASTER_INVALID', `pictures of one batch of '${this.id}' must be alike: ${describe(first)}, ${describe(picture)}`, { encoder: this.id });
      }
    }
    return run.encode(pictures, key);
  }

  forget(key: string): void {
    for (const run of this.#runs.values()) run.forget(key);
  }

  async close(): Promise<void> {
    await Promise.all([...this.#runs.values()].map((run) => run.close()));
  }

  #runOf(picture: Raster): GraphRun {
    const form = formOf(this.#modality, picture);
    const run = this.#runs.get(form.name);
    if (run === undefined) throw new Error(`no graph for ${form.name}`); // one is opened for every form
    return run;
  }

  #check(picture: Raster): void {
    const { width, height, channels, samples } = picture;
    const { size } = this;
    if (size !== undefined && (width !== size.width || height !== size.height)) {
      throw new PlatformError('RASTER_INVALID', `'${this.id}' takes pictures of ${size.width}x${size.height}, not ${width}x${height}`, { encoder: this.id, width, height });
    }
    if (!Number.isInteger(width) || !Number.isInteger(height) || width < 1 || height < 1 || samples.length !== width * height * channels) {
      throw new PlatformError('RASTER_INVALID', `${samples.length} samples are no picture of ${width}x${height} in ${channels} channels`, { encoder: this.id, width, height });
    }
  }
}

function describe({ width, height, channels, samples }: Raster): string {
  return `${samples instanceof Uint16Array ? 'uint16' : 'uint8'} ${width}x${height}x${channels}`;
}

function joined(parts: readonly Raster['samples'][]): Raster['samples'] {
  const [first] = parts;
  if (first === undefined || parts.length === 1) return first ?? new Uint8Array(0);
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  const all = first instanceof Uint16Array ? new Uint16Array(length) : new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

/** Gives the memory back at once, as the motion detector does: V8 would let hundreds of them pile up. */
function freeState(state: State): void {
  for (const tensor of Object.values(state)) {
    const { data } = tensor;
    if (data instanceof Float32Array && data.buffer instanceof ArrayBuffer) data.buffer.transfer(0);
  }
}
