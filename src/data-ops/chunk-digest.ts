import type { ChunkPart } from '../messages/chunk-part.ts';
import type { StreamParameters } from '../messages/stream-parameters.ts';

/** Makes the content hash of a stream with these parameters. */
export type CreateHash = (parameters: StreamParameters) => { update(data: Uint8Array): void; digest(): string };

/**
 * The content hash of the chunk that a camera's parts are in, from the parts alone. Repeats are passed over; a chunk of which a unit is missing,
 * or whose beginning was not seen, has none.
 */
export class ChunkDigest {
  readonly #createHash: CreateHash;
  #hash: ReturnType<CreateHash> | undefined;
  #epoch = -1;
  #chunkSeq = -1;
  #next = -1;

  constructor(createHash: CreateHash) {
    this.#createHash = createHash;
  }

  add(part: ChunkPart): void {
    if (part.epoch !== this.#epoch || part.chunkSeq !== this.#chunkSeq) {
      [this.#epoch, this.#chunkSeq] = [part.epoch, part.chunkSeq];
      this.#next = part.units[0]?.frameSeq ?? -1;
      this.#hash = part.partSeq === 0 ? this.#createHash(part.parameters) : undefined;
    }
    for (const { frameSeq, data } of part.units) {
      if (frameSeq < this.#next) continue;
      if (frameSeq > this.#next) this.#hash = undefined;
      this.#hash?.update(data);
      this.#next = frameSeq + 1;
    }
  }

  /** SHA-256, hex, over what the chunk holds so far; undefined when that is not known. */
  digest(): string | undefined { return this.#hash?.digest(); }
}
