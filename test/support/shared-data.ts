import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** The absolute path of a file of the shared data beside the repository; undefined when it is not there. */
export function sharedData(relative: string): string | undefined {
  const path = fileURLToPath(new URL(relative, new URL('../../../shared/data/', import.meta.url)));
  return existsSync(path) ? path : undefined;
}
