import { z } from 'zod';
import { PlatformError } from '../../engine/errors.ts';
import type { GraphBuilder, Value } from '../../inference/graph/graph-builder.ts';
import type { Modality, Raster } from '../../messages/raster.ts';
import type { Intensity, PictureSize, SampleForm } from '../modalities/modality.ts';

/** A loaded encoder: pictures in, one feature each. Its calls block the thread for the time of the graph. */
export interface Encoder {
  /** `name@version`: features with one id can be compared. */
  readonly id: string;
  readonly modality: Modality;
  /** Dimensions of one feature, row-major. */
  readonly shape: readonly number[];
  /** The only size of pictures that it takes; absent: any. */
  readonly size: PictureSize | undefined;
  readonly provider: string;
  /**
   * A feature per picture, in order, float32. Encoders with a memory (motion) take the pictures of one `key` in order; the others ignore it.
   * @throws PlatformError RASTER_INVALID when a picture has the wrong size, samples or modality; INFERENCE_FAILED
   */
  encode(pictures: readonly Raster[], key?: string): Promise<readonly Float32Array[]>;
  /** Drops what is remembered of a key. */
  forget(key: string): void;
  /** Waits for what is in flight, then frees the native memory. Idempotent. */
  close(): Promise<void>;
}

/** The picture inside a graph. */
export interface GraphPicture {
  readonly form: SampleForm;
  /** `[n, height, width, channels]` of the form's type. */
  readonly samples: Value;
  /** One value per pixel; writes its nodes anew with each call. */
  intensity(): Intensity;
}

/** What an encoder writes into its graph. */
export interface Written {
  /** `[n, ...shape]`, float32. */
  readonly feature: Value;
  /** The state after the picture, by the names of `state`. */
  readonly next?: Readonly<Record<string, Value>>;
}

/** An encoder with its options decided: what it takes and gives, and the graph between. */
export interface EncoderPlan {
  /** Dimensions of one feature; absent: told by the first run. */
  readonly shape?: readonly number[];
  readonly size?: PictureSize;
  /** Of what it computes, where that depends on its options, as a digest of a model file. @default the plugin's */
  readonly version?: string;
  /** Operator set of the graph. @default the builder's */
  readonly opset?: number;
  /** Pictures that one run takes. @default any number */
  readonly batchMax?: number;
  /** Tensors that go from one picture of a key to the next, float32, all zero at the start. Such an encoder takes one picture a run. */
  readonly state?: Readonly<Record<string, readonly number[]>>;
  write(graph: GraphBuilder, picture: GraphPicture, state: Readonly<Record<string, Value>>): Written;
}

/** A kind of encoder. One file, one line in index.ts. */
export interface EncoderPlugin {
  readonly name: string;
  /** Grows when its results change. */
  readonly version: string;
  readonly modalities: readonly Modality[];
  readonly summary: string;
  /** What can be set, with meaning, range and default. */
  readonly options: z.ZodObject;
  /** Options as users write them. */
  readonly examples: readonly Readonly<Record<string, unknown>>[];
  /** @throws PlatformError CONFIG_INVALID for options that it does not have, or that do not go together */
  plan(options: unknown, modality: Modality): EncoderPlan | Promise<EncoderPlan>;
}

/** What a plugin's file says. */
interface Definition<Schema extends z.ZodObject> extends Omit<EncoderPlugin, 'options' | 'plan'> {
  readonly options: Schema;
  plan(options: z.output<Schema>, modality: Modality): EncoderPlan | Promise<EncoderPlan>;
}

/** Makes a plugin whose options are checked before it plans. */
export function defineEncoder<Schema extends z.ZodObject>(definition: Definition<Schema>): EncoderPlugin {
  const { name, options: schema } = definition;
  return {
    ...definition,
    plan: (options, modality) => {
      const parsed = schema.safeParse(options);
      if (parsed.success) return definition.plan(parsed.data, modality);
      const reasons = parsed.error.issues.slice(0, 5).map((issue) => (
        issue.code === 'unrecognized_keys' ? `unknown option '${issue.keys.join("', '")}' (known: ${Object.keys(schema.shape).join(', ')})` : `option '${issue.path.join('.')}': ${issue.message}`
      ));
      throw new PlatformError('CONFIG_INVALID', `encoder '${name}': ${reasons.join('; ')}`, { encoder: name });
    },
  };
}

/** Width or height of the picture that an encoder works on. */
export function sideOption(pixels: number): z.ZodDefault<z.ZodInt> {
  return z.int().min(8).max(4096).default(pixels);
}

/**
 * Size of one cell of a grid over the picture.
 * @throws PlatformError CONFIG_INVALID when the grid does not divide it
 */
export function cellOf(encoder: string, { width, height }: PictureSize, { columns, rows }: { readonly columns: number; readonly rows: number }): PictureSize {
  if (width % columns === 0 && height % rows === 0) return { width: width / columns, height: height / rows };
  throw new PlatformError('CONFIG_INVALID', `encoder '${encoder}': a grid of ${columns} x ${rows} does not divide ${width} x ${height} pixels`, { encoder });
}
