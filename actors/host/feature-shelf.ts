import type { InPort } from '../../src/engine/ports.ts';
import type { FrameId } from '../../src/messages/frame-id.ts';
import type { FeatureTensor } from '../../src/messages/feature-tensor.ts';

/** Of features that wait for the record of their frame, as a rule for a tenth of a second. */
const SHELF_BYTES = 64 << 20;

/**
 * Features of frames until the record of their frame is written: both go in one transaction. A vision process brings them before the record; those of a
 * frame that is worked on again take the place of the first ones. Bounded: what nobody asks for, as after a partition was lost, gives way.
 */
export class FeatureShelf {
  readonly #frames = new Map<string, FeatureTensor[]>();
  #bytes = 0;

  /** Frames that wait. */
  get size(): number { return this.#frames.size; }

  put(tensor: FeatureTensor): void {
    const key = keyOf(tensor);
    const others = this.#remove(key).filter(({ encoder }) => encoder !== tensor.encoder);
    this.#frames.set(key, [...others, tensor]);
    this.#bytes += sizeOf(this.#frames.get(key) ?? []);
    for (const [oldest] of this.#frames) {
      if (this.#bytes <= SHELF_BYTES || oldest === key) break;
      this.#remove(oldest);
    }
  }

  /** The features of a frame; they are not given again. */
  take(id: FrameId): readonly FeatureTensor[] { return this.#remove(keyOf(id)); }

  /** Takes what vision processes bring, acknowledged once it is here, until the signal aborts. */
  async fill(port: InPort<FeatureTensor>, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const delivery = await port.pull(64, signal).catch((error: unknown) => { if (!signal.aborted) throw error; });
      if (delivery === undefined) return;
      for (const { body } of delivery.items) this.put(body);
      await delivery.ack();
    }
  }

  #remove(key: string): FeatureTensor[] {
    const tensors = this.#frames.get(key) ?? [];
    this.#frames.delete(key);
    this.#bytes -= sizeOf(tensors);
    return tensors;
  }
}

function keyOf({ camera, epoch, frameSeq }: FrameId): string { return `${camera}/${epoch}/${frameSeq}`; }

function sizeOf(tensors: readonly FeatureTensor[]): number { return tensors.reduce((sum, { payload }) => sum + payload.byteLength + 512, 0); }
