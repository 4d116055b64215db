import { readdir, stat } from 'node:fs/promises';

const PICTURE = /\.(?:jpe?g|png|tiff?|fff)$/i;

/** True for the path of a picture, by its name: JPEG, PNG, TIFF or FLIR record. */
export function isPictureName(path: string): boolean { return PICTURE.test(path); }

/** Names of the pictures of a folder in the order they are read (numbers in them count as numbers); undefined when `path` is no folder. */
export async function pictureNames(path: string): Promise<readonly string[] | undefined> {
  const isFolder = await stat(path).then(found => found.isDirectory(), () => false);
  if (!isFolder) return undefined;
  return (await readdir(path)).filter(isPictureName).toSorted(new Intl.Collator('en', { numeric: true }).compare);
}
