import { createContentHash, type createChunkWriter } from '../../src/media/index.ts';

/** The content hash of a stream with these parameters, as the archive wants it. */
export function contentHashOf(parameters: Parameters<typeof createChunkWriter>[1]): { update(data: Uint8Array): void; digest(): string } {
  const hash = createContentHash();
  return { update: data => hash.update(data, parameters), digest: () => hash.digest() };
}
