import { PlatformError, type ErrorCode } from '../engine/errors.ts';
import type { CameraId } from '../engine/units.ts';
import type { RasterReader } from '../media/raster-reader.ts';
import type { Picture } from '../media/types.ts';
import type { EncodingWish } from '../messages/desired-camera.ts';
import type { FeatureTensor } from '../messages/feature-tensor.ts';
import type { Feature, FrameFeature } from '../messages/feature.ts';
import { backfillLane } from '../messages/lane.ts';
import type { Modality, Raster } from '../messages/raster.ts';
import type { StreamParameters } from '../messages/stream-parameters.ts';
import { EncoderPool, type Lease, type OpenEncoder } from './encoder-pool.ts';
import type { Encoder } from './encoders/encoder.ts';

/** What cameras' encoders are made of. */
export interface CameraEncodersOptions {
  readonly open: OpenEncoder;
  /** A reader for the pictures of one camera. */
  readonly createReader: () => RasterReader;
  /** What a camera wants computed of its frames. Asked when it appears. */
  readonly wishesOf: (camera: CameraId) => readonly EncodingWish[];
  /** Told of what a camera wanted and cannot have: its other features go on. */
  readonly onRefused: (camera: CameraId, name: string, error: PlatformError) => void;
}

/** What makes a picture unfit for an encoder, or an encoder for a camera: no reason to stop the process. */
const UNFIT: readonly ErrorCode[] = ['RASTER_INVALID', 'MEDIA_CORRUPT', 'MEDIA_UNSUPPORTED'];

/** Pictures of one frame, for each encoder. */
type Pending = readonly { readonly encoder: Encoder; readonly raster: Raster }[];

/** Encoders of a camera that belong together. */
interface Chosen { readonly wishes: readonly EncodingWish[]; readonly modality: Modality; readonly leases: readonly Lease[] }

interface Entry {
  wishes: readonly EncodingWish[];
  readonly reader: RasterReader;
  chosen: Chosen | undefined;
  loading: { readonly wishes: readonly EncodingWish[]; readonly modality: Modality; readonly done: Promise<void>; loaded: Chosen | undefined } | undefined;
  readonly pending: Map<number, Pending>;
  /** What was told of an encoder, so that it is not told again with each frame. */
  readonly told: Map<string, string>;
}

/**
 * Computes features of the frames that were chosen, by the encoders that each camera wants. What is wanted can change at any time: the new encoders are
 * loaded while the old ones serve, and take over between two parts of the camera, so that every frame has features of exactly one set.
 * Calls for one camera follow each other.
 */
export class CameraEncoders {
  readonly #options: CameraEncodersOptions;
  readonly #pool: EncoderPool;
  readonly #entries = new Map<CameraId, Entry>();

  constructor(options: CameraEncodersOptions) {
    this.#options = options;
    this.#pool = new EncoderPool(options.open);
  }

  /** Changes what a camera wants, from one of its next frames on. */
  want(camera: CameraId, wishes: readonly EncodingWish[]): void {
    const entry = this.#entries.get(camera);
    if (entry) entry.wishes = wishes;
  }

  /**
   * Before a part of a camera is taken: its encoders become those that it wants, as soon as they are loaded. The first ones, and those of another modality, are waited for.
   * @throws PlatformError PROVIDER_UNAVAILABLE
   */
  async settle(camera: CameraId, parameters: StreamParameters): Promise<void> {
    const known = this.#entries.get(camera);
    const wishes = known?.wishes ?? this.#options.wishesOf(camera);
    if (known === undefined && wishes.length === 0) return;
    const entry = known ?? this.#appear(camera, wishes);
    entry.pending.clear(); // of pictures that could not be scaled
    const modality = modalityOf(parameters);
    const isServing = entry.chosen?.modality === modality;
    if (isServing && entry.chosen?.wishes === wishes) return;
    if (entry.loading?.wishes !== wishes || entry.loading.modality !== modality) await this.#load(camera, entry, modality);
    const { loading } = entry;
    if (loading === undefined) return;
    if (!isServing) await loading.done;
    if (loading.loaded !== undefined) await this.#switch(camera, entry, loading.loaded);
  }

  /** Takes what encoders need of a picture that was chosen, while it is there. */
  look(camera: CameraId, picture: Picture): void {
    const entry = this.#entries.get(camera);
    const leases = entry?.chosen?.leases ?? [];
    if (entry === undefined || leases.length === 0) return;
    const bySize = new Map<string, Raster>();
    const pending: { readonly encoder: Encoder; readonly raster: Raster }[] = [];
    for (const { encoder } of leases) {
      const { size } = encoder;
      const key = size === undefined ? '' : `${size.width}x${size.height}`;
      try {
        const raster = bySize.get(key) ?? entry.reader.read(picture, size);
        bySize.set(key, raster);
        pending.push({ encoder, raster });
      } catch (error) {
        this.#refuse(camera, entry, encoder.id, error);
      }
    }
    entry.pending.set(picture.frameSeq, pending);
  }

