import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** Absolute path of a file of the shared real inputs that lie beside the repository; undefined where they are absent. */
export function sharedData(relative: string): string | undefined {
  const path = fileURLToPath(new URL(relative, new URL('../../../shared/data/', import.meta.url)));
  return existsSync(path) ? path : undefined;
}
