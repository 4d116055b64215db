import type { ChunkPart } from '../messages/chunk-part.ts';
import { ChunkDigest, type CreateHash } from './chunk-digest.ts';

/** Compares the content of chunks with the hash that their last part gives. Parts of a session come in the order of their partition. */
export class ChunkProof {
  readonly #createHash: CreateHash;
  readonly #sessions = new Map<string, ChunkDigest>();
  /** Chunks that are as they were recorded. */
  proven = 0;

  constructor(createHash: CreateHash) {
    this.#createHash = createHash;
  }

  /** What is wrong with the chunk that the part ends; undefined: nothing, or nothing that could be told. */
  take(part: ChunkPart): string | undefined {
    const digest = this.#digestOf(part);
    digest.add(part);
    const actual = part.contentHash === undefined ? undefined : digest.digest();
    if (actual === undefined) return undefined;
    if (actual !== part.contentHash) return `chunk ${part.chunkSeq} has the content hash ${actual} instead of ${part.contentHash}`;
    this.proven += 1;
    return undefined;
  }

  #digestOf({ camera, epoch }: ChunkPart): ChunkDigest {
    const session = `${camera}/${epoch}`;
    const known = this.#sessions.get(session) ?? new ChunkDigest(this.#createHash);
    this.#sessions.set(session, known);
    return known;
  }
}
