import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** The absolute path of a file of the shared test data, or undefined where that folder is absent. */
export function sharedData(relative: string): string | undefined {
  const path = fileURLToPath(new URL(relative, new URL('../../../shared/data/', import.meta.url)));
  return existsSync(path) ? path : undefined;
}