  /**
   * Adds the features to a frame that was looked at; anything else is given back as it is.
   * @param key whose frames an encoder compares with each other
   * @throws PlatformError INFERENCE_FAILED
   */
  async encode(feature: Feature, key: CameraId = feature.camera): Promise<Feature> {
    const entry = this.#entries.get(feature.camera);
    if (entry === undefined || feature.kind !== 'frame') return feature;
    const pending = entry.pending.get(feature.frameSeq) ?? [];
    entry.pending.delete(feature.frameSeq);
    const tensors: FeatureTensor[] = [];
    for (const { encoder, raster } of pending) {
      try {
        const [values] = await encoder.encode([raster], key);
        if (values !== undefined) tensors.push(tensorOf(feature, encoder, values));
      } catch (error) {
        this.#refuse(feature.camera, entry, encoder.id, error);
      }
    }
    return tensors.length === 0 ? feature : { ...feature, tensors };
  }

  /** Idempotent. */
  async close(): Promise<void> {
    const entries = [...this.#entries.values()];
    this.#entries.clear();
    for (const entry of entries) {
      entry.reader.close();
      await entry.loading?.done;
      const leases = [...entry.chosen?.leases ?? [], ...entry.loading?.loaded === undefined || entry.loading.loaded === entry.chosen ? [] : entry.loading.loaded.leases];
      await Promise.all(leases.map((lease) => lease.release()));
    }
  }

  #appear(camera: CameraId, wishes: readonly EncodingWish[]): Entry {
    const entry: Entry = { wishes, reader: this.#options.createReader(), chosen: undefined, loading: undefined, pending: new Map(), told: new Map() };
    this.#entries.set(camera, entry);
    return entry;
  }

  /** Starts to load what is wanted; what was being loaded before is given back. */
  async #load(camera: CameraId, entry: Entry, modality: Modality): Promise<void> {
    const { loading: before, wishes } = entry;
    await before?.done;
    if (before?.loaded !== undefined) await Promise.all(before.loaded.leases.map((lease) => lease.release()));
    entry.told.clear();
    const loading: NonNullable<Entry['loading']> = { wishes, modality, loaded: undefined, done: this.#take(camera, entry, modality).then((leases) => { loading.loaded = { wishes, modality, leases }; }) };
    entry.loading = loading;
  }

  async #take(camera: CameraId, entry: Entry, modality: Modality): Promise<readonly Lease[]> {
    const leases = await Promise.all(entry.wishes.map(async (wish) => {
      try {
        return await this.#pool.take(modality, wish);
      } catch (error) {
        if (!(error instanceof PlatformError)) throw error;
        this.#tell(camera, entry, wish.name, error);
        return undefined;
      }
    }));
    return leases.filter((lease) => lease !== undefined);
  }

  async #switch(camera: CameraId, entry: Entry, loaded: Chosen): Promise<void> {
    const before = entry.chosen?.leases ?? [];
    entry.chosen = loaded;
    entry.loading = undefined;
    for (const { encoder } of before) if (loaded.leases.every((lease) => lease.encoder !== encoder)) [camera, backfillLane(camera)].forEach((key) => encoder.forget(key));
    await Promise.all(before.map((lease) => lease.release()));
    if (loaded.wishes.length > 0) return;
    entry.reader.close(); // it wants nothing any more: nothing is kept of it
    if (entry.wishes === loaded.wishes) this.#entries.delete(camera);
  }

  #refuse(camera: CameraId, entry: Entry, name: string, error: unknown): void {
    if (!(error instanceof PlatformError) || !UNFIT.includes(error.code)) throw error;
    this.#tell(camera, entry, name, error);
  }

  #tell(camera: CameraId, entry: Entry, name: string, error: PlatformError): void {
    if (entry.told.get(name) !== error.code) this.#options.onRefused(camera, name, error);
    entry.told.set(name, error.code);
  }
}

function modalityOf({ codec, samples }: StreamParameters): Modality {
  return codec === 'fff' ? 'thermal' : samples?.modality ?? 'rgb';
}

function tensorOf(feature: FrameFeature, encoder: Encoder, values: Float32Array): FeatureTensor {
  const { camera, epoch, frameSeq, capturedAt, arrivedAt, ptsSeconds, decodeMs } = feature;
  return {
    camera, epoch, frameSeq, capturedAt, arrivedAt, ptsSeconds, modality: encoder.modality, encoder: encoder.id, dtype: 'float32', shape: encoder.shape, geometry: null,
    decodeMs, encoding: 'raw', baseSeq: -1, payload: new Uint8Array(values.buffer, values.byteOffset, values.byteLength),
  };
}
