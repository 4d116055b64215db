import { totalmem } from 'node:os';

/** Half of the memory that this machine or container has, in bytes: what one process may hold before it is taken for runaway. */
export function halfOfMemory(): number {
  return Math.min(totalmem(), process.constrainedMemory() || Number.POSITIVE_INFINITY) / 2; // 0 or more than there is: no limit is set
}
