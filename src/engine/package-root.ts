import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Folder of the package's own files (`config/`, `schemas/`), the same in a clone and in an installed package. */
export function packageRoot(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, 'config', 'default.toml'))) {
    const parent = dirname(folder);
    if (parent === folder) throw new Error('config/default.toml not found above the program');
    folder = parent;
  }
  return folder;
}
