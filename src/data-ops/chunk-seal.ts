import type { Envelope, OutPort } from '../engine/ports.ts';
import type { ChunkPart } from '../messages/chunk-part.ts';
import { ChunkDigest, type CreateHash } from './chunk-digest.ts';

/**
 * An output for the parts of one camera that ends each chunk with its content hash, so that a reader far away can tell that it has all of it:
 * on the part that ends the epoch, else on one without units before the next chunk. Without where this process did not see the chunk from its beginning.
 */
export class ChunkSeal implements OutPort<ChunkPart> {
  readonly #output: OutPort<ChunkPart>;
  readonly #digest: ChunkDigest;
  #last: Envelope<ChunkPart> | undefined;

  constructor(output: OutPort<ChunkPart>, createHash: CreateHash) {
    this.#output = output;
    this.#digest = new ChunkDigest(createHash);
  }

  push(items: readonly Envelope<ChunkPart>[], signal: AbortSignal): Promise<void> {
    return this.#output.push(items.flatMap(item => this.#seal(item)), signal);
  }

  room(signal: AbortSignal): Promise<void> { return this.#output.room(signal); }

  #seal(item: Envelope<ChunkPart>): readonly Envelope<ChunkPart>[] {
    const { body } = item;
    const last = this.#last;
    const closed = last && body.epoch === last.body.epoch && body.chunkSeq > last.body.chunkSeq ? this.#closing(last) : []; // an older one: it is sent again
    this.#digest.add(body);
    const contentHash = body.isEpochEnd ? this.#digest.digest() : undefined;
    this.#last = body.isEpochEnd ? undefined : { ...item, body: { ...body, units: [] } };
    return [...closed, contentHash === undefined ? item : { ...item, body: { ...body, contentHash } }];
  }

  #closing(last: Envelope<ChunkPart>): readonly Envelope<ChunkPart>[] {
    const contentHash = this.#digest.digest();
    if (contentHash === undefined) return [];
    return [{ ...last, body: { ...last.body, partSeq: last.body.partSeq + 1, contentHash } }];
  }
}
