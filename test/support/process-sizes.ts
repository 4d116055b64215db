import { readdirSync } from 'node:fs';
import { residentBytes } from './process-table.ts';

/** What a process holds of the system. */
export interface ProcessSizes { readonly rssBytes: number; readonly descriptors: number; readonly threads: number }

/** Of a process that lives; undefined when it has ended. */
export function sizesOf(pid: number): ProcessSizes | undefined {
  try {
    const rssBytes = residentBytes(pid);
    return rssBytes === undefined ? undefined : { rssBytes, descriptors: readdirSync(`/proc/${pid}/fd`).length, threads: readdirSync(`/proc/${pid}/task`).length };
  } catch {
    return undefined;
  }
}

/** Middle value of each. */
export function medianSizes(samples: readonly ProcessSizes[]): ProcessSizes {
  const middle = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1] ?? 0;
  return { rssBytes: middle(samples.map(({ rssBytes }) => rssBytes)), descriptors: middle(samples.map(({ descriptors }) => descriptors)), threads: middle(samples.map(({ threads }) => threads)) };
}
