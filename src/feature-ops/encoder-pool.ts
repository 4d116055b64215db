import type { EncodingWish } from '../messages/desired-camera.ts';
import type { Modality } from '../messages/raster.ts';
import type { Encoder } from './encoders/encoder.ts';

/** Opens an encoder. @throws PlatformError as `FeatureFactory.instantiate` */
export type OpenEncoder = (modality: Modality, wish: EncodingWish) => Promise<Encoder>;

/** An encoder in use. Given back once, by whoever took it. */
export interface Lease {
  readonly encoder: Encoder;
  release(): Promise<void>;
}

interface Shared { readonly opening: Promise<Encoder>; users: number }

/** Encoders that cameras share: one session for all that want the same. What has no user left is closed. */
export class EncoderPool {
  readonly #open: OpenEncoder;
  readonly #shared = new Map<string, Shared>();

  constructor(open: OpenEncoder) {
    this.#open = open;
  }

  /** Encoders that are open or being opened. */
  get size(): number { return this.#shared.size; }

  /** @throws PlatformError as `OpenEncoder`; the next one to ask tries again */
  async take(modality: Modality, wish: EncodingWish): Promise<Lease> {
    const key = JSON.stringify([modality, wish.name, wish.options]);
    const shared = this.#shared.get(key) ?? { opening: this.#open(modality, wish), users: 0 };
    this.#shared.set(key, shared);
    shared.users += 1;
    const leave = (): boolean => {
      shared.users -= 1;
      if (shared.users > 0) return false;
      if (this.#shared.get(key) === shared) this.#shared.delete(key);
      return true;
    };
    try {
      const encoder = await shared.opening;
      return { encoder, release: async () => { if (leave()) await encoder.close(); } };
    } catch (error) {
      leave();
      throw error;
    }
  }
}
