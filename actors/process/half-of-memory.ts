import { totalmem } from 'node:os';

/** What decoders of many cameras and a model take together, with room: a smaller limit would end processes that work. */
const LEAST_BYTES = 2 ** 30;

/** Half of the memory that this machine or container has, in bytes, and at least 1 GiB: what one process may hold before it is taken for runaway. */
export function halfOfMemory(): number {
  return Math.max(LEAST_BYTES, Math.min(totalmem(), process.constrainedMemory() || Number.POSITIVE_INFINITY) / 2); // 0 or more than there is: no limit is set
}
