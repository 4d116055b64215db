import type { Feeding } from '../../src/data-ops/progress/tracked-part.ts';
import type { ChunkPart } from '../../src/messages/chunk-part.ts';
import type { LinkOutPort } from '../../src/transports/ipc-types.ts';
import type { ChildLink } from './host-task.ts';

/** A vision process that takes encoded video: single units, as it gets them from an ingest process. */
export function visionLink(port: LinkOutPort<ChunkPart>, signal: AbortSignal): ChildLink<ChunkPart> {
  const push = (part: ChunkPart): void => {
    const capturedAt = part.units[0]?.capturedAt ?? part.chunkStartedAt;
    port.push([{ body: part, key: part.camera, capturedAt, trace: '' }], signal).catch(() => { /* the process is gone: the next one is fed again */ });
  };
  return {
    room: until => port.room(until),
    feed({ part, first, end, isAccounted, isRecovered, isEnd, feed }: Feeding<ChunkPart>) {
      const base = { ...part, isAccounted, isRecovered, feed, isEpochEnd: false };
      for (let index = first; index < end; index += 1) push({ ...base, partSeq: part.partSeq + index, units: part.units.slice(index, index + 1) });
      if (isEnd) push({ ...base, partSeq: part.partSeq + part.units.length, units: [], isEpochEnd: true });
    },
    onAttach: listener => port.onAttach(() => { port.discard(); listener(); }),
    depth: () => port.depth(),
  };
}
