import type { Feeding } from '../../src/data-ops/progress/tracked-part.ts';
import type { ChunkPart } from '../../src/messages/chunk-part.ts';
import type { LinkOutPort } from '../../src/transports/ipc-types.ts';
import type { ChildLink } from './host-task.ts';

/** A vision process that takes encoded video: single units, as it gets them from an ingest process. */
export function visionLink(port: LinkOutPort<ChunkPart> & Pick<ChildLink<ChunkPart>, 'leave'>, signal: AbortSignal): ChildLink<ChunkPart> {
  const push = (part: ChunkPart): Promise<void> => {
    const capturedAt = part.units[0]?.capturedAt ?? part.chunkStartedAt;
    return port.push([{ body: part, key: part.camera, capturedAt, trace: '' }], signal);
  };
  return {
    room: until => port.room(until),
    async feed({ part, first, end, isAccounted, isRecovered, isEnd, feed }: Feeding<ChunkPart>) {
      const pushes: Promise<void>[] = [];
      const base = { ...part, isAccounted, isRecovered, feed, isEpochEnd: false };
      for (let index = first; index < end; index += 1) pushes.push(push({ ...base, partSeq: part.partSeq + index, units: part.units.slice(index, index + 1) }));
      if (isEnd) pushes.push(push({ ...base, partSeq: part.partSeq + part.units.length, units: [], isEpochEnd: true }));
      await Promise.all(pushes);
    },
    onAttach: listener => port.onAttach(() => { port.discard(); listener(); }),
    leave: camera => port.leave?.(camera),
    depth: () => port.depth(),
  };
}
