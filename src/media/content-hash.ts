import { createHash } from 'node:crypto';
import { nalUnits, type UnitLayout } from './nal.ts';

/** Digest over the content of a chunk, independent of how its units are framed. */
export interface ContentHash {
  /** Adds one access unit. The layout may change between units. */
  update(unit: Uint8Array, layout: UnitLayout): void;
  /** Lower-case hex of what was added so far; more may be added afterwards. */
  digest(): string;
}

/**
 * SHA-256 over `u32be length || bytes` of each NAL unit (AV1: OBU; other codecs: packet), in order. Equal for the Annex-B and the
 * length-prefixed form of one stream.
 */
export function createContentHash(): ContentHash {
  const hash = createHash('sha256');
  const length = Buffer.alloc(4);
  return {
    update(unit, layout) {
      for (const nal of nalUnits(unit, layout)) {
        length.writeUInt32BE(nal.length);
        hash.update(length).update(nal);
      }
    },
    digest: () => hash.copy().digest('hex'),
  };
}
