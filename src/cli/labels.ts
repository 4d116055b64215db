import { readFileSync } from 'node:fs';
import { PlatformError } from '../engine/errors.ts';

/**
 * Class names of a text file, one a line in the order of the model's output; blank lines at the end do not count.
 * @throws PlatformError CONFIG_INVALID when the file cannot be read, is empty, or has a blank line between names
 */
export function readLabels(path: string): readonly string[] {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (cause) {
    throw new PlatformError('CONFIG_INVALID', `labels file ${path} cannot be read: ${(cause as Error).message}`, { path }, cause);
  }
  const labels = text.replace(/^\uFEFF/, '').trimEnd().split(/\r?\n/).map((line) => line.trim());
  const blank = labels.indexOf('');
  if (blank >= 0) throw new PlatformError('CONFIG_INVALID', `labels file ${path} has no name in line ${blank + 1}`, { path });
  return labels;
}
