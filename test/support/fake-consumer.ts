import { PlatformError } from '../../src/engine/errors.ts';
import type { Envelope } from '../../src/engine/ports.ts';
import type { CameraId } from '../../src/engine/units.ts';
import type { ChunkPart } from '../../src/messages/chunk-part.ts';
import type { LinkOutPort } from '../../src/transports/ipc-types.ts';

interface Item { readonly envelope: Envelope<ChunkPart>; readonly done: () => void; readonly lost: (error: unknown) => void }
interface Decoder { feed: number; epoch: number; expected: number; readonly held: number[] }

/** A vision process at the other end of a link: decodes in order, holds frames back, ends each frame it is to end, and says what it could not decode. */
export class FakeConsumer implements LinkOutPort<ChunkPart> {
  readonly name: string;
  /** Frames as `camera/epoch/frame`, in the order they were ended. */
  readonly ended: string[] = [];
  /** What was fed so that no decoder can make use of it. */
  readonly undecodable: string[] = [];
  references = 0;
  #items: Item[] = [];
  #decoders = new Map<CameraId, Decoder>();
  #isAttached = false;
  readonly #listeners = new Set<() => void>();
  readonly #hold: number;

  constructor(name: string, hold: number) {
    this.name = name;
    this.#hold = hold;
  }

  push(items: readonly Envelope<ChunkPart>[]): Promise<void> {
    return Promise.all(items.map(envelope => new Promise<void>((done, lost) => { this.#items.push({ envelope, done, lost }); }))).then(() => {});
  }

  async room(): Promise<void> { /* there always is */ }

  onAttach(listener: () => void): () => void {
    this.#listeners.add(listener);
    if (this.#isAttached) listener();
    return () => { this.#listeners.delete(listener); };
  }

  discard(): void { for (const item of this.#items.splice(0)) item.lost(new PlatformError('PORT_CLOSED', 'discarded')); }
  depth(): { readonly items: number; readonly bytes: number } { return { items: this.#items.length, bytes: 0 }; }
  close(): void { this.discard(); }

  /** A process connects that knows nothing. */
  attach(): void {
    this.#isAttached = true;
    this.#decoders = new Map();
    for (const listener of this.#listeners) listener();
  }

  /** Works on up to `count` parts. */
  take(count: number): void {
    for (const item of this.#items.splice(0, count)) {
      this.#decode(item.envelope.body);
      item.done();
    }
  }

  #decode(part: ChunkPart): void {
    const { camera, epoch, feed } = part;
    let decoder = this.#decoders.get(camera);
    if (decoder && feed < decoder.feed) return;
    if (!decoder || feed > decoder.feed) this.#decoders.set(camera, decoder = { feed, epoch, expected: -1, held: [] });
    if (decoder.epoch !== epoch) { this.#give(part, decoder, 0); decoder.epoch = epoch; decoder.expected = -1; }
    for (const { frameSeq, isKey } of part.units) {
      const isDecodable = isKey || frameSeq === decoder.expected;
      decoder.expected = isDecodable ? frameSeq + 1 : -1;
      if (part.isAccounted) this.references += 1;
      else if (isDecodable) decoder.held.push(frameSeq);
      else this.undecodable.push(`${camera}/${epoch}/${frameSeq}`);
    }
    this.#give(part, decoder, part.isEpochEnd ? 0 : this.#hold);
    if (part.isEpochEnd) decoder.expected = -1;
  }

  #give({ camera }: ChunkPart, decoder: Decoder, hold: number): void {
    while (decoder.held.length > hold) this.ended.push(`${camera}/${decoder.epoch}/${decoder.held.shift()}`);
  }
}
