import type { StreamParameters } from '../../messages/stream-parameters.ts';

/** A hash over the NAL (OBU, packet) sequence of a chunk: the same for the units of a source and for the packets of its file. */
export interface ContentHash {
  update(content: Uint8Array): void;
  /** Hex. Called once. */
  digest(): string;
}

/** Starts a hash over units of a stream. */
export type ContentHashFactory = (parameters: StreamParameters) => ContentHash;
